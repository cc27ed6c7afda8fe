/* linear.c: the linear layer. In 8-bit integers, quantise.comp first writes rows of x into the workspace, a piece at a
 * time, and linear_int8.comp multiplies them. The arithmetic is that of the CPU's int8 (cpu/matmul.h): sums are exact,
 * so a row's result depends neither on its neighbours nor on tiles. */
#include "backend/vulkan/vk.h"

/* Words before a row's integers. */
enum { HEADER = 4 };

/* Bytes of workspace for quantised rows. */
enum { QUANTISED = 32 << 20 };

/* Quantises rows r0 .. r0+rows-1 of the product's x, [rows][row] words. */
static mm_status quantise(mm_vk_dev *d, const mm_vk_product *p, int64_t r0, int64_t rows, int64_t row, mm_err *e)
{
    const int64_t depth = p->w->depth;
    mm_vk_window x, y;
    if (!mm_vk_window_of(&x, d, p->x, p->x_at + (VkDeviceSize)(r0 * p->ldx) * sizeof(float),
                         (VkDeviceSize)mm_vk_extent(rows, depth, p->ldx) * sizeof(float)) ||
        !mm_vk_window_of(&y, d, d->workspace.buffer, 0, (VkDeviceSize)(rows * row) * sizeof(int32_t)))
        return mm_fail(e, MM_FATAL, "vulkan: rows of %lld inputs are beyond this device's buffers", (long long)depth);
    const struct {
        uint32_t rows, channels, words, x, ldx, ldy;
    } push = {(uint32_t)rows,        (uint32_t)depth,  (uint32_t)(row - HEADER),
              mm_vk_floats(x.shift), (uint32_t)p->ldx, (uint32_t)row};
    mm_vk_dispatch run = {
        .shader = MM_VK_QUANTISE, .bind = {x, {{0}, 0}, {{0}, 0}, y}, .push = &push, .push_bytes = sizeof push};
    mm_vk_fold(run.groups, rows, 1);
    return mm_vk_run(d, &run, e);
}

/* As many rows at a time as the workspace and half a window of x hold. */
static mm_status multiply_int8(mm_vk_dev *d, const mm_vk_product *p, mm_err *e)
{
    const int64_t row = HEADER + mm_vk_int8_words(p->w);
    const int64_t range = (int64_t)d->card.properties.limits.maxStorageBufferRange / 2 / (int64_t)sizeof(float);
    const int64_t out = QUANTISED / (int64_t)sizeof(int32_t) / row, in = range / p->ldx, fit = out < in ? out : in,
                  step = fit < 1         ? 1
                         : fit < p->rows ? fit
                                         : p->rows;
    mm_status s = mm_vk_reserve_workspace(d, (VkDeviceSize)(step * row) * sizeof(int32_t), e);
    for (int64_t r0 = 0; s == MM_OK && r0 < p->rows; r0 += step) {
        mm_vk_product piece = *p;
        piece.rows = p->rows - r0 < step ? p->rows - r0 : step;
        piece.x = d->workspace.buffer;
        piece.x_at = 0;
        piece.ldx = row;
        piece.y_at += (VkDeviceSize)(r0 * p->ldy) * sizeof(float);
        piece.r_at += (VkDeviceSize)(r0 * p->ldr) * sizeof(float);
        if ((s = quantise(d, p, r0, piece.rows, row, e)) == MM_OK)
            s = mm_vk_multiply(d, &piece, e);
    }
    return s;
}

mm_status mm_vk_linear(mm_dev *dev, const mm_linear_op *op, mm_err *e)
{
    const mm_vk_product p = {
        .x = mm_vk_buffer(&op->x),
        .x_at = mm_vk_at(&op->x),
        .ldx = op->x.ld,
        .y = mm_vk_buffer(&op->y),
        .y_at = mm_vk_at(&op->y),
        .ldy = op->y.ld,
        .r = op->residual.buf ? mm_vk_buffer(&op->residual) : VK_NULL_HANDLE,
        .r_at = op->residual.buf ? mm_vk_at(&op->residual) : 0,
        .ldr = op->residual.ld,
        .rows = op->rows,
        .groups = 1,
        .w = (const mm_vk_weight *)op->w,
        .scale = (const mm_vk_weight *)op->scale,
        .act = op->act,
        .x_half = op->x.half,
        .y_half = op->y.half,
    };
    return (p.w->int8 ? multiply_int8 : mm_vk_multiply)((mm_vk_dev *)dev, &p, e);
}
