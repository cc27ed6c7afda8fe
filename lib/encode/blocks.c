#include "encode/blocks.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

mm_mat mm_mat_at(mm_mat m, int64_t row, int64_t column)
{
    m.off += row * m.ld + (m.half ? column / 2 : column);
    return m;
}

static mm_norm_op norm_op(const mm_norm_params *norm, float eps, mm_mat x, mm_mat y, int64_t rows, int64_t width)
{
    return (mm_norm_op){.kind = MM_NORM_LAYER,
                        .x = x,
                        .y = y,
                        .rows = rows,
                        .channels = width,
                        .gain = norm->gain,
                        .bias = norm->bias,
                        .eps = eps};
}

void mm_apply_norm(mm_dev *d, const mm_norm_params *norm, float eps, mm_mat x, mm_mat y, int64_t rows, int64_t width)
{
    const mm_norm_op op = norm_op(norm, eps, x, y, rows, width);
    mm_dev_norm(d, &op);
}

int64_t mm_valid_rows(const mm_forward *f, int i)
{
    return f->valid[i] < 0 ? f->cu[i + 1] - f->cu[i] : f->valid[i];
}

mm_status mm_pool_items(mm_dev *d, const mm_forward *f, mm_mat x, mm_mat y, int64_t width, int64_t first, int64_t count,
                        mm_err *e)
{
    int64_t *lo = mm_arena_zalloc(f->arena, 2 * (size_t)f->n, sizeof *lo);
    if (!lo)
        return mm_fail_memory(e);
    int64_t *hi = lo + f->n;
    for (int i = 0; i < f->n; i++) {
        int64_t rows = mm_valid_rows(f, i), lead = f->in[i].lead < rows ? f->in[i].lead : rows - 1;
        lo[i] = f->cu[i] + (count < 0 && lead > first ? lead : first);
        hi[i] = count < 0 ? f->cu[i] + rows : lo[i] + count;
    }
    mm_dev_pool_rows(d, &(mm_pool_rows_op){.x = x, .y = y, .width = width, .n = f->n, .lo = lo, .hi = hi});
    return MM_OK;
}

/* ---- workspace ---------------------------------------------------------------------------------------------- */

mm_status mm_workspace_begin(mm_workspace *r, mm_dev *d, int64_t floats, mm_err *e)
{
    r->used = 0;
    if (floats <= r->cap)
        return MM_OK;
    mm_workspace_free(r, d);
    mm_status s = mm_dev_alloc(&r->buf, d, floats, e);
    if (s == MM_OK)
        r->cap = floats;
    return s;
}

mm_mat mm_workspace_take(mm_workspace *r, int64_t rows, int64_t ld)
{
    mm_mat m = {.buf = r->buf, .off = r->used, .ld = ld};
    r->used += (rows * ld + MM_WORKSPACE_ALIGN - 1) / MM_WORKSPACE_ALIGN * MM_WORKSPACE_ALIGN;
    assert(r->used <= r->cap);
    return m;
}

void mm_workspace_free(mm_workspace *r, mm_dev *d)
{
    mm_dev_free(d, r->buf);
    *r = (mm_workspace){0};
}

/* ---- loading ------------------------------------------------------------------------------------------------ */

typedef struct {
    char z[160];
} layer_name;

static const char *at(const mm_stack_names *n, int i, const char *name, layer_name *out)
{
    char layer[96];
    /* the pattern is one of our own tables' strings, never a file's */
    snprintf(layer, sizeof layer, n->layer, i);
    snprintf(out->z, sizeof out->z, "%s%s", layer, name);
    return out->z;
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

void mm_stack_load(mm_stack *s, mm_params *p, const mm_stack_spec *spec, const mm_stack_names *names)
{
    s->spec = *spec;
    if (p->failed.status != MM_OK)
        return;
    if (!sane(spec)) {
        mm_params_fail(
            p, "%s/config.json: %d layers of width %lld with %d heads and an inner width of %lld make no model",
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

/* ---- running ------------------------------------------------------------------------------------------------ */

/* Scratch holds h [rows,W] and wide [rows, max(3W, F)]: q, k, v are done with when the FFN needs the place. All of them
 * only go into products: they are half matrices where the device has some. */
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

/* x = norm(x); what the next product takes of it. */
static mm_mat norm_in_place(const pass *p, const mm_norm_params *n)
{
    mm_norm_op op = norm_op(n, p->s->eps, p->x, p->x, p->rows, p->s->width);
    if (p->h.half)
        op.also = p->h;
    mm_dev_norm(p->d, &op);
    return p->h.half ? p->h : p->x;
}

static void pre_norm_layer(const pass *p, const mm_layer *l)
{
    norm(p, &l->norm1, p->x, p->h);
    attention(p, l, p->h);
    norm(p, &l->norm2, p->x, p->h);
    feed_forward(p, l, p->h);
}

/* `in` is x or the same in halves, and so is what it returns. */
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
