/* rowwise.c: operations on rows: norms, rotary positions, gated units, gathering, scattering, pooling. They take rows
 * in pieces whose windows fit. */
#include "backend/vulkan/vk.h"

#include <string.h>

/* Rows of ld floats in half a window. */
static int64_t rows_in_half(const mm_vk_dev *d, int64_t ld)
{
    const int64_t rows =
        (int64_t)d->card.properties.limits.maxStorageBufferRange / 2 / (int64_t)sizeof(float) / (ld + 1);
    return rows < 1 ? 1 : rows;
}

/* And with ids that staging memory holds. */
static int64_t rows_at_once(const mm_vk_dev *d, int64_t ld)
{
    const int64_t rows = rows_in_half(d, ld);
    return rows > 1 << 20 ? 1 << 20 : rows;
}

/* ---- normalisation ---- */

typedef struct {
    mm_vk_window v; /* gain and bias */
    uint32_t gain, bias;
    bool biased;
} affine;

/* Gain and bias are loaded one after the other, so they share a chunk unless the gain filled it to the end. */
static mm_status affine_of(affine *a, const mm_vk_dev *d, const mm_norm_op *op, mm_err *e)
{
    const mm_vk_weight *gain = (const mm_vk_weight *)op->gain, *bias = (const mm_vk_weight *)op->bias;
    if (bias && bias->chunk != gain->chunk)
        return mm_fail(e, MM_FATAL, "vulkan: gain and bias of a norm lie too far apart");
    if (!mm_vk_window_of(&a->v, d, gain->chunk->mem.buffer, 0, gain->chunk->used))
        return mm_vk_too_large(e);
    a->gain = mm_vk_floats(gain->at);
    a->bias = bias ? mm_vk_floats(bias->at) : 0;
    a->biased = bias != NULL;
    return MM_OK;
}

/* `which`: the number of rows; for norm_time.comp, where the items' rows stand. */
typedef struct {
    uint32_t which, channels, x, ldx, y, ldy, gain, bias;
    float eps;
    uint32_t also, ldalso; /* norm.comp */
} norm_push;

static norm_push push_of(const mm_norm_op *op, const affine *a, const mm_vk_window *x, const mm_vk_window *y,
                         uint32_t which)
{
    return (norm_push){.which = which,
                       .channels = (uint32_t)op->channels,
                       .x = mm_vk_floats(x->shift),
                       .ldx = (uint32_t)op->x.ld,
                       .y = mm_vk_floats(y->shift),
                       .ldy = (uint32_t)op->y.ld,
                       .gain = a->gain,
                       .bias = a->bias,
                       .eps = op->eps};
}

/* Rows r0 .. r1-1; halved until they fit a window. */
static mm_status over_channels(mm_vk_dev *d, const mm_norm_op *op, const affine *a, int64_t r0, int64_t r1, mm_err *e)
{
    mm_vk_window x, y, also = {{0}, 0};
    if (!mm_vk_window_rows(&x, d, &op->x, r0, r1, op->channels) ||
        !mm_vk_window_rows(&y, d, &op->y, r0, r1, op->channels) ||
        (op->also.buf && !mm_vk_window_rows(&also, d, &op->also, r0, r1, op->channels))) {
        if (r1 - r0 < 2)
            return mm_vk_too_large(e);
        mm_status s = over_channels(d, op, a, r0, r0 + (r1 - r0) / 2, e);
        return s == MM_OK ? over_channels(d, op, a, r0 + (r1 - r0) / 2, r1, e) : s;
    }
    norm_push push = push_of(op, a, &x, &y, (uint32_t)(r1 - r0));
    push.also = mm_vk_floats(also.shift);
    push.ldalso = (uint32_t)op->also.ld;
    const bool fours = (push.channels | push.x | push.ldx | push.y | push.ldy | push.gain | push.bias) % 4 == 0;
    mm_vk_dispatch run = {.shader = MM_VK_NORM,
                          .spec = {op->act, a->biased, fours && op->channels <= 1024, op->y.half, op->also.buf != NULL,
                                   op->kind == MM_NORM_RMS},
                          .bind = {x, also, a->v, y},
                          .push = &push,
                          .push_bytes = sizeof push};
    mm_vk_fold(run.groups, r1 - r0, 1);
    return mm_vk_run(d, &run, e);
}

