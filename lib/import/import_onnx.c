/* import_onnx.c: gives the weights of PyTorch's ONNX export of a transformer their names in Hugging Face's layout.
 *
 * The exporter keeps the names of most parameters. A linear layer without fused bias becomes MatMul(x, Wᵀ) with a
 * transposed copy called onnx::MatMul_123; folded constants get such names, too. The node that uses one is named after
 * its module: /encoder/layer.0/attention/attention/query/MatMul, so its weight is
 * encoder.layer.0.attention.attention.query.weight. Parameters with equal values are stored once and shared through
 * Identity nodes that have the other names. The graph's computation is ignored, except for the constants that
 * config.json needs (onnx_config.c). */
#include "import/import_onnx.h"

#include "base/file.h"
#include "import/import.h"

#include <stdlib.h>

/* A name that the exporter made up: onnx::MatMul_123, /encoder/Concat_output_0, val_27, expand. Names of parameters
 * have dots, except for the few of the model itself. */
static bool made_up(mm_str name)
{
    static const char *const own[] = {"masked_spec_embed", "logit_scale"};
    if (name.n == 0 || name.p[0] == '/' || (name.n > 6 && memcmp(name.p, "onnx::", 6) == 0))
        return true;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (mm_str_is(name, own[i]))
            return false;
    return memchr(name.p, '.', name.n) == NULL || memmem(name.p, name.n, "_output_", 8) != NULL;
}

/* "/encoder/layer.0/fc1/MatMul" → "encoder.layer.0.fc1"; "" for a node outside any module. */
static bool scope_of(mm_str node, char out[256])
{
    if (node.n < 2 || node.p[0] != '/')
        return false;
    size_t n = node.n;
    while (n > 0 && node.p[n - 1] != '/')
        n--;
    n = n > 1 ? n - 2 : 0; /* without the first and the last '/' */
    if (n >= 200)
        return false;
    for (size_t i = 0; i < n; i++)
        out[i] = node.p[i + 1] == '/' ? '.' : node.p[i + 1];
    out[n] = 0;
    return true;
}

static mm_status keep(mm_onnx_import *m, const char *name, const mm_tensor *t, bool transpose, mm_err *e)
{
    if (mm_draft_find(&m->named, name)) /* a module that is called twice, or a shared weight */
        return MM_OK;
    mm_status s = mm_draft_add(&m->named, name, t, e);
    if (s != MM_OK || !transpose)
        return s;
    char *copy = mm_arena_printf(&m->named.arena, "%s", name);
    if (!copy || m->transposed == MM_ONNX_TRANSPOSED)
        return mm_fail_memory(e);
    m->transpose[m->transposed++] = copy;
    return MM_OK;
}

/* The last part of a parameter's name ("weight") for an unnamed constant that is input i of node n; NULL: no parameter.
 */
static const char *tail_of(const mm_onnx_node *n, int i, const char *scope, const mm_tensor *t, bool *transpose)
{
    bool weight = i == 1;
    *transpose = false;
    if (mm_str_is(n->op, "MatMul") && weight && t->s.rank == 2) {
        *transpose = true;
        return "weight";
    }
    if (mm_str_is(n->op, "Gemm") && (weight || i == 2)) {
        *transpose = weight && mm_onnx_int(n, "transB", 0) == 0;
        return weight ? "weight" : "bias";
    }
    if ((mm_str_is(n->op, "Conv") || mm_str_is(n->op, "LayerNormalization")) && (weight || i == 2))
        return weight ? "weight" : "bias";
    if (mm_str_is(n->op, "Concat") && i < 2 && t->s.rank == 3 && t->s.dim[0] == 1 && t->s.dim[1] == 1 &&
        mm_path_ends(scope, "embeddings")) { /* folded with a batch of one: the tokens before the patches */
        if (strstr(scope, "vision_model"))
            return i == 0 ? "class_embedding" : NULL;
        return i == 0 ? "cls_token" : "distillation_token";
    }
    if (mm_str_is(n->op, "Add") && t->s.rank == 3 && t->s.dim[0] == 1 && mm_path_ends(scope, "vision_model.embeddings"))
        return "position_embedding.weight"; /* folded, since the image's size is fixed */
    if (mm_path_ends(scope, "norm")) {      /* group norm: InstanceNormalization, then × [C,1] + [C,1] */
        if (mm_str_is(n->op, "Mul"))
            return "weight";
        if (mm_str_is(n->op, "Add"))
            return "bias";
    }
    return NULL;
}

