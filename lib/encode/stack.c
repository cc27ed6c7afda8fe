#include "encode/stack.h"

#include <math.h>
#include <stdio.h>

/* ---- loading ---- */

typedef struct {
    char key[160];
} layer_name;

static const char *at(const mm_stack_names *n, int i, const char *name, layer_name *out)
{
    char layer[96];
    /* the pattern comes from one of our own tables, never from a file */
    snprintf(layer, sizeof layer, n->layer, i);
    snprintf(out->key, sizeof out->key, "%s%s", layer, name);
    return out->key;
}

static void load_layer(mm_layer *l, mm_params *p, const mm_stack_spec *s, const mm_stack_names *n, int i)
{
    layer_name a, b, c;
    int64_t w = s->width;
    l->qkv = mm_params_qkv(p, at(n, i, n->q, &a), at(n, i, n->k, &b), at(n, i, n->v, &c), w, w, s->qkv_bias);
    l->out = mm_params_linear(p, at(n, i, n->out, &a), w, w, MM_BIAS);
    l->fc1 = mm_params_linear(p, at(n, i, n->fc1, &a), s->inner, w, MM_BIAS);
    l->fc2 = mm_params_linear(p, at(n, i, n->fc2, &a), w, s->inner, MM_BIAS);
    l->norm1 = mm_params_norm(p, at(n, i, n->norm1, &a), w);
    l->norm2 = mm_params_norm(p, at(n, i, n->norm2, &a), w);
    if (n->scale1) {
        l->scale1 = mm_params_vector(p, at(n, i, n->scale1, &a), w);
        l->scale2 = mm_params_vector(p, at(n, i, n->scale2, &a), w);
    }
}

static bool sane(const mm_stack_spec *s)
{
    return s->layers > 0 && s->layers <= 1000 && s->width > 0 && s->width <= 1 << 20 && s->inner > 0 &&
           s->inner <= 1 << 22 && s->heads > 0 && s->width % s->heads == 0;
}

mm_stack_spec mm_stack_spec_of(mm_params *p, double eps)
{
    const json_t *c = mm_model_config(p->model);
    return (mm_stack_spec){.layers = (int)mm_config_int(c, "num_hidden_layers", 12),
                           .heads = (int)mm_config_int(c, "num_attention_heads", 12),
                           .width = mm_config_int(c, "hidden_size", 768),
                           .inner = mm_config_int(c, "intermediate_size", 3072),
                           .eps = (float)mm_config_float(c, "layer_norm_eps", eps),
                           .act = mm_params_act(p, "hidden_act", "gelu"),
                           .qkv_bias = mm_config_bool(c, "qkv_bias", true) ? MM_BIAS : MM_NO_BIAS};
}

void mm_stack_load(mm_stack *s, mm_params *p, const mm_stack_spec *spec, const mm_stack_names *names)
{
    s->spec = *spec;
    if (p->failed.status != MM_OK)
        return;
    if (!sane(spec)) {
        mm_params_fail(
            p, "%s/config.json: %d layers of width %lld with %d heads and an inner width of %lld are not possible",
            mm_model_path(p->model), spec->layers, (long long)spec->width, spec->heads, (long long)spec->inner);
        return;
    }
    s->layer = mm_arena_zalloc(&p->arena, (size_t)spec->layers, sizeof *s->layer);
    if (!s->layer) {
        mm_fail_memory(&p->failed);
        return;
    }
    for (int i = 0; i < spec->layers && p->failed.status == MM_OK; i++)
        load_layer(&s->layer[i], p, spec, names, i);
    if (names->final_norm)
        s->final = mm_params_norm(p, names->final_norm, spec->width);
}

/* ---- running ---- */

/* Scratch holds h [rows,W] and wide [rows, max(3W, F)]: the FFN reuses the memory of q, k and v. All of them only go
 * into products: they are half matrices where the device has those. */
typedef struct {
    const mm_stack_spec *s;
    mm_dev *d;
    mm_forward *f;
    int64_t rows;
    mm_mat x, h, qkv, inner;
} pass;

static int64_t wide(const mm_stack_spec *s)
{
    return 3 * s->width > s->inner ? 3 * s->width : s->inner;
}

int64_t mm_stack_scratch(const mm_stack *s, int64_t rows)
{
    return rows * (s->spec.width + wide(&s->spec));
}

