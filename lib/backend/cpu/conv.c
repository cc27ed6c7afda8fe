/* conv.c: convolution as a matrix product. A's row for an output position is the window that it sees, taps × channels:
 * channels last, so a window of a rank-1 convolution is one run of memory and is used where it lies (a row step of
 * stride × channels); only windows over the edge, and windows of higher rank, are put together first. */
#include "backend/cpu/gemm.h"

typedef struct {
    const mm_conv_op *op;
    const float *x;
    int64_t channel; /* first input channel of the group */
} window_source;

/* The item that output row r belongs to: the last one that begins at or before it and is not empty. */
static int item_of(const int64_t *cu, int n, int64_t r)
{
    int lo = 0, hi = n - 1;
    while (lo < hi) {
        int mid = (lo + hi + 1) / 2;
        if (cu[mid] <= r)
            lo = mid;
        else
            hi = mid - 1;
    }
    return lo;
}

/* One run of `taps` positions from position p (may lie outside 0 .. len-1) of a line of positions at x. */
static void copy_run(float *dst, const float *x, int64_t ld, int64_t channels, int64_t p, int64_t taps, int64_t len)
{
    int64_t from = p < 0 ? -p : 0, to = len - p < taps ? len - p : taps;
    if (from >= to) {
        memset(dst, 0, (size_t)(taps * channels) * sizeof *dst);
        return;
    }
    memset(dst, 0, (size_t)(from * channels) * sizeof *dst);
    memset(dst + to * channels, 0, (size_t)((taps - to) * channels) * sizeof *dst);
    if (ld == channels) {
        memcpy(dst + from * channels, x + (p + from) * ld, (size_t)((to - from) * channels) * sizeof *dst);
        return;
    }
    for (int64_t t = from; t < to; t++)
        memcpy(dst + t * channels, x + (p + t) * ld, (size_t)channels * sizeof *dst);
}

/* The window of output row r. The dimensions are treated as three, the missing outer ones having length 1. */
static const float *window(const void *ctx, int64_t r, float *scratch)
{
    const window_source *s = ctx;
    const mm_conv_op *op = s->op;
    const int item = item_of(op->cu_y, op->n, r), skip = 3 - op->rank;
    int64_t dim[3] = {1, 1, 1}, kernel[3] = {1, 1, 1}, start[3] = {0, 0, 0}, out[3] = {1, 1, 1};
    for (int i = skip; i < 3; i++) {
        dim[i] = op->in_dim[(int64_t)item * op->rank + i - skip];
        kernel[i] = op->w->kernel[i - skip];
        out[i] = mm_conv_out(dim[i], kernel[i], op->stride[i - skip], op->pad[i - skip]);
    }
    int64_t at = r - op->cu_y[item];
    for (int i = 2; i >= skip; i--) {
        int64_t o = i == 2 && op->rank == 1 ? at : at % out[i]; /* rank 1 may be trimmed: no division by out */
        at /= out[i];
        start[i] = o * op->stride[i - skip] - op->pad[i - skip];
    }
    const int64_t channels = op->w->k, ld = op->x.ld;
    const float *x = s->x + op->cu_x[item] * ld + s->channel;
    const bool inside = start[2] >= 0 && start[2] + kernel[2] <= dim[2];
    if (op->rank == 1 && inside && ld == channels)
        return x + start[2] * ld;
    float *to = scratch;
    for (int64_t z = start[0]; z < start[0] + kernel[0]; z++)
        for (int64_t y = start[1]; y < start[1] + kernel[1]; y++, to += kernel[2] * channels) {
            const bool line = z >= 0 && z < dim[0] && y >= 0 && y < dim[1];
            copy_run(to, line ? x + (z * dim[1] + y) * dim[2] * ld : x, ld, channels, start[2], kernel[2],
                     line ? dim[2] : 0);
        }
    return scratch;
}

static mm_epilogue epilogue(const mm_conv_op *op)
{
    return (mm_epilogue){
        .bias = ((const mm_cpu_weight *)op->w)->vector,
        .residual = op->residual.buf ? mm_cpu_at(&op->residual) : NULL,
        .ldr = op->residual.ld,
        .y = mm_cpu_at(&op->y),
        .ldy = op->y.ld,
        .act = op->act,
        .rough = ((const mm_cpu_weight *)op->w)->m->precision == MM_PREC_INT16,
    };
}