static mm_status name_by_node(mm_onnx_import *m, const mm_onnx_node *n, int i, const mm_onnx_weight *w, mm_err *e)
{
    char scope[256], name[300];
    bool transpose;
    bool floating = w->t.s.type == MM_F32 || w->t.s.type == MM_F16 || w->t.s.type == MM_BF16 || w->t.s.type == MM_F64;
    if (!floating || w->t.s.rank == 0 || !scope_of(n->name, scope))
        return MM_OK;
    const char *tail = tail_of(n, i, scope, &w->t, &transpose);
    if (!tail)
        return MM_OK;
    mm_tensor t = w->t;
    if (mm_path_ends(scope, "norm") && t.s.rank == 2 && t.s.dim[1] == 1)
        t.s.rank = 1;
    if (t.s.rank == 3 && mm_path_ends(scope, "vision_model.embeddings")) { /* CLIP keeps [D] and [N,D] */
        t.s.rank = t.s.dim[1] == 1 ? 1 : 2;
        t.s.dim[0] = t.s.dim[1] == 1 ? t.s.dim[2] : t.s.dim[1];
        t.s.dim[1] = t.s.dim[2];
    }
    snprintf(name, sizeof name, "%s%s%s", scope, scope[0] ? "." : "", tail);
    return keep(m, name, &t, transpose, e);
}

