/* panels.c: weights packed permanently. The second use of a linear weight shows that there is more than one batch, and
 * then its panels are kept (5-10 % of a forward pass against a second copy in memory). Integers are always kept:
 * finding their scales takes a pass over the whole matrix. So are convolutions, whose weights change their order. */
#include "backend/cpu/device.h"
#include "backend/weight_parts.h"

#include <stdlib.h>

/* Width of the panel that begins at column n0 of n. */
static int panel_width(const mm_matmul *m, int64_t n, int64_t n0)
{
    return n - n0 >= m->nr ? m->nr : (int)mm_ceil_div(n - n0, m->vl) * m->vl;
}

/* Depth of the product in which a weight is used: inputs, and taps of a convolution. */
static int64_t depth_of(const mm_cpu_weight *w)
{
    int64_t depth = w->head.k;
    for (int r = 0; r < w->head.rank; r++)
        depth *= w->head.kernel[r];
    return depth;
}

int64_t mm_cpu_panel_words(const mm_matmul *m, int64_t n, int64_t k)
{
    return mm_ceil_div(n, m->vl) * m->vl * (mm_matmul_depth(m, k) / m->b_per);
}

/* Of all groups' panels. */
static int64_t words_of(const mm_cpu_weight *w)
{
    const int64_t groups = w->head.kind == MM_WEIGHT_CONV ? w->head.groups : 1;
    return groups * mm_cpu_panel_words(w->m, w->head.n / groups, depth_of(w));
}

/* ---- a panel ---- */

static const mm_tensor *part_of(const mm_cpu_weight *w, int64_t *n)
{
    return mm_part_of(w->part, w->parts, w->transposed, n);
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
        row[i] = mm_tensor_at(t, r * w->head.k);
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
            mm_to_f32(dst + j * width + i, mm_tensor_at(t, r * w->head.k + k0 + j), t->s.type, 1);
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
        kern->pack_cols(dst, width, mm_tensor_at(t, k0 * ld + c), ld, n, t->s.type, k);
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
            mm_to_f32(to, mm_tensor_at(t, (k0 + j) * t->s.dim[1] + c), t->s.type, 1);
        }
}

/* Columns n0 .. n0+n-1 of the transposed linear weight, k from k0, become dst[k][width]. */
static void fp32_panel(const mm_kernels *kern, const mm_cpu_weight *w, float *dst, int width, int64_t n0, int n,
                       int64_t k0, int64_t k)
{
    (w->transposed ? pack_transposed : pack_plain)(kern, w, dst, width, n0, n, k0, k);
}

void mm_cpu_pack_words(const mm_kernels *kern, const mm_cpu_weight *w, uint32_t *dst, int width, int64_t n0, int n,
                       int64_t k0, int64_t k, float *scratch)
{
    const mm_matmul *m = w->m;
    if (!m->narrow) {
        fp32_panel(kern, w, (float *)dst, width, n0, n, k0, k);
        return;
    }
    for (int64_t done = 0; done < k; done += MM_PANEL_PIECE) {
        int64_t part = k - done < MM_PANEL_PIECE ? k - done : MM_PANEL_PIECE;
        fp32_panel(kern, w, scratch, width, n0, n, k0 + done, part);
        m->narrow(dst + done / m->b_per * width, scratch, width, part, NULL);
    }
}

/* ---- integers ---- */

/* The scale of each column of an fp32 panel [k][width], and its inverse. A column of zeros, or of numbers so small that
 * the inverse would not be finite, becomes zeros; one with a NaN keeps it in its scale. */
