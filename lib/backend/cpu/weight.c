/* weight.c: parameters on the CPU. A linear layer's matrix stays where it is, in the mapped file, and is packed into
 * panels on the fly; the second use shows that there is more than one batch, and then it is packed for good (5-10 %
 * of a forward pass against a second copy in memory). */
#include "backend/cpu/device.h"

#include <stdlib.h>

static mm_cpu_weight *new_weight(mm_weight_kind kind, int64_t n, int64_t k)
{
    mm_cpu_weight *w = calloc(1, sizeof *w);
    if (w)
        w->head = (mm_weight){.kind = kind, .n = n, .k = k};
    return w;
}

void mm_cpu_weight_free(mm_dev *dev, mm_weight *weight)
{
    mm_cpu_weight *w = (mm_cpu_weight *)weight;
    ((mm_cpu_dev *)dev)->packed -= w->packed_bytes;
    free(w->vector);
    free(w->packed);
    free(w);
}

/* Gives up a half-made weight. */
static mm_status out_of_memory(mm_dev *d, mm_cpu_weight *w, mm_err *e)
{
    if (w)
        mm_cpu_weight_free(d, &w->head);
    return mm_fail_memory(e);
}

/* n floats, zeros, padded so that a whole vector can be loaded anywhere in them. */
static float *padded_vector(int64_t n)
{
    float *v = mm_cpu_floats(n);
    if (v)
        memset(v, 0, (size_t)mm_cpu_piece(n) * sizeof *v);
    return v;
}

mm_status mm_cpu_vector(mm_weight **out, mm_dev *d, const mm_tensor *t, mm_err *e)
{
    int64_t n = mm_shape_count(&t->s);
    mm_cpu_weight *w = new_weight(MM_WEIGHT_VECTOR, n, 1);
    if (!w || !(w->vector = padded_vector(n)))
        return out_of_memory(d, w, e);
    mm_to_f32(w->vector, t->data, t->s.type, n);
    *out = &w->head;
    return MM_OK;
}

mm_status mm_cpu_table(mm_weight **out, mm_dev *d, const mm_tensor *t, mm_err *e)
{
    int64_t width = t->s.dim[t->s.rank - 1];
    mm_cpu_weight *w = new_weight(MM_WEIGHT_TABLE, mm_shape_count(&t->s) / width, width);
    if (!w)
        return out_of_memory(d, w, e);
    w->part[0] = *t;
    *out = &w->head;
    return MM_OK;
}

/* ---- linear ---- */

static int64_t outputs(const mm_linear_weight *w, int part)
{
    return w->w[part].s.dim[w->transposed ? 1 : 0];
}

mm_status mm_cpu_linear_weight(mm_weight **out, mm_dev *d, const mm_linear_weight *lw, mm_err *e)
{
    int64_t n = 0;
    bool biased = false;
    for (int i = 0; i < lw->parts; i++) {
        n += outputs(lw, i);
        biased = biased || lw->bias[i].data;
    }
    mm_cpu_weight *w = new_weight(MM_WEIGHT_LINEAR, n, lw->w[0].s.dim[lw->transposed ? 0 : 1]);
    if (!w || (biased && !(w->vector = padded_vector(n))))
        return out_of_memory(d, w, e);
    w->parts = lw->parts;
    w->transposed = lw->transposed;
    memcpy(w->part, lw->w, sizeof w->part);
    n = 0;
    for (int i = 0; i < lw->parts; n += outputs(lw, i), i++)
        if (lw->bias[i].data)
            mm_to_f32(w->vector + n, lw->bias[i].data, lw->bias[i].s.type, outputs(lw, i));
    *out = &w->head;
    return MM_OK;
}

/* The part that holds output *n, which becomes the output's place within the part. */
static const mm_tensor *part_of(const mm_cpu_weight *w, int64_t *n)
{
    int i = 0;
    for (int64_t have; i + 1 < w->parts && *n >= (have = w->part[i].s.dim[w->transposed ? 1 : 0]); i++)
        *n -= have;
    return &w->part[i];
}