static bool quantised(const mm_onnx_node *n)
{
    static const char *const ops[] = {"MatMulInteger", "DynamicQuantizeLinear", "QLinearMatMul", "DequantizeLinear",
                                      "QAttention",    "DynamicQuantizeMatMul", "ConvInteger",   "QLinearConv",
                                      "MatMulNBits"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (mm_str_is(n->op, ops[i]))
            return true;
    return false;
}

static mm_status name_node(mm_onnx_import *m, const mm_onnx_node *n, mm_err *e)
{
    char name[256];
    if (quantised(n))
        return mm_fail(e, MM_FATAL, "%s: a quantised model (%.*s); import the float32 export", m->path, MM_STRF(n->op));
    mm_status s = MM_OK;
    for (int i = 0; i < n->n_in && s == MM_OK; i++) {
        const mm_onnx_weight *w = mm_onnx_find(&m->x, n->in[i]);
        if (!w)
            continue;
        if (mm_str_is(n->op, "Identity") && n->n_out == 1 && !made_up(n->out[0]) && n->out[0].n < sizeof name) {
            snprintf(name, sizeof name, "%.*s", MM_STRF(n->out[0]));
            s = keep(m, name, &w->t, false, e);
        } else if (made_up(n->in[i])) {
            s = name_by_node(m, n, i, w, e);
        }
    }
    return s;
}

/* Names from the exporter first, then names from the nodes. */
static mm_status name_weights(mm_onnx_import *m, mm_err *e)
{
    mm_status s = MM_OK;
    for (int64_t i = 0; i < m->x.weights && s == MM_OK; i++) {
        const mm_onnx_weight *w = &m->x.weight[i];
        char name[256];
        if (made_up(w->name) || w->name.n >= sizeof name)
            continue;
        snprintf(name, sizeof name, "%.*s", MM_STRF(w->name));
        s = keep(m, name, &w->t, false, e);
    }
    for (int64_t i = 0; i < m->x.nodes && s == MM_OK; i++)
        s = name_node(m, &m->x.node[i], e);
    return s;
}

/* ---- from the names in the file to those of the layout ---- */

static bool is_transposed(const mm_onnx_import *m, const char *name)
{
    for (int i = 0; i < m->transposed; i++)
        if (strcmp(m->transpose[i], name) == 0)
            return true;
    return false;
}

/* `name` with the first `from` replaced by `to`. */
static void replace(char name[256], const char *from, const char *to)
{
    char *at = strstr(name, from), out[256];
    if (at && snprintf(out, sizeof out, "%.*s%s%s", (int)(at - name), name, to, at + strlen(from)) < (int)sizeof out)
        memcpy(name, out, sizeof out);
}

/* For ViT and DINOv2, transformers ≥ 5 has other attribute names in memory than in published files. */
static void old_names(char name[256], const char *model_type)
{
    static const char *const vit[][2] = {{".mlp.fc1.", ".intermediate.dense."}, {".mlp.fc2.", ".output.dense."}};
    static const char *const both[][2] = {{".attention.q_proj.", ".attention.attention.query."},
                                          {".attention.k_proj.", ".attention.attention.key."},
                                          {".attention.v_proj.", ".attention.attention.value."},
                                          {".attention.o_proj.", ".attention.output.dense."}};
    bool is_vit = strcmp(model_type, "vit") == 0 || strcmp(model_type, "deit") == 0;
    if (!is_vit && strcmp(model_type, "dinov2") != 0)
        return;
    for (size_t i = 0; i < sizeof both / sizeof *both; i++)
        replace(name, both[i][0], both[i][1]);
    if (!is_vit)
        return;
    for (size_t i = 0; i < sizeof vit / sizeof *vit; i++)
        replace(name, vit[i][0], vit[i][1]);
    if (strncmp(name, "layers.", 7) == 0)
        replace(name, "layers.", "encoder.layer.");
    else if (!strstr(name, "encoder.layer"))
        replace(name, ".layers.", ".encoder.layer.");
}

static mm_status take(mm_onnx_import *m, const mm_named_tensor *from, const char *name, mm_err *e)
{
    char to[256];
    if (snprintf(to, sizeof to, "%s", name) >= (int)sizeof to)
        return mm_fail(e, MM_FATAL, "%s: the name of a weight is too long: %.80s…", m->path, name);
    old_names(to, m->arch->model_type);
    mm_tensor t = from->t;
    mm_status s = MM_OK;
    if (is_transposed(m, from->name))
        s = mm_draft_transposed(m->d, &t, &from->t, e);
    return s == MM_OK ? mm_draft_add(m->d, to, &t, e) : s;
}

/* Keeps a head beside the backbone when the backbone has its model's own name ("vit.…" beside "classifier.weight"), as
 * in the files of transformers; drops other modules of a wrapper, and its prefix. */
static mm_status take_all(mm_onnx_import *m, mm_err *e)
{
    size_t n = strlen(m->prefix);
    bool own = n && strncmp(m->prefix, m->arch->base, n - 1) == 0 && m->arch->base[n - 1] == 0;
    mm_status s = MM_OK;
    for (int64_t i = 0; i < m->named.n && s == MM_OK; i++) {
        const mm_named_tensor *t = &m->named.t[i];
        bool inside = strncmp(t->name, m->prefix, n) == 0;
        bool head = own && (strncmp(t->name, "classifier.", 11) == 0 || strncmp(t->name, "cls.", 4) == 0);
        if (inside && own)
            s = take(m, t, t->name, e);
        else if (inside)
            s = take(m, t, t->name + n, e);
        else if (head)
            s = take(m, t, t->name, e);
        else
            m->dropped++;
    }
    if (own)
        snprintf(m->own_prefix, sizeof m->own_prefix, "%s", m->prefix);
    return s;
}

mm_status mm_import_onnx(mm_draft *d, const void *bytes, size_t n, const char *path, const char *dir,
                         const mm_import_opts *o, mm_err *e)
{
    mm_onnx_import *m = calloc(1, sizeof *m);
    if (!m)
        return mm_fail_memory(e);
    m->d = d;
    m->path = path;
    m->log = o->log;
    mm_status s = mm_draft_init(&m->named, e);
    if (s == MM_OK)
        s = mm_onnx_parse(&m->x, d, bytes, n, path, dir, e);
    if (s == MM_OK)
        s = name_weights(m, e);
    if (s == MM_OK)
        s = mm_onnx_recognise(m, e);
    if (s == MM_OK)
        s = take_all(m, e);
    if (s == MM_OK)
        s = mm_onnx_finish(m, dir, e);
    mm_draft_free(&m->named);
    free(m);
    return s;
}