static void column_scales(const mm_matmul *m, const float *panel, int width, int64_t k, float *scale, float *inv)
{
    float total[MM_MAX_NR + 16] = {0};
    for (int c = 0; c < width; c++)
        scale[c] = 0.0f;
    for (int64_t i = 0; i < k; i++)
        for (int c = 0; c < width; c++) {
            float x = panel[i * width + c] < 0 ? -panel[i * width + c] : panel[i * width + c];
            scale[c] = x > scale[c] || x != x ? x : scale[c];
            total[c] += x;
        }
    for (int c = 0; c < width; c++) {
        const bool tiny = scale[c] < 1e-30f;
        const float sum = m->column - 0.5f * (float)k; /* each is rounded by up to a half */
        const bool by_sum = m->column > 0 && total[c] * m->largest > scale[c] * sum;
        const float most = by_sum ? sum : m->largest, of = by_sum ? total[c] : scale[c];
        inv[c] = tiny ? 0.0f : most / of;
        scale[c] = tiny ? 0.0f : of / most;
    }
}

/* Σ q of each column. */
static void column_sums(const float *panel, int width, int64_t k, const float *inv, int32_t *sum)
{
    for (int c = 0; c < width; c++)
        sum[c] = 0;
    for (int64_t i = 0; i < k; i++)
        for (int c = 0; c < width; c++)
            sum[c] += mm_cpu_round(panel[i * width + c] * inv[c]);
}

/* An fp32 panel [depth][width], whose first column is n0. */
static void to_integers(const mm_cpu_weight *w, uint32_t *to, const float *panel, int width, int64_t depth, int64_t n0)
{
    float inv[MM_MAX_NR + 16] = {0};
    column_scales(w->m, panel, width, depth, w->scale + n0, inv);
    w->m->narrow(to, panel, width, depth, inv);
    if (w->m->biased)
        column_sums(panel, width, depth, inv, w->sum + n0);
}

/* ---- linear ---- */

typedef struct {
    const mm_kernels *k;
    mm_cpu_weight *w;
    uint32_t *to;
    bool failed;
} pack_job;

static void quantise_panel(pack_job *j, uint32_t *to, int width, int64_t n0, int n)
{
    mm_cpu_weight *w = j->w;
    float *panel = mm_cpu_floats(w->head.k * width);
    if (!panel) {
        __atomic_store_n(&j->failed, true, __ATOMIC_RELAXED);
        return;
    }
    fp32_panel(j->k, w, panel, width, n0, n, 0, w->head.k);
    to_integers(w, to, panel, width, w->head.k, n0);
    free(panel);
}

static void pack_panel(void *ctx, int i, int worker)
{
    (void)worker;
    pack_job *j = ctx;
    const mm_matmul *m = j->w->m;
    const int64_t n0 = (int64_t)i * m->nr, left = j->w->head.n - n0;
    const int width = panel_width(m, j->w->head.n, n0), n = left < width ? (int)left : width;
    uint32_t *to = j->to + n0 * (mm_matmul_depth(m, j->w->head.k) / m->b_per);
    float scratch[MM_PANEL_PIECE * MM_MAX_NR + 16];
    if (m->widen)
        quantise_panel(j, to, width, n0, n);
    else
        mm_cpu_pack_words(j->k, j->w, to, width, n0, n, 0, j->w->head.k, scratch);
}

/* Memory for panels of `words` words, zeros after them to the end of the cache line. NULL: out of memory. */
static uint32_t *new_panels(int64_t words)
{
    uint32_t *to = (uint32_t *)mm_cpu_floats(words);
    if (to)
        memset(to + words, 0, (size_t)(mm_cpu_piece(words) - words) * sizeof *to);
    return to;
}

/* An integer format's scales; true when there is memory for them. */
static bool make_scales(mm_cpu_weight *w)
{
    const int64_t n = mm_ceil_div(w->head.n, w->m->nr) * w->m->nr;
    if (!w->scale)
        w->scale = mm_cpu_padded(n);
    if (!w->sum)
        w->sum = (int32_t *)mm_cpu_padded(n);
    return w->scale && w->sum;
}

