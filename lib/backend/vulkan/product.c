/* product.c: matrix products: which shader computes one, and in how many pieces. A shader sees no more of a buffer than
 * the device's range, of which 128 MiB are guaranteed. */
#include "backend/vulkan/vk.h"

/* The push constants of linear.glsl. */
typedef struct {
    uint32_t m, n, k, kp;
    uint32_t ldx, ldy, ldr;
    uint32_t x, y, r;
    uint32_t w;
    uint32_t bias, scale;
    uint32_t zx, zw, zv, zy;
} linear_push;

/* A shader's tile. */
typedef struct {
    int shader;
    int rows, cols;
} tile;

/* Invocations of a workgroup of linear_plain.comp and linear_wide.comp. */
enum { LANES = 16 };

/* Fewer workgroups than this leave much of a large GPU idle: a smaller tile is faster. */
enum { BUSY = 72, VERY_BUSY = 200 };

/* Up to this many rows a product costs no more than reading its weights. */
enum { FEW = 8 };

static int64_t groups_of(const tile *t, int64_t rows, int64_t cols, int64_t groups)
{
    return (rows + t->rows - 1) / t->rows * ((cols + t->cols - 1) / t->cols) * groups;
}

/* Tiles for matrix units. The largest needs half matrices: it has no registers left to convert floats. */
static tile units_for(const mm_vk_dev *d, const mm_vk_product *p, int64_t rows, int64_t cols)
{
    const tile big = {MM_VK_LINEAR_COOP_BIG, 96, 192}, medium = {MM_VK_LINEAR_COOP, 64, 96},
               small = {MM_VK_LINEAR_COOP_SMALL, 64, 64};
    const bool only_big = !(d->paths & MM_VK_COOPMAT);
    if (d->card.coopmat == 8)
        return (tile){MM_VK_LINEAR_COOP_8, 32, 32};
    if (!(d->paths & MM_VK_COOPBIG))
        return small;
    if (p->x_half && (only_big || groups_of(&big, rows, cols, p->groups) >= VERY_BUSY))
        return big;
    return only_big || groups_of(&medium, rows, cols, p->groups) >= BUSY ? medium : small;
}

/* Every shader of one kind sums an output's products in the same order (ascending k, fused), so the choice may depend
 * on the number of rows. */
static tile tile_for(const mm_vk_dev *d, const mm_vk_product *p, int64_t rows, int64_t cols)
{
    const mm_vk_weight *w = p->w;
    const int64_t groups = p->groups;
    const tile integers = {MM_VK_LINEAR_INT8_BIG, 128, 128}, few_integers = {MM_VK_LINEAR_INT8, 64, 64},
               products = {MM_VK_LINEAR_BIG_FP16, 128, 128}, few_products = {MM_VK_LINEAR_TILE_FP16, 64, 64},
               big = {w->half ? MM_VK_LINEAR_BIG_HALF : MM_VK_LINEAR_BIG, 128, 128};
    const bool large =
        (d->paths & MM_VK_BIG) && (!(d->paths & MM_VK_TILES) || groups_of(&big, rows, cols, groups) >= BUSY);
    if (w->int8 && rows <= FEW)
        return (tile){MM_VK_LINEAR_INT8_FEW, 8, 128};
    if (w->int8)
        return large ? integers : few_integers;
    if (w->rows)
        return units_for(d, p, rows, cols);
    /* on Mesa's CPU driver a load is what costs: 16 rows of linear_wide.comp take the time of three of linear_few.comp
     */
    const bool wide =
        (d->paths & MM_VK_WIDE) && !(d->paths & (MM_VK_TILES | MM_VK_BIG)) && !((d->paths & MM_VK_FP16) && w->half);
    if (rows <= (wide ? 2 : FEW))
        return (tile){!w->half                  ? MM_VK_LINEAR_FEW
                      : (d->paths & MM_VK_FP16) ? MM_VK_LINEAR_FEW_FP16
                                                : MM_VK_LINEAR_FEW_HALF,
                      FEW, 4 * LANES};
    if ((d->paths & MM_VK_FP16) && w->half)
        return large ? products : few_products;
    if (large)
        return big;
    if (d->paths & MM_VK_TILES)
        return (tile){w->half ? MM_VK_LINEAR_TILE_HALF : MM_VK_LINEAR_TILE, 64, 64};
    if (wide)
        return (tile){w->half ? MM_VK_LINEAR_WIDE_HALF : MM_VK_LINEAR_WIDE, 16, 16 * LANES};
    return (tile){w->half ? MM_VK_LINEAR_PLAIN_HALF : MM_VK_LINEAR_PLAIN, 8, 8 * LANES};
}