/* Items i0 .. i1-1; halved until their rows fit a window. */
static mm_status over_time(mm_vk_dev *d, const mm_norm_op *op, const affine *a, int i0, int i1, mm_err *e)
{
    const int64_t r0 = op->cu[i0], r1 = op->cu[i1];
    mm_vk_window x, y, items;
    if (r0 == r1)
        return MM_OK;
    if (!mm_vk_window_rows(&x, d, &op->x, r0, r1, op->channels) ||
        !mm_vk_window_rows(&y, d, &op->y, r0, r1, op->channels) || i1 - i0 > 32768) {
        if (i1 - i0 < 2)
            return mm_vk_too_large(e);
        mm_status s = over_time(d, op, a, i0, i0 + (i1 - i0) / 2, e);
        return s == MM_OK ? over_time(d, op, a, i0 + (i1 - i0) / 2, i1, e) : s;
    }
    char *staged;
    VkDeviceSize at;
    const VkDeviceSize bytes = (VkDeviceSize)(i1 - i0 + 1) * sizeof(uint32_t);
    mm_status s = mm_vk_stage(&staged, &at, d, bytes, e);
    if (s != MM_OK)
        return s;
    for (int i = i0; i <= i1; i++)
        ((uint32_t *)(void *)staged)[i - i0] = (uint32_t)(op->cu[i] - r0);
    mm_vk_window_of(&items, d, d->up.buffer, at, bytes);
    const norm_push push = push_of(op, a, &x, &y, mm_vk_floats(items.shift));
    const mm_vk_dispatch run = {.shader = MM_VK_NORM_TIME,
                                .spec = {op->act, a->biased},
                                .bind = {x, items, a->v, y},
                                .push = &push,
                                .push_bytes = sizeof push,
                                .groups = {(uint32_t)((op->channels + 7) / 8), (uint32_t)(i1 - i0), 1}};
    return mm_vk_run(d, &run, e);
}

mm_status mm_vk_norm(mm_dev *dev, const mm_norm_op *op, mm_err *e)
{
    mm_vk_dev *d = (mm_vk_dev *)dev;
    affine a;
    mm_status s = affine_of(&a, d, op, e);
    if (s != MM_OK)
        return s;
    return op->kind == MM_NORM_GROUP_TIME ? over_time(d, op, &a, 0, op->n, e)
                                          : over_channels(d, op, &a, 0, op->rows, e);
}

/* ---- products of rows ---- */

/* Rows r0 .. r1-1; halved until they fit a window. */
static mm_status glu(mm_vk_dev *d, const mm_glu_op *op, int64_t r0, int64_t r1, mm_err *e)
{
    mm_vk_window a, b, y;
    if (!mm_vk_window_rows(&a, d, &op->a, r0, r1, op->width) || !mm_vk_window_rows(&b, d, &op->b, r0, r1, op->width) ||
        !mm_vk_window_rows(&y, d, &op->y, r0, r1, op->width)) {
        if (r1 - r0 < 2)
            return mm_vk_too_large(e);
        mm_status s = glu(d, op, r0, r0 + (r1 - r0) / 2, e);
        return s == MM_OK ? glu(d, op, r0 + (r1 - r0) / 2, r1, e) : s;
    }
    const struct {
        uint32_t count, width, a, lda, b, ldb, y, ldy;
    } push = {(uint32_t)((r1 - r0) * op->width),
              (uint32_t)op->width,
              mm_vk_floats(a.shift),
              (uint32_t)op->a.ld,
              mm_vk_floats(b.shift),
              (uint32_t)op->b.ld,
              mm_vk_floats(y.shift),
              (uint32_t)op->y.ld};
    mm_vk_dispatch run = {
        .shader = MM_VK_GLU, .spec = {op->act}, .bind = {a, b, {{0}, 0}, y}, .push = &push, .push_bytes = sizeof push};
    mm_vk_fold(run.groups, (r1 - r0) * op->width, 64);
    return mm_vk_run(d, &run, e);
}