static const char *element(const mm_tensor *t, int64_t i)
{
    return (const char *)t->data + (size_t)i * mm_type_size(t->s.type);
}

/* Rows n0 .. n0+n-1 of [N,K] parts. */
static void pack_plain(const mm_kernels *kern, const mm_cpu_weight *w, float *dst, int width, int64_t n0, int n,
                       int64_t k0, int64_t k)
{
    const void *row[MM_MAX_NR];
    bool same = true;
    for (int i = 0; i < n; i++) {
        int64_t r = n0 + i;
        const mm_tensor *t = part_of(w, &r);
        row[i] = element(t, r * w->head.k);
        same = same && t->s.type == w->part[0].s.type;
    }
    if (same) {
        kern->pack_rows(dst, width, row, n, w->part[0].s.type, k0, k);
        return;
    }
    for (int i = 0; i < n; i++) { /* parts of different types: rare enough for an element at a time */
        int64_t r = n0 + i;
        const mm_tensor *t = part_of(w, &r);
        for (int64_t j = 0; j < k; j++)
            mm_to_f32(dst + j * width + i, element(t, r * w->head.k + k0 + j), t->s.type, 1);
    }
    for (int64_t j = 0; j < k; j++)
        memset(dst + j * width + n, 0, (size_t)(width - n) * sizeof *dst);
}

/* Columns n0 .. of [K,N] parts: a panel that straddles parts is put together from up to three. */
static void pack_transposed(const mm_kernels *kern, const mm_cpu_weight *w, float *dst, int width, int64_t n0, int n,
                            int64_t k0, int64_t k)
{
    int64_t c = n0;
    const mm_tensor *t = part_of(w, &c);
    int64_t ld = t->s.dim[1];
    if (c + n <= ld) {
        kern->pack_cols(dst, width, element(t, k0 * ld + c), ld, n, t->s.type, k);
        return;
    }
    for (int64_t j = 0; j < k; j++)
        for (int i = 0; i < width; i++) {
            float *to = dst + j * width + i;
            *to = 0;
            if (i >= n)
                continue;
            c = n0 + i;
            t = part_of(w, &c);
            mm_to_f32(to, element(t, (k0 + j) * t->s.dim[1] + c), t->s.type, 1);
        }
}

void mm_cpu_pack_weight(const mm_kernels *kern, const mm_cpu_weight *w, float *dst, int width, int64_t n0, int n,
                        int64_t k0, int64_t k)
{
    (w->transposed ? pack_transposed : pack_plain)(kern, w, dst, width, n0, n, k0, k);
}

/* ---- packing for good ---- */

/* Width of the panel that begins at column n0 of n. */
static int panel_width(const mm_kernels *k, int64_t n, int64_t n0)
{
    return n - n0 >= k->nr ? k->nr : (int)mm_ceil_div(n - n0, k->vl) * k->vl;
}

/* Floats of all panels of n columns. */
static int64_t panel_floats(const mm_kernels *k, int64_t n, int64_t depth)
{
    return mm_ceil_div(n, k->vl) * k->vl * depth;
}

typedef struct {
    const mm_kernels *k;
    const mm_cpu_weight *w;
    float *to;
} pack_job;

static void pack_panel(void *ctx, int i, int worker)
{
    (void)worker;
    const pack_job *j = ctx;
    int64_t n = j->w->head.n, depth = j->w->head.k, n0 = (int64_t)i * j->k->nr;
    int width = panel_width(j->k, n, n0);
    mm_cpu_pack_weight(j->k, j->w, j->to + n0 * depth, width, n0, n - n0 < width ? (int)(n - n0) : width, 0, depth);
}