/* A piece of a product: rows and columns whose windows fit. */
typedef struct {
    const mm_vk_product *p;
    int64_t r0, rows, n0, cols;
    mm_vk_window x, w, v, y;
    VkDeviceSize r_shift; /* where r begins in the window of y */
} piece;

/* Bytes from the first to the last number of `rows` of a matrix of the product, in all its groups. */
static VkDeviceSize reach(const mm_vk_product *p, int64_t rows, int64_t width, int64_t ld, int64_t step)
{
    return (VkDeviceSize)(mm_vk_extent(rows, width, ld) + (p->groups - 1) * step) * sizeof(float);
}

static bool window_input(piece *c, const mm_vk_dev *d)
{
    const mm_vk_product *p = c->p;
    return mm_vk_window_of(
        &c->x, d, p->x, p->x_at + (VkDeviceSize)(c->r0 * p->ldx) * sizeof(float),
        reach(p, c->rows, p->w->int8 ? p->ldx : mm_vk_width(p->x_half, p->w->depth), p->ldx, p->step_x));
}

static bool window_weights(piece *c, const mm_vk_dev *d)
{
    const mm_vk_weight *w = c->p->w;
    const int64_t size = mm_vk_weight_size(w);
    const int64_t from = c->n0 * w->padded * size, bytes = mm_vk_round(c->cols, 64) * w->padded * size;
    return mm_vk_window_of(&c->w, d, w->chunk->mem.buffer, w->at + (VkDeviceSize)from,
                           (VkDeviceSize)(bytes + (c->p->shared ? 0 : (c->p->groups - 1) * w->group_bytes)));
}

/* Bias and scale lie in one chunk: mm_vk_multiply checks it. */
static bool window_vectors(piece *c, const mm_vk_dev *d)
{
    const mm_vk_chunk *v = c->p->w->vector_chunk ? c->p->w->vector_chunk : c->p->scale ? c->p->scale->chunk : NULL;
    c->v = (mm_vk_window){0};
    return !v || mm_vk_window_of(&c->v, d, v->mem.buffer, 0, v->used);
}

/* y and r, in one binding. */
static bool window_outputs(piece *c, const mm_vk_dev *d)
{
    const mm_vk_product *p = c->p;
    const int64_t n0 = mm_vk_width(p->y_half, c->n0), cols = mm_vk_width(p->y_half, c->cols);
    const VkDeviceSize y = p->y_at + (VkDeviceSize)(c->r0 * p->ldy + n0) * sizeof(float),
                       r = p->r_at + (VkDeviceSize)(c->r0 * p->ldr + c->n0) * sizeof(float);
    VkDeviceSize lo = y, hi = y + reach(p, c->rows, cols, p->ldy, p->step_y);
    if (p->r) {
        const VkDeviceSize end = r + reach(p, c->rows, c->cols, p->ldr, p->step_y);
        lo = r < lo ? r : lo;
        hi = end > hi ? end : hi;
    }
    bool fits = mm_vk_window_of(&c->y, d, p->y, lo, hi - lo);
    c->r_shift = p->r ? c->y.shift + r - lo : 0;
    c->y.shift += y - lo;
    return fits;
}

static bool fours(VkDeviceSize bytes, int64_t ld, int64_t step)
{
    return bytes % 16 == 0 && ld % 4 == 0 && step % 4 == 0;
}