mm_status mm_vk_glu(mm_dev *d, const mm_glu_op *op, mm_err *e)
{
    return glu((mm_vk_dev *)d, op, 0, op->rows, e);
}

static mm_status rotate_rows(mm_vk_dev *d, const mm_rotate_op *op, int64_t r0, int64_t r1, mm_err *e)
{
    const int64_t width = (int64_t)op->heads * op->head, units = (r1 - r0) * op->heads * (op->head - op->pairs);
    mm_vk_window x, ids, table, y;
    mm_status s = mm_vk_host_table(&ids, d, op->ids + r0, (VkDeviceSize)(r1 - r0) * sizeof *op->ids, e);
    if (s != MM_OK)
        return s;
    if (!mm_vk_window_rows(&x, d, &op->x, r0, r1, width) || !mm_vk_window_rows(&y, d, &op->y, r0, r1, width) ||
        !mm_vk_window_rows(&table, d, &op->table, 0, mm_largest_id(op->ids + r0, r1 - r0) + 1, 2 * op->pairs))
        return mm_vk_too_large(e);
    const struct {
        uint32_t count, heads, head, pairs, x, ldx, y, ldy, table, ldt, ids;
    } push = {(uint32_t)units,           (uint32_t)op->heads,    (uint32_t)op->head,     (uint32_t)op->pairs,
              mm_vk_floats(x.shift),     (uint32_t)op->x.ld,     mm_vk_floats(y.shift),  (uint32_t)op->y.ld,
              mm_vk_floats(table.shift), (uint32_t)op->table.ld, mm_vk_floats(ids.shift)};
    mm_vk_dispatch run = {.shader = MM_VK_ROTATE,
                          .spec = {op->interleaved},
                          .bind = {x, ids, table, y},
                          .push = &push,
                          .push_bytes = sizeof push};
    mm_vk_fold(run.groups, units, 64);
    return mm_vk_run(d, &run, e);
}

mm_status mm_vk_rotate(mm_dev *dev, const mm_rotate_op *op, mm_err *e)
{
    mm_vk_dev *d = (mm_vk_dev *)dev;
    const int64_t step = rows_at_once(d, op->x.ld > op->y.ld ? op->x.ld : op->y.ld);
    mm_status s = MM_OK;
    for (int64_t r0 = 0; s == MM_OK && r0 < op->rows; r0 += step)
        s = rotate_rows(d, op, r0, r0 + step < op->rows ? r0 + step : op->rows, e);
    return s;
}

/* ---- gathering ---- */

/* Where the rows to gather from lie. */
typedef struct {
    VkBuffer buffer;
    VkDeviceSize at;
    int64_t rows, ld;
} source;

static source source_of(const mm_gather_op *op, int32_t top)
{
    const mm_vk_weight *t = (const mm_vk_weight *)op->table;
    if (t)
        return (source){t->chunk->mem.buffer, t->at, t->head.n, t->head.k};
    return (source){mm_vk_buffer(&op->x), mm_vk_at(&op->x), (int64_t)top + 1, op->x.ld};
}