static void linear(const pass *p, const mm_weight *w, mm_mat x, mm_mat y, mm_act act, const mm_weight *scale,
                   mm_mat residual)
{
    mm_dev_linear(p->d, &(mm_linear_op){
                            .x = x, .y = y, .w = w, .rows = p->rows, .act = act, .scale = scale, .residual = residual});
}

/* x += scale ⊙ Attention(in) */
static void attention(const pass *p, const mm_layer *l, mm_mat in)
{
    const mm_stack_spec *s = p->s;
    int head = (int)(s->width / s->heads);
    linear(p, l->qkv, in, p->qkv, MM_ACT_NONE, NULL, (mm_mat){0});
    mm_dev_attend(p->d, &(mm_attend_op){.q = p->qkv,
                                        .k = mm_mat_at(p->qkv, 0, s->width),
                                        .v = mm_mat_at(p->qkv, 0, 2 * s->width),
                                        .out = p->h,
                                        .heads = s->heads,
                                        .head = head,
                                        .n = p->f->n,
                                        .cu_q = p->f->cu,
                                        .k_start = p->f->cu,
                                        .scale = 1.0f / sqrtf((float)head),
                                        .causal = s->causal});
    linear(p, l->out, p->h, p->x, MM_ACT_NONE, l->scale1, p->x);
}

/* x += scale ⊙ FFN(in) */
static void feed_forward(const pass *p, const mm_layer *l, mm_mat in)
{
    linear(p, l->fc1, in, p->inner, p->s->act, NULL, (mm_mat){0});
    linear(p, l->fc2, p->inner, p->x, MM_ACT_NONE, l->scale2, p->x);
}

static void norm(const pass *p, const mm_norm_params *n, mm_mat x, mm_mat y)
{
    mm_apply_norm(p->d, n, p->s->eps, x, y, p->rows, p->s->width);
}

/* x = norm(x); returns the matrix that the next product reads. */
static mm_mat norm_in_place(const pass *p, const mm_norm_params *n)
{
    mm_dev_norm(p->d, &(mm_norm_op){.kind = MM_NORM_LAYER,
                                    .x = p->x,
                                    .y = p->x,
                                    .also = p->h.half ? p->h : (mm_mat){0},
                                    .rows = p->rows,
                                    .channels = p->s->width,
                                    .gain = n->gain,
                                    .bias = n->bias,
                                    .eps = p->s->eps});
    return p->h.half ? p->h : p->x;
}

static void pre_norm_layer(const pass *p, const mm_layer *l)
{
    norm(p, &l->norm1, p->x, p->h);
    attention(p, l, p->h);
    norm(p, &l->norm2, p->x, p->h);
    feed_forward(p, l, p->h);
}

/* `in` and the result are x, or the same values as a half matrix. */
static mm_mat post_norm_layer(const pass *p, const mm_layer *l, mm_mat in)
{
    attention(p, l, in);
    feed_forward(p, l, norm_in_place(p, &l->norm1));
    return norm_in_place(p, &l->norm2);
}

static int last_wanted(const mm_forward *f, int layers)
{
    while (layers > 0 && !f->want[layers])
        layers--;
    return layers;
}

static bool can_be_half(const mm_stack *s, const mm_dev *d)
{
    const int64_t head = s->spec.width / s->spec.heads;
    return mm_dev_halves(d) && head % 8 == 0 && head <= 128 && s->spec.inner % 8 == 0;
}

void mm_stack_run(const mm_stack *s, mm_dev *d, mm_mat x, mm_mat scratch, mm_forward *f)
{
    const int64_t rows = f->cu[f->n], w = s->spec.width;
    const bool half = can_be_half(s, d);
    const mm_mat first = {.buf = scratch.buf, .off = scratch.off, .half = half};
    pass p = {&s->spec, d, f, rows, x, first, first, first};
    p.h.ld = half ? w / 2 : w;
    p.qkv.off = p.inner.off = scratch.off + rows * w;
    p.qkv.ld = 3 * p.h.ld;
    p.inner.ld = half ? s->spec.inner / 2 : s->spec.inner;

    const int last = last_wanted(f, s->spec.layers);
    mm_mat in = x;
    if (f->want[0])
        f->tap(f->ctx, 0, x);
    for (int i = 0; i < last; i++) {
        if (s->spec.post_norm)
            in = post_norm_layer(&p, &s->layer[i], in);
        else
            pre_norm_layer(&p, &s->layer[i]);
        if (i + 1 == s->spec.layers && s->final.gain)
            norm(&p, &s->final, x, x);
        if (f->want[i + 1])
            f->tap(f->ctx, i + 1, x);
    }
}