void mm_cpu_consider_packing(mm_cpu_dev *d, mm_cpu_weight *w)
{
    if (w->packed || ++w->uses < 2)
        return;
    int64_t floats = panel_floats(d->k, w->head.n, w->head.k);
    size_t bytes = (size_t)floats * sizeof(float);
    if (d->packed + bytes > d->packed_limit)
        return;
    float *to = mm_cpu_floats(floats);
    if (!to)
        return; /* it goes on without */
    mm_pool_run(d->head.pool, (int)mm_ceil_div(w->head.n, d->k->nr), pack_panel, &(pack_job){d->k, w, to});
    w->packed = to;
    w->packed_bytes = bytes;
    d->packed += bytes;
}

/* ---- convolution ---- */

/* One output's weights [i, k1 .. kr] as [k1 .. kr, i]: channels last, as the rows that they will meet. */
static void channels_last(float *dst, const float *src, int64_t channels, int64_t taps)
{
    for (int64_t c = 0; c < channels; c++)
        for (int64_t t = 0; t < taps; t++)
            dst[t * channels + c] = src[c * taps + t];
}

typedef struct {
    const mm_kernels *k;
    const mm_conv_weight *cw;
    float *to;
    int64_t per_group, depth, channels; /* outputs of a group; taps × channels; channels */
    int panels;                         /* of a group */
    bool failed;
} conv_job;

/* Panel i % panels of group i / panels. */
static void pack_conv_panel(void *ctx, int i, int worker)
{
    (void)worker;
    conv_job *j = ctx;
    int64_t group = i / j->panels, n0 = (int64_t)(i % j->panels) * j->k->nr;
    int width = panel_width(j->k, j->per_group, n0);
    int n = j->per_group - n0 < width ? (int)(j->per_group - n0) : width;
    float *rows = mm_cpu_floats((n + 1) * j->depth), *plain = rows ? rows + n * j->depth : NULL;
    if (!rows) {
        __atomic_store_n(&j->failed, true, __ATOMIC_RELAXED);
        return;
    }
    const void *row[MM_MAX_NR];
    for (int r = 0; r < n; r++) {
        float *dst = rows + r * j->depth;
        mm_to_f32(plain, element(&j->cw->w, (group * j->per_group + n0 + r) * j->depth), j->cw->w.s.type, j->depth);
        channels_last(dst, plain, j->channels, j->depth / j->channels);
        row[r] = dst;
    }
    float *to = j->to + group * panel_floats(j->k, j->per_group, j->depth) + n0 * j->depth;
    j->k->pack_rows(to, width, row, n, MM_F32, 0, j->depth);
    free(rows);
}

mm_status mm_cpu_conv_weight(mm_weight **out, mm_dev *dev, const mm_conv_weight *cw, mm_err *e)
{
    mm_cpu_dev *d = (mm_cpu_dev *)dev;
    const mm_shape *s = &cw->w.s;
    mm_cpu_weight *w = new_weight(MM_WEIGHT_CONV, s->dim[0], s->dim[1]);
    if (!w)
        return mm_fail_memory(e);
    w->head.groups = cw->groups;
    w->head.rank = s->rank - 2;
    conv_job j = {.k = d->k, .cw = cw, .per_group = s->dim[0] / cw->groups, .depth = s->dim[1], .channels = s->dim[1]};
    for (int r = 0; r < w->head.rank; r++)
        j.depth *= w->head.kernel[r] = s->dim[2 + r];
    j.panels = (int)mm_ceil_div(j.per_group, d->k->nr);
    int64_t floats = cw->groups * panel_floats(d->k, j.per_group, j.depth);
    if ((cw->bias.data && !(w->vector = padded_vector(w->head.n))) || !(w->packed = mm_cpu_floats(floats)))
        return out_of_memory(dev, w, e);
    if (cw->bias.data)
        mm_to_f32(w->vector, cw->bias.data, cw->bias.s.type, w->head.n);
    j.to = w->packed;
    mm_pool_run(d->head.pool, cw->groups * j.panels, pack_conv_panel, &j);
    if (j.failed)
        return out_of_memory(dev, w, e);
    *out = &w->head;
    return MM_OK;
}