/* Packs the whole weight; unless it must be packed, lack of memory is not a failure. */
static mm_status pack_all(mm_cpu_dev *d, mm_cpu_weight *w, bool must, mm_err *e)
{
    const int64_t words = words_of(w);
    const size_t bytes = (size_t)words * sizeof(uint32_t);
    if (!must && d->packed + bytes > d->packed_limit)
        return MM_OK;
    pack_job j = {d->k, w, new_panels(words), w->m->widen && !make_scales(w)};
    if (j.to && !j.failed)
        mm_threads_run(d->head.pool, (int)mm_ceil_div(w->head.n, w->m->nr), pack_panel, &j);
    if (!j.to || j.failed) {
        free(j.to);
        return must ? mm_fail_memory(e) : MM_OK; /* the others are packed on the fly */
    }
    w->packed = j.to;
    w->packed_bytes = bytes;
    d->packed += bytes;
    return MM_OK;
}

mm_status mm_cpu_consider_packing(mm_cpu_dev *d, mm_cpu_weight *w, mm_err *e)
{
    const bool must = w->m->widen != NULL;
    return w->packed || (++w->uses < 2 && !must) ? MM_OK : pack_all(d, w, must, e);
}

const uint32_t *mm_cpu_pack_once(mm_cpu_dev *d, mm_cpu_weight *w)
{
    const int64_t words = words_of(w);
    if (words > d->panels_words) {
        free(d->panels);
        d->panels = new_panels(words);
        d->panels_words = d->panels ? words : 0;
    }
    if (d->panels)
        mm_threads_run(d->head.pool, (int)mm_ceil_div(w->head.n, w->m->nr), pack_panel,
                       &(pack_job){d->k, w, d->panels, false});
    return d->panels;
}

/* ---- packed models ---- */

/* Words that a packed model stores of `words`: whole cache lines. */
static int64_t stored_words(int64_t words)
{
    return mm_ceil_div(words, 16) * 16;
}

static mm_tensor row_of(mm_type t, const void *data, int64_t n)
{
    return (mm_tensor){.s = {.type = t, .rank = 1, .dim = {n}}, .data = data};
}

static bool is_row(const mm_tensor *t, mm_type type, int64_t n)
{
    return t->data && t->s.type == type && t->s.rank == 1 && t->s.dim[0] == n;
}

mm_status mm_cpu_adopt(mm_cpu_weight *w, const mm_laid_out *r, mm_err *e)
{
    if (!r)
        return MM_OK;
    const int64_t n = mm_ceil_div(w->head.n, w->m->nr) * w->m->nr;
    if (!is_row(&r->panels, MM_I32, stored_words(words_of(w))) ||
        (w->m->widen && (!is_row(&r->scale, MM_F32, n) || !is_row(&r->sum, MM_I32, n))))
        return mm_fail_hint(e, MM_FATAL, MM_HINT_PACK, "packed weights do not fit the model");
    w->mapped = true; /* read only: nothing writes to a weight once it is made */
    w->packed = (uint32_t *)(uintptr_t)r->panels.data;
    w->scale = (float *)(uintptr_t)r->scale.data;
    w->sum = (int32_t *)(uintptr_t)r->sum.data;
    return MM_OK;
}

mm_status mm_cpu_lay_out(mm_laid_out *out, mm_dev *dev, mm_weight *weight, mm_err *e)
{
    mm_cpu_weight *w = (mm_cpu_weight *)weight;
    mm_status s = w->packed ? MM_OK : pack_all((mm_cpu_dev *)dev, w, true, e);
    if (s != MM_OK)
        return s;
    const int64_t n = mm_ceil_div(w->head.n, w->m->nr) * w->m->nr;
    out->panels = row_of(MM_I32, w->packed, stored_words(words_of(w)));
    if (w->m->widen) {
        out->scale = row_of(MM_F32, w->scale, n);
        out->sum = row_of(MM_I32, w->sum, n);
    }
    return MM_OK;
}

/* ---- convolution ---- */