/* ROWS of linear_few.comp: few pipelines, and no more than half of the products for nothing. */
static uint32_t rounded_rows(int64_t rows)
{
    return rows > 4 ? 8 : rows > 2 ? 4 : (uint32_t)rows;
}

static mm_status dispatch(mm_vk_dev *d, const piece *c, mm_err *e)
{
    const mm_vk_product *p = c->p;
    const mm_vk_weight *w = p->w;
    const VkDeviceSize quad = w->half ? 8 : 16; /* bytes of four weights, or of four words of 8-bit integers */
    const linear_push push = {
        .m = (uint32_t)c->rows,
        .n = (uint32_t)c->cols,
        .k = (uint32_t)w->depth,
        .kp = (uint32_t)(w->int8 ? mm_vk_int8_words(w) : w->padded),
        .ldx = (uint32_t)p->ldx,
        .ldy = (uint32_t)p->ldy,
        .ldr = (uint32_t)p->ldr,
        .x = mm_vk_floats(c->x.shift),
        .y = mm_vk_floats(c->y.shift),
        .r = mm_vk_floats(c->r_shift),
        .w = (uint32_t)(c->w.shift / quad),
        .bias = mm_vk_floats(w->bias_at) + (uint32_t)c->n0,
        .scale = p->scale ? mm_vk_floats(p->scale->at) + (uint32_t)c->n0 : 0,
        .zx = (uint32_t)p->step_x,
        .zw = p->shared ? 0 : (uint32_t)((VkDeviceSize)w->group_bytes / quad),
        .zv = p->shared ? 0 : (uint32_t)p->step_y,
        .zy = (uint32_t)p->step_y,
    };
    const tile t = tile_for(d, p, c->rows, c->cols);
    const bool few =
        t.shader == MM_VK_LINEAR_FEW || t.shader == MM_VK_LINEAR_FEW_HALF || t.shader == MM_VK_LINEAR_FEW_FP16;
    const bool x4 = fours(c->x.shift, p->ldx, p->step_x);
    const bool y4 = fours(c->y.shift, p->ldy, p->step_y) && c->cols % 4 == 0 && fours(c->r_shift, p->r ? p->ldr : 0, 0);
    const mm_vk_dispatch x = {
        .shader = t.shader,
        .spec = {p->act, w->vector_chunk != NULL, p->scale != NULL, p->r != NULL, x4, y4, LANES,
                 few ? rounded_rows(c->rows) : x4 && w->depth == w->padded, p->x_half, p->y_half,
                 few && (d->paths & (MM_VK_TILES | MM_VK_BIG))},
        .bind = {c->x, c->w, c->v, c->y},
        .push = &push,
        .push_bytes = sizeof push,
        .groups = {(uint32_t)((c->cols + t.cols - 1) / t.cols), (uint32_t)((c->rows + t.rows - 1) / t.rows),
                   (uint32_t)p->groups},
        .work = (double)c->rows * (double)c->cols * (double)w->depth * (double)p->groups,
    };
    return mm_vk_run(d, &x, e);
}

/* Cuts in two until every window is within the device's range. */
static mm_status multiply(mm_vk_dev *d, const mm_vk_product *p, int64_t r0, int64_t rows, int64_t n0, int64_t cols,
                          mm_err *e)
{
    enum { MOST_ROWS = 1 << 18 }; /* workgroups of 8 rows: fewer than 65,535 */
    piece c = {.p = p, .r0 = r0, .rows = rows, .n0 = n0, .cols = cols};
    const bool weights = window_weights(&c, d), in = window_input(&c, d), out = window_outputs(&c, d);
    if (!weights && cols > 64 && p->groups == 1) {
        const int64_t half = mm_vk_round(cols / 2, 64);
        mm_status s = multiply(d, p, r0, rows, n0, half, e);
        return s == MM_OK && half < cols ? multiply(d, p, r0, rows, n0 + half, cols - half, e) : s;
    }
    if ((!in || !out || rows > MOST_ROWS) && rows > 1) {
        mm_status s = multiply(d, p, r0, rows / 2, n0, cols, e);
        return s == MM_OK ? multiply(d, p, r0 + rows / 2, rows - rows / 2, n0, cols, e) : s;
    }
    if (!weights || !in || !out || !window_vectors(&c, d))
        return mm_fail(e, MM_FATAL, "vulkan: a layer of %lld inputs and %lld outputs is beyond this device's buffers",
                       (long long)p->w->depth, (long long)p->w->head.n);
    return dispatch(d, &c, e);
}

