/* conv.c: convolutions as matrix products. Where an item's windows are contiguous in memory already (rank 1, one group,
 * no padding, dense rows) the product reads them in place, as overlapping rows. With padding or groups, rank 1 first
 * gets a padded line for each group. Windows of higher rank are unfolded into the workspace (im2col). Items of equal
 * dimensions share a dispatch where they can. */
#include "backend/vulkan/vk.h"

#include <string.h>

/* Bytes of workspace for unfolded windows: a piece of an item at a time. */
enum { UNFOLDED = 32 << 20 };

/* The product of item i; the caller sets its input. */
static mm_vk_product product_of(const mm_conv_op *op, int i)
{
    const VkDeviceSize y = (VkDeviceSize)(op->cu_y[i] * op->y.ld), r = (VkDeviceSize)(op->cu_y[i] * op->residual.ld);
    const mm_vk_weight *w = (const mm_vk_weight *)op->w;
    return (mm_vk_product){
        .y = mm_vk_buffer(&op->y),
        .y_at = mm_vk_at(&op->y) + y * sizeof(float),
        .ldy = op->y.ld,
        .r = op->residual.buf ? mm_vk_buffer(&op->residual) : VK_NULL_HANDLE,
        .r_at = op->residual.buf ? mm_vk_at(&op->residual) + r * sizeof(float) : 0,
        .ldr = op->residual.ld,
        .rows = op->cu_y[i + 1] - op->cu_y[i],
        .groups = w->head.groups,
        .step_y = w->head.n / w->head.groups,
        .w = w,
        .act = op->act,
    };
}

static VkDeviceSize item_at(const mm_conv_op *op, int i)
{
    return mm_vk_at(&op->x) + (VkDeviceSize)(op->cu_x[i] * op->x.ld) * sizeof(float);
}

/* ---- rank 1 ---- */

/* Items i .. i+n-1, of equal dimensions: a group each, with shared weights. */
static mm_status in_place(mm_vk_dev *d, const mm_conv_op *op, int i, int n, mm_err *e)
{
    mm_vk_product p = product_of(op, i);
    p.x = mm_vk_buffer(&op->x);
    p.x_at = item_at(op, i);
    p.ldx = op->stride[0] * op->x.ld;
    if (n > 1) {
        p.shared = true;
        p.groups = n;
        p.step_x = (op->cu_x[i + 1] - op->cu_x[i]) * op->x.ld;
        p.step_y = (op->cu_y[i + 1] - op->cu_y[i]) * op->y.ld;
    }
    return mm_vk_multiply(d, &p, e);
}

static mm_status by_lines(mm_vk_dev *d, const mm_conv_op *op, int i, mm_err *e)
{
    const int64_t channels = op->w->k, length = op->in_dim[i], line = (length + 2 * op->pad[0]) * channels,
                  count = line * op->w->groups;
    mm_status s = mm_vk_reserve_workspace(d, (VkDeviceSize)count * sizeof(float), e);
    if (s != MM_OK)
        return s;
    mm_vk_window x, y;
    if (!mm_vk_window_of(&x, d, mm_vk_buffer(&op->x), item_at(op, i),
                         (VkDeviceSize)mm_vk_extent(length, channels * op->w->groups, op->x.ld) * sizeof(float)) ||
        !mm_vk_window_of(&y, d, d->workspace.buffer, 0, (VkDeviceSize)count * sizeof(float)))
        return mm_fail(e, MM_SKIP,
                       "vulkan: an input of %lld positions is too long for this device: cut it into windows",
                       (long long)length);
    const struct {
        uint32_t count, x, ldx, y, channels, positions, pad;
    } push = {(uint32_t)count,    mm_vk_floats(x.shift), (uint32_t)op->x.ld,  mm_vk_floats(y.shift),
              (uint32_t)channels, (uint32_t)length,      (uint32_t)op->pad[0]};
    mm_vk_dispatch lines = {
        .shader = MM_VK_LINES, .bind = {x, {{0}, 0}, {{0}, 0}, y}, .push = &push, .push_bytes = sizeof push};
    mm_vk_fold(lines.groups, count, 64);
    if ((s = mm_vk_run(d, &lines, e)) != MM_OK)
        return s;
    mm_vk_product p = product_of(op, i);
    p.x = d->workspace.buffer;
    p.ldx = op->stride[0] * channels;
    p.step_x = line;
    return mm_vk_multiply(d, &p, e);
}

/* ---- any rank ---- */

/* The op's dimensions as three; missing outer ones have length 1. */
typedef struct {
    uint32_t dim[3], kernel[3], stride[3], pad[3], out[3];
} extents;

static extents extents_of(const mm_conv_op *op, int i)
{
    extents x = {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}};
    for (int r = 0; r < op->rank; r++) {
        const int to = 3 - op->rank + r;
        const int64_t dim = op->in_dim[i * op->rank + r];
        x.dim[to] = (uint32_t)dim;
        x.kernel[to] = (uint32_t)op->w->kernel[r];
        x.stride[to] = (uint32_t)op->stride[r];
        x.pad[to] = (uint32_t)op->pad[r];
        x.out[to] = (uint32_t)mm_conv_out(dim, op->w->kernel[r], op->stride[r], op->pad[r]);
    }
    return x;
}

