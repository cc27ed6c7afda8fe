/* int8.c: linear layers in 8-bit integers. Rows of x are quantised into the scratch memory first, a piece at a time
 * (quantise.comp); linear_int8.comp then multiplies what lies there. The arithmetic is that of the CPU's int8
 * (cpu/matmul.h): sums are exact, so a row's result does not depend on its neighbours or on tiles. */
#include "backend/vulkan/vk.h"

/* Room for quantised rows. */
enum { QUANTISED = 32 << 20 };

/* Words in front of a row's integers. */
enum { HEADER = 4 };

int64_t mm_vk_int8_words(const mm_vk_weight *w)
{
    return (w->padded - MM_VK_INT8_TAIL) / 4;
}

static int64_t row_words(const mm_vk_weight *w)
{
    return HEADER + mm_vk_int8_words(w);
}

/* Rows r0 .. r0+rows-1 of the product's x into the scratch memory. */
static mm_status quantise(mm_vk_dev *d, const mm_vk_product *p, int64_t r0, int64_t rows, mm_err *e)
{
    const int64_t depth = p->w->depth, row = row_words(p->w);
    mm_vk_window x, y;
    if (!mm_vk_window_of(&x, d, p->x, p->x_at + (VkDeviceSize)(r0 * p->ldx) * sizeof(float),
                         (VkDeviceSize)mm_vk_extent(rows, depth, p->ldx) * sizeof(float)) ||
        !mm_vk_window_of(&y, d, d->scratch.buffer, 0, (VkDeviceSize)(rows * row) * sizeof(int32_t)))
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

/* As many rows as the scratch memory and half a window of x take. */
static int64_t rows_at_once(const mm_vk_dev *d, const mm_vk_product *p)
{
    const int64_t range = (int64_t)d->card.properties.limits.maxStorageBufferRange / 2 / (int64_t)sizeof(float);
    const int64_t out = QUANTISED / (int64_t)sizeof(int32_t) / row_words(p->w), in = range / p->ldx;
    const int64_t rows = out < in ? out : in;
    return rows < 1 ? 1 : rows < p->rows ? rows : p->rows;
}

mm_status mm_vk_multiply_int8(mm_vk_dev *d, const mm_vk_product *p, mm_err *e)
{
    const int64_t step = rows_at_once(d, p), row = row_words(p->w);
    mm_status s = mm_vk_reserve_scratch(d, (VkDeviceSize)(step * row) * sizeof(int32_t), e);
    for (int64_t r0 = 0; s == MM_OK && r0 < p->rows; r0 += step) {
        mm_vk_product piece = *p;
        piece.rows = p->rows - r0 < step ? p->rows - r0 : step;
        piece.x = d->scratch.buffer;
        piece.x_at = 0;
        piece.ldx = row;
        piece.y_at += (VkDeviceSize)(r0 * p->ldy) * sizeof(float);
        piece.r_at += (VkDeviceSize)(r0 * p->ldr) * sizeof(float);
        if ((s = quantise(d, p, r0, piece.rows, e)) == MM_OK)
            s = mm_vk_multiply(d, &piece, e);
    }
    return s;
}