/* Rows r0 .. r1-1 of y from a slice of the table at a time. */
static mm_status gather_rows(mm_vk_dev *d, const mm_gather_op *op, const source *from, int64_t r0, int64_t r1,
                             mm_err *e)
{
    mm_vk_window x = {0}, ids, y;
    mm_status s = mm_vk_host_table(&ids, d, op->ids + r0, (VkDeviceSize)(r1 - r0) * sizeof *op->ids, e);
    if (s != MM_OK)
        return s;
    if (!mm_vk_window_rows(&y, d, &op->y, r0, r1, op->width))
        return mm_vk_too_large(e);
    const int64_t most = rows_in_half(d, from->ld);
    for (int64_t lo = 0; s == MM_OK && (lo == 0 || lo < from->rows); lo += most) {
        const int64_t hi = lo + most < from->rows ? lo + most : from->rows;
        if (hi > lo)
            mm_vk_window_of(&x, d, from->buffer, from->at + (VkDeviceSize)(lo * from->ld) * sizeof(float),
                            (VkDeviceSize)mm_vk_extent(hi - lo, op->width, from->ld) * sizeof(float));
        const struct {
            uint32_t count, width, x, ldx, y, ldy, ids;
            int32_t lo, hi;
            uint32_t zeros;
        } push = {(uint32_t)((r1 - r0) * op->width),
                  (uint32_t)op->width,
                  mm_vk_floats(x.shift),
                  (uint32_t)from->ld,
                  mm_vk_floats(y.shift),
                  (uint32_t)op->y.ld,
                  mm_vk_floats(ids.shift),
                  (int32_t)lo,
                  (int32_t)hi,
                  lo == 0};
        mm_vk_dispatch run = {.shader = MM_VK_GATHER,
                              .spec = {op->add},
                              .bind = {x, ids, {{0}, 0}, y},
                              .push = &push,
                              .push_bytes = sizeof push};
        mm_vk_fold(run.groups, (r1 - r0) * op->width, 64);
        s = mm_vk_run(d, &run, e);
    }
    return s;
}

mm_status mm_vk_gather(mm_dev *dev, const mm_gather_op *op, mm_err *e)
{
    mm_vk_dev *d = (mm_vk_dev *)dev;
    const source from = source_of(op, mm_largest_id(op->ids, op->rows));
    const int64_t step = rows_at_once(d, op->y.ld);
    mm_status s = MM_OK;
    for (int64_t r0 = 0; s == MM_OK && r0 < op->rows; r0 += step)
        s = gather_rows(d, op, &from, r0, r0 + step < op->rows ? r0 + step : op->rows, e);
    return s;
}

/* ---- scattering ---- */

/* Rows r0 .. r1-1 of x into a slice of y at a time. */
static mm_status scatter_rows(mm_vk_dev *d, const mm_scatter_op *op, int64_t r0, int64_t r1, mm_err *e)
{
    mm_vk_window x, ids, y = {{0}, 0};
    mm_status s = mm_vk_host_table(&ids, d, op->ids + r0, (VkDeviceSize)(r1 - r0) * sizeof *op->ids, e);
    if (s != MM_OK)
        return s;
    if (!mm_vk_window_rows(&x, d, &op->x, r0, r1, op->width))
        return mm_vk_too_large(e);
    const int64_t rows = mm_largest_id(op->ids + r0, r1 - r0) + 1, most = rows_in_half(d, op->y.ld);
    for (int64_t lo = 0; s == MM_OK && lo < rows; lo += most) {
        const int64_t hi = lo + most < rows ? lo + most : rows;
        mm_vk_window_rows(&y, d, &op->y, lo, hi, op->width);
        const struct {
            uint32_t count, width, x, ldx, y, ldy, ids;
            int32_t lo, hi;
        } push = {(uint32_t)((r1 - r0) * op->width),
                  (uint32_t)op->width,
                  mm_vk_floats(x.shift),
                  (uint32_t)op->x.ld,
                  mm_vk_floats(y.shift),
                  (uint32_t)op->y.ld,
                  mm_vk_floats(ids.shift),
                  (int32_t)lo,
                  (int32_t)hi};
        mm_vk_dispatch run = {
            .shader = MM_VK_SCATTER, .bind = {x, ids, {{0}, 0}, y}, .push = &push, .push_bytes = sizeof push};
        mm_vk_fold(run.groups, (r1 - r0) * op->width, 64);
        s = mm_vk_run(d, &run, e);
    }
    return s;
}

mm_status mm_vk_scatter(mm_dev *dev, const mm_scatter_op *op, mm_err *e)
{
    mm_vk_dev *d = (mm_vk_dev *)dev;
    const int64_t step = rows_at_once(d, op->x.ld);
    mm_status s = MM_OK;
    for (int64_t r0 = 0; s == MM_OK && r0 < op->rows; r0 += step)
        s = scatter_rows(d, op, r0, r0 + step < op->rows ? r0 + step : op->rows, e);
    return s;
}