/* Unfolds the windows of output positions first .. first+rows-1 of items i .. i+n-1, of equal dimensions. */
static mm_status unfold(mm_vk_dev *d, const mm_conv_op *op, int i, int n, int64_t first, int64_t rows, mm_err *e)
{
    const mm_vk_weight *w = (const mm_vk_weight *)op->w;
    const extents t = extents_of(op, i);
    const int64_t positions = op->cu_x[i + n] - op->cu_x[i], count = rows * w->depth * w->head.groups;
    mm_vk_window x, y;
    if (!mm_vk_window_of(&x, d, mm_vk_buffer(&op->x), item_at(op, i),
                         (VkDeviceSize)mm_vk_extent(positions, w->head.k * w->head.groups, op->x.ld) * sizeof(float)) ||
        !mm_vk_window_of(&y, d, d->workspace.buffer, 0, (VkDeviceSize)count * sizeof(float)))
        return mm_fail(e, MM_SKIP, "vulkan: an input of %lld positions is too large for this device",
                       (long long)positions);
    const uint32_t push[] = {(uint32_t)count,
                             (uint32_t)w->depth,
                             mm_vk_floats(x.shift),
                             (uint32_t)op->x.ld,
                             mm_vk_floats(y.shift),
                             (uint32_t)w->head.k,
                             t.dim[0],
                             t.dim[1],
                             t.dim[2],
                             t.kernel[0],
                             t.kernel[1],
                             t.kernel[2],
                             t.stride[0],
                             t.stride[1],
                             t.stride[2],
                             t.pad[0],
                             t.pad[1],
                             t.pad[2],
                             t.out[1],
                             t.out[2],
                             (uint32_t)w->head.groups,
                             (uint32_t)first,
                             (uint32_t)(op->cu_y[i + 1] - op->cu_y[i]),
                             (uint32_t)(op->cu_x[i + 1] - op->cu_x[i])};
    mm_vk_dispatch run = {
        .shader = MM_VK_UNFOLD, .bind = {x, {{0}, 0}, {{0}, 0}, y}, .push = push, .push_bytes = sizeof push};
    mm_vk_fold(run.groups, count, 64);
    return mm_vk_run(d, &run, e);
}

static mm_status by_windows(mm_vk_dev *d, const mm_conv_op *op, int i, int n, mm_err *e)
{
    const mm_vk_weight *w = (const mm_vk_weight *)op->w;
    const int64_t row = w->depth * w->head.groups, all = op->cu_y[i + n] - op->cu_y[i];
    int64_t step = UNFOLDED / (row * (int64_t)sizeof(float));
    step = step < 1 ? 1 : step;
    mm_status s = mm_vk_reserve_workspace(d, (VkDeviceSize)((step < all ? step : all) * row) * sizeof(float), e);
    for (int64_t first = 0; s == MM_OK && first < all; first += step) {
        const int64_t rows = all - first < step ? all - first : step;
        if ((s = unfold(d, op, i, n, first, rows, e)) != MM_OK)
            return s;
        mm_vk_product p = product_of(op, i);
        p.x = d->workspace.buffer;
        p.ldx = row;
        p.step_x = w->depth;
        p.rows = rows;
        p.y_at += (VkDeviceSize)(first * p.ldy) * sizeof(float);
        p.r_at += (VkDeviceSize)(first * p.ldr) * sizeof(float);
        s = mm_vk_multiply(d, &p, e);
    }
    return s;
}

/* ---- items of equal dimensions ---- */

/* How many items from i on have the dimensions of item i and fit the windows of one dispatch with it. */
static int alike(const mm_vk_dev *d, const mm_conv_op *op, int i)
{
    const int64_t most = (int64_t)d->card.properties.limits.maxStorageBufferRange / 2 / (int64_t)sizeof(float);
    const size_t dims = (size_t)op->rank * sizeof *op->in_dim;
    int n = 1;
    while (i + n < op->n && n < 4096 && !memcmp(&op->in_dim[(i + n) * op->rank], &op->in_dim[i * op->rank], dims) &&
           (op->cu_x[i + n + 1] - op->cu_x[i]) * op->x.ld < most &&
           (op->cu_y[i + n + 1] - op->cu_y[i]) * op->y.ld < most)
        n++;
    return n;
}

mm_status mm_vk_conv(mm_dev *dev, const mm_conv_op *op, mm_err *e)
{
    mm_vk_dev *d = (mm_vk_dev *)dev;
    const bool dense = op->rank == 1 && op->w->groups == 1 && op->pad[0] == 0 && op->x.ld == op->w->k;
    mm_status s = MM_OK;
    for (int i = 0, n; s == MM_OK && i < op->n; i += n) {
        n = op->rank == 1 && (!dense || op->residual.buf) ? 1 : alike(d, op, i);
        if (op->cu_y[i + n] == op->cu_y[i])
            continue;
        s = dense ? in_place(d, op, i, n, e) : op->rank == 1 ? by_lines(d, op, i, e) : by_windows(d, op, i, n, e);
    }
    return s;
}