/* y = y * scale + r */
static mm_status add_apart(mm_vk_dev *d, const mm_vk_product *p, mm_err *e)
{
    typedef struct {
        uint32_t count, width, r, ldr, y, ldy, scale;
    } affine_push;
    const int64_t width = p->w->head.n;
    mm_vk_window r, y, v = {0};
    int64_t step = p->rows;
    const int64_t ld = p->ldr > p->ldy ? p->ldr : p->ldy;
    while (step > 1 && (VkDeviceSize)(step * ld) * sizeof(float) > d->card.properties.limits.maxStorageBufferRange / 2)
        step = (step + 1) / 2;
    for (int64_t r0 = 0; r0 < p->rows; r0 += step) {
        const int64_t rows = p->rows - r0 < step ? p->rows - r0 : step;
        mm_vk_window_of(&r, d, p->r, p->r_at + (VkDeviceSize)(r0 * p->ldr) * 4, reach(p, rows, width, p->ldr, 0));
        mm_vk_window_of(&y, d, p->y, p->y_at + (VkDeviceSize)(r0 * p->ldy) * 4, reach(p, rows, width, p->ldy, 0));
        if (p->scale)
            mm_vk_window_of(&v, d, p->scale->chunk->mem.buffer, 0, p->scale->chunk->used);
        const affine_push push = {(uint32_t)(rows * width),
                                  (uint32_t)width,
                                  mm_vk_floats(r.shift),
                                  (uint32_t)p->ldr,
                                  mm_vk_floats(y.shift),
                                  (uint32_t)p->ldy,
                                  p->scale ? mm_vk_floats(p->scale->at) : 0};
        mm_vk_dispatch x = {.shader = MM_VK_AFFINE,
                            .spec = {p->scale != NULL},
                            .bind = {r, {{0}, 0}, v, y},
                            .push = &push,
                            .push_bytes = sizeof push};
        mm_vk_fold(x.groups, rows * width, 64);
        mm_status s = mm_vk_run(d, &x, e);
        if (s != MM_OK)
            return s;
    }
    return MM_OK;
}

/* Can the shader see r through the binding of y, and bias and scale through one? */
static bool in_one(const mm_vk_dev *d, const mm_vk_product *p)
{
    const VkDeviceSize apart = p->y_at > p->r_at ? p->y_at - p->r_at : p->r_at - p->y_at;
    const bool outputs = !p->r || (p->r == p->y && apart < d->card.properties.limits.maxStorageBufferRange / 2);
    return outputs && (!p->scale || !p->w->vector_chunk || p->scale->chunk == p->w->vector_chunk);
}

mm_status mm_vk_multiply(mm_vk_dev *d, const mm_vk_product *p, mm_err *e)
{
    if (in_one(d, p))
        return multiply(d, p, 0, p->rows, 0, p->shared ? p->w->head.n : p->w->head.n / p->groups, e);
    mm_vk_product plain = *p;
    plain.r = VK_NULL_HANDLE;
    plain.scale = NULL; /* add_apart follows with both */
    if (!p->r)
        return mm_fail(e, MM_FATAL, "vulkan: a scale and a bias lie too far apart");
    mm_status s = multiply(d, &plain, 0, p->rows, 0, p->w->head.n / p->groups, e);
    return s == MM_OK ? add_apart(d, p, e) : s;
}
