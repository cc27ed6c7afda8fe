/* onnx_facts.c: facts about a model's configuration from its weights and graph. */
#include "import/import_onnx.h"

#include <stdlib.h>

/* ---- looking at weights ---- */

const mm_tensor *mm_fact_tensor(const mm_onnx_import *m, const char *name)
{
    char full[400];
    snprintf(full, sizeof full, "%s%s", m->own_prefix, name);
    return mm_draft_find(m->d, full);
}

int64_t mm_fact_dim(const mm_onnx_import *m, const char *name, int i)
{
    const mm_tensor *t = mm_fact_tensor(m, name);
    return t && i < t->s.rank ? t->s.dim[i] : 0;
}

/* How many of head0tail, head1tail … there are. */
int64_t mm_fact_count(const mm_onnx_import *m, const char *head, const char *tail)
{
    char name[256];
    int64_t n = 0;
    while (snprintf(name, sizeof name, "%s%lld%s", head, (long long)n, tail) < (int)sizeof name &&
           mm_fact_tensor(m, name))
        n++;
    return n;
}

/* ---- looking at the graph ---- */

static bool holds(mm_str s, const char *part)
{
    return s.n && memmem(s.p, s.n, part, strlen(part));
}

/* A node of the first transformer layer in a scope ("text_model/"; "": the whole graph). */
static bool in_first_layer(const mm_onnx_node *n, const char *scope)
{
    return holds(n->name, scope) && (holds(n->name, "/layer.0/") || holds(n->name, "/layers.0/"));
}

/* A constant input of one integer. */
static bool one_int(const mm_onnx_import *m, mm_str name, int64_t *v)
{
    const mm_onnx_weight *w = mm_onnx_find(&m->x, name);
    if (!w || w->t.s.type != MM_I64 || mm_shape_count(&w->t.s) != 1)
        return false;
    memcpy(v, w->t.data, 8);
    return true;
}

/* Heads from [.., heads, width / heads] or [.., −1, width / heads], the shape that queries are split into. */
static int64_t heads_of_pair(int64_t a, int64_t b, int64_t width)
{
    if (b <= 0 || b >= width || width % b)
        return 0;
    return a == width / b || a == -1 ? width / b : 0;
}

static int64_t heads_of_node(const mm_onnx_import *m, const mm_onnx_node *n, int64_t width)
{
    int64_t a, b;
    if (mm_str_is(n->op, "Concat"))
        for (int i = 0; i + 1 < n->n_in; i++)
            if (one_int(m, n->in[i], &a) && one_int(m, n->in[i + 1], &b) && heads_of_pair(a, b, width))
                return heads_of_pair(a, b, width);
    const mm_onnx_weight *w = mm_str_is(n->op, "Reshape") && n->n_in == 2 ? mm_onnx_find(&m->x, n->in[1]) : NULL;
    if (!w || w->t.s.type != MM_I64 || w->t.s.rank != 1 || w->t.s.dim[0] != 4)
        return 0;
    memcpy(&a, (const char *)w->t.data + 16, 8);
    memcpy(&b, (const char *)w->t.data + 24, 8);
    return heads_of_pair(a, b, width);
}

int64_t mm_fact_heads(const mm_onnx_import *m, const char *scope, int64_t width)
{
    int64_t h = 0;
    for (int64_t i = 0; i < m->x.nodes && !h; i++)
        if (in_first_layer(&m->x.node[i], scope) && holds(m->x.node[i].name, "att"))
            h = heads_of_node(m, &m->x.node[i], width);
    return h;
}

/* The constant that is added under the root; 0 when n adds none. */
static float added(const mm_onnx_import *m, const mm_onnx_node *n)
{
    float v = 0;
    for (int i = 0; mm_str_is(n->op, "Add") && i < n->n_in; i++) {
        const mm_onnx_weight *w = mm_onnx_find(&m->x, n->in[i]);
        if (w && w->t.s.type == MM_F32 && mm_shape_count(&w->t.s) == 1)
            memcpy(&v, w->t.data, 4);
    }
    return v;
}

double mm_fact_epsilon(const mm_onnx_import *m, const char *scope, double otherwise)
{
    for (int64_t i = 0; i < m->x.nodes; i++) {
        const mm_onnx_node *n = &m->x.node[i];
        if (!in_first_layer(n, scope))
            continue;
        float v = mm_str_is(n->op, "LayerNormalization") ? mm_onnx_float(n, "epsilon", 1e-5f) : added(m, n);
        if (v > 0 && v < 1e-2f) {
            char text[32];
            snprintf(text, sizeof text, "%.6g", (double)v); /* 1e-06, not 9.99999997e-07 */
            return strtod(text, NULL);
        }
    }
    return otherwise;
}

const char *mm_fact_activation(const mm_onnx_import *m, const char *scope)
{
    static const char *const known[][2] = {
        {"Erf", "gelu"}, {"Gelu", "gelu"}, {"Tanh", "gelu_new"}, {"Sigmoid", "quick_gelu"}, {"Relu", "relu"}};
    for (int64_t i = 0; i < m->x.nodes; i++)
        for (size_t k = 0; in_first_layer(&m->x.node[i], scope) && k < sizeof known / sizeof *known; k++)
            if (mm_str_is(m->x.node[i].op, known[k][0]))
                return known[k][1];
    return "gelu";
}

const mm_onnx_node *mm_fact_node(const mm_onnx_import *m, const char *scope, const char *op)
{
    for (int64_t i = 0; i < m->x.nodes; i++)
        if (mm_str_is(m->x.node[i].op, op) && holds(m->x.node[i].name, scope))
            return &m->x.node[i];
    return NULL;
}