typedef struct {
    const mm_kernels *k;
    const mm_matmul *m;
    const mm_conv_weight *cw;
    mm_cpu_weight *w;
    uint32_t *to;
    int64_t per_group, depth, channels; /* outputs of a group; taps × channels; channels */
    int panels;                         /* of a group */
    bool failed;
} conv_job;

/* Rows of `depth` floats, n of them, as a panel of words. */
static void pack_conv_rows(const conv_job *j, uint32_t *to, int width, const float *rows, int n)
{
    const void *row[MM_MAX_NR];
    float scratch[MM_PANEL_PIECE * MM_MAX_NR + 16];
    for (int i = 0; i < n; i++)
        row[i] = rows + i * j->depth;
    if (!j->m->narrow) {
        j->k->pack_rows((float *)to, width, row, n, MM_F32, 0, j->depth);
        return;
    }
    for (int64_t done = 0; done < j->depth; done += MM_PANEL_PIECE) {
        int64_t part = j->depth - done < MM_PANEL_PIECE ? j->depth - done : MM_PANEL_PIECE;
        j->k->pack_rows(scratch, width, row, n, MM_F32, done, part);
        j->m->narrow(to + done / j->m->b_per * width, scratch, width, part, NULL);
    }
}

/* The same as integers, by way of an fp32 panel; only without groups. */
static void conv_integers(const conv_job *j, uint32_t *to, float *panel, int width, const float *rows, int n,
                          int64_t n0)
{
    const void *row[MM_MAX_NR];
    for (int i = 0; i < n; i++)
        row[i] = rows + i * j->depth;
    j->k->pack_rows(panel, width, row, n, MM_F32, 0, j->depth);
    to_integers(j->w, to, panel, width, j->depth, n0);
}

/* Panel i % panels of group i / panels. */
static void pack_conv_panel(void *ctx, int i, int worker)
{
    (void)worker;
    conv_job *j = ctx;
    const int64_t group = i / j->panels, n0 = (int64_t)(i % j->panels) * j->m->nr;
    const int width = panel_width(j->m, j->per_group, n0);
    const int n = j->per_group - n0 < width ? (int)(j->per_group - n0) : width;
    const int64_t whole = j->m->widen ? j->depth * width : 0; /* an fp32 panel */
    float *rows = mm_cpu_floats((n + 1) * j->depth + whole), *plain = rows ? rows + n * j->depth : NULL;
    if (!rows) {
        __atomic_store_n(&j->failed, true, __ATOMIC_RELAXED);
        return;
    }
    for (int r = 0; r < n; r++) {
        const int64_t at = (group * j->per_group + n0 + r) * j->depth;
        mm_to_f32(plain, mm_tensor_at(&j->cw->w, at), j->cw->w.s.type, j->depth);
        mm_channels_last(rows + r * j->depth, plain, j->channels, j->depth / j->channels);
    }
    uint32_t *to = j->to + group * mm_cpu_panel_words(j->m, j->per_group, j->depth);
    to += n0 * (mm_matmul_depth(j->m, j->depth) / j->m->b_per);
    if (j->m->widen)
        conv_integers(j, to, plain + j->depth, width, rows, n, n0);
    else
        pack_conv_rows(j, to, width, rows, n);
    free(rows);
}

mm_status mm_cpu_pack_conv(mm_cpu_dev *d, mm_cpu_weight *w, const mm_conv_weight *cw, mm_err *e)
{
    conv_job j = {.k = d->k, .m = w->m, .cw = cw, .w = w, .depth = depth_of(w), .channels = w->head.k};
    j.per_group = w->head.n / w->head.groups;
    j.panels = (int)mm_ceil_div(j.per_group, w->m->nr);
    if (!(w->packed = new_panels(words_of(w))) || (w->m->widen && !make_scales(w)))
        return mm_fail_memory(e);
    j.to = w->packed;
    mm_threads_run(d->head.pool, w->head.groups * j.panels, pack_conv_panel, &j);
    return j.failed ? mm_fail_memory(e) : MM_OK;
}