/* ---- pooling ---- */

static mm_status l2(mm_vk_dev *d, const mm_pool_rows_op *op, const mm_vk_window *y, mm_err *e)
{
    const struct {
        uint32_t rows, width, y, ldy;
    } push = {(uint32_t)op->n, (uint32_t)op->width, mm_vk_floats(y->shift), (uint32_t)op->y.ld};
    mm_vk_dispatch run = {
        .shader = MM_VK_L2, .bind = {{{0}, 0}, {{0}, 0}, {{0}, 0}, *y}, .push = &push, .push_bytes = sizeof push};
    mm_vk_fold(run.groups, op->n, 1);
    return mm_vk_run(d, &run, e);
}

/* Items i0 .. i1-1; halved until the rows they pool over fit a window. */
static mm_status pool_items(mm_vk_dev *d, const mm_pool_rows_op *op, int i0, int i1, mm_err *e)
{
    int64_t lo = INT64_MAX, hi = 0;
    for (int i = i0; i < i1; i++)
        if (op->lo[i] < op->hi[i]) {
            lo = op->lo[i] < lo ? op->lo[i] : lo;
            hi = op->hi[i] > hi ? op->hi[i] : hi;
        }
    lo = lo < hi ? lo : hi;
    mm_vk_window x = {0}, y, ranges;
    if ((hi > lo && !mm_vk_window_rows(&x, d, &op->x, lo, hi, op->width)) ||
        !mm_vk_window_of(&y, d, mm_vk_buffer(&op->y), mm_vk_at(&op->y) + (VkDeviceSize)(i0 * op->y.ld) * sizeof(float),
                         (VkDeviceSize)mm_vk_extent(i1 - i0, op->width, op->y.ld) * sizeof(float)) ||
        i1 - i0 > 32768) {
        if (i1 - i0 < 2)
            return mm_vk_too_large(e);
        mm_status s = pool_items(d, op, i0, i0 + (i1 - i0) / 2, e);
        return s == MM_OK ? pool_items(d, op, i0 + (i1 - i0) / 2, i1, e) : s;
    }
    char *staged;
    VkDeviceSize at;
    mm_status s = mm_vk_stage(&staged, &at, d, (VkDeviceSize)(i1 - i0) * 2 * sizeof(uint32_t), e);
    if (s != MM_OK)
        return s;
    for (int i = i0; i < i1; i++) {
        const bool empty = op->lo[i] >= op->hi[i];
        ((uint32_t *)staged)[2 * (i - i0)] = empty ? 0 : (uint32_t)(op->lo[i] - lo);
        ((uint32_t *)staged)[2 * (i - i0) + 1] = empty ? 0 : (uint32_t)(op->hi[i] - lo);
    }
    mm_vk_window_of(&ranges, d, d->up.buffer, at, (VkDeviceSize)(i1 - i0) * 2 * sizeof(uint32_t));
    const struct {
        uint32_t width, x, ldx, y, ldy, ranges;
    } push = {(uint32_t)op->width,   mm_vk_floats(x.shift), (uint32_t)op->x.ld,
              mm_vk_floats(y.shift), (uint32_t)op->y.ld,    (uint32_t)(ranges.shift / 8)};
    const mm_vk_dispatch run = {.shader = MM_VK_POOL,
                                .bind = {x, ranges, {{0}, 0}, y},
                                .push = &push,
                                .push_bytes = sizeof push,
                                .groups = {(uint32_t)((op->width + 63) / 64), (uint32_t)(i1 - i0), 1}};
    s = mm_vk_run(d, &run, e);
    mm_pool_rows_op part = *op;
    part.n = i1 - i0;
    return s == MM_OK && op->l2 ? l2(d, &part, &y, e) : s;
}

mm_status mm_vk_pool_rows(mm_dev *dev, const mm_pool_rows_op *op, mm_err *e)
{
    return pool_items((mm_vk_dev *)dev, op, 0, op->n, e);
}