static mm_gemm whole(const mm_cpu_dev *d, const mm_conv_op *op, const window_source *s)
{
    const mm_cpu_weight *w = (const mm_cpu_weight *)op->w;
    int64_t depth = w->head.k;
    for (int r = 0; r < op->rank; r++)
        depth *= w->head.kernel[r];
    return (mm_gemm){.k = d->k,
                     .m = w->m,
                     .rows = op->cu_y[op->n],
                     .cols = w->head.n / w->head.groups,
                     .depth = depth,
                     .row = window,
                     .ctx = s,
                     .packed = w->packed,
                     .w = w,
                     .e = epilogue(op)};
}

/* ---- groups: one task per item and group ---- */

typedef struct {
    const mm_conv_op *op;
    mm_gemm g; /* of group 0 */
    window_source source;
    char **scratch;
    int64_t line; /* floats of the extracted, padded line; 0: windows are copied */
} group_job;

/* Copies the group's channels of one item into a padded line, in which every window is one run. */
static void extract(const group_job *j, int item, int64_t channel, float *line)
{
    const mm_conv_op *op = j->op;
    const int64_t channels = op->w->k, len = op->in_dim[item];
    copy_run(line, j->source.x + op->cu_x[item] * op->x.ld + channel, op->x.ld, channels, -op->pad[0],
             len + 2 * op->pad[0], len);
}

static void group_task(void *ctx, int i, int worker)
{
    const group_job *j = ctx;
    const mm_conv_op *op = j->op;
    const int groups = op->w->groups, item = i / groups, group = i % groups;
    const int64_t r0 = op->cu_y[item], rows = op->cu_y[item + 1] - r0, cols = j->g.cols;
    float *scratch = (float *)j->scratch[worker];
    if (rows == 0)
        return;
    mm_gemm g = j->g;
    window_source source = j->source;
    source.channel = group * op->w->k;
    g.ctx = &source;
    g.packed += group * mm_cpu_panel_words(g.m, cols, g.depth);
    if (g.e.bias)
        g.e.bias += group * cols;
    if (g.e.residual)
        g.e.residual += group * cols;
    g.e.y += group * cols;
    if (j->line) {
        extract(j, item, source.channel, scratch);
        g.row = NULL;
        g.lda = op->stride[0] * op->w->k;
        g.a = scratch - r0 * g.lda; /* rows are counted from the first item's */
        scratch += mm_cpu_piece(j->line);
    }
    const int64_t blocks = mm_ceil_div(rows, mm_gemm_max_rows(&g));
    for (int64_t b = 0; b < blocks; b++)
        mm_gemm_block(&g, r0 + rows * b / blocks, r0 + rows * (b + 1) / blocks, scratch);
}

static mm_status grouped(mm_cpu_dev *d, const mm_conv_op *op, const mm_gemm *g, const window_source *s, mm_err *e)
{
    group_job j = {.op = op, .g = *g, .source = *s};
    int64_t most = 0;
    for (int i = 0; i < op->n; i++) {
        int64_t rows = op->cu_y[i + 1] - op->cu_y[i], line = (op->in_dim[i] + 2 * op->pad[0]) * op->w->k;
        most = rows > most ? rows : most;
        if (op->rank == 1 && line > j.line)
            j.line = line;
    }
    int64_t rows = most < mm_gemm_max_rows(g) ? most : mm_gemm_max_rows(g);
    mm_status st = mm_cpu_scratch(d, mm_cpu_piece(j.line) + mm_gemm_scratch(g, rows), e);
    if (st != MM_OK)
        return st;
    j.scratch = d->scratch;
    mm_threads_run(d->head.pool, op->n * op->w->groups, group_task, &j);
    return MM_OK;
}

mm_status mm_cpu_conv(mm_dev *dev, const mm_conv_op *op, mm_err *e)
{
    mm_cpu_dev *d = (mm_cpu_dev *)dev;
    const window_source s = {.op = op, .x = mm_cpu_at(&op->x)};
    const mm_gemm g = whole(d, op, &s);
    return op->w->groups > 1 ? grouped(d, op, &g, &s, e) : mm_gemm_run(d, &g, e);
}
