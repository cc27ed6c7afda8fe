/* attend.c: attention: which shader computes it, what it sees, and how it learns about the items of a batch.
 *
 * A shader has four bindings: queries, keys, a third one, and the output. Items share a dispatch where one window holds
 * both keys and values; the third binding then has a table of the items, and the biases with it. Otherwise each item
 * has a dispatch of its own, and the third binding has its values. */
#include "backend/vulkan/vk.h"

#include <string.h>

/* Item of attend.glsl; rows are counted from the windows' first ones. */
typedef struct {
    uint32_t q0, queries, k0, keys, q_start, prefix, bias_row, unused;
} item;

/* The push constants of attend.glsl. */
typedef struct {
    item one;
    uint32_t group, head;
    uint32_t q, k, v, y, ldq, ldk, ldv, ldy;
    uint32_t table;
    float scale;
    uint32_t window;
    uint32_t bias, ldb, bias_rows, distance, ldd, reach;
} attend_push;

/* Items i0 .. i1-1 of an operation, the rows that they use, and what a shader sees of them. */
typedef struct {
    const mm_attend_op *op;
    int i0, i1;
    int64_t q0, q1, k0, k1; /* rows of q and out; of k and v */
    int64_t longest;        /* queries of an item */
    double scores;
    mm_vk_window q, k, v, y;
    bool apart; /* v has a window of its own */
} batch;

static batch batch_of(const mm_attend_op *op, int i0, int i1)
{
    batch b = {.op = op, .i0 = i0, .i1 = i1, .q0 = op->cu_q[i0], .q1 = op->cu_q[i1], .k0 = INT64_MAX};
    for (int i = i0; i < i1; i++) {
        const int64_t queries = op->cu_q[i + 1] - op->cu_q[i], first = op->k_start[i], keys = mm_attend_keys(op, i);
        b.k0 = first < b.k0 ? first : b.k0;
        b.k1 = first + keys > b.k1 ? first + keys : b.k1;
        b.longest = queries > b.longest ? queries : b.longest;
        b.scores += (double)queries * (double)keys;
    }
    return b;
}

static item item_of(const batch *b, int i)
{
    const mm_attend_op *op = b->op;
    return (item){.q0 = (uint32_t)(op->cu_q[i] - b->q0),
                  .queries = (uint32_t)(op->cu_q[i + 1] - op->cu_q[i]),
                  .k0 = (uint32_t)(op->k_start[i] - b->k0),
                  .keys = (uint32_t)mm_attend_keys(op, i),
                  .q_start = (uint32_t)mm_attend_start(op, i),
                  .prefix = op->prefix ? (uint32_t)op->prefix[i] : 0,
                  .bias_row = op->bias_start ? (uint32_t)op->bias_start[i] : 0};
}

/* ---- windows ---- */

/* First byte and end of the batch's rows of k or v. */
static VkDeviceSize rows_of(VkDeviceSize *end, const batch *b, const mm_mat *m)
{
    const int64_t width = mm_vk_width(m->half, (int64_t)mm_attend_kv_heads(b->op) * b->op->head);
    const VkDeviceSize at = mm_vk_at(m) + (VkDeviceSize)(b->k0 * m->ld) * sizeof(float);
    *end = at + (VkDeviceSize)mm_vk_extent(b->k1 - b->k0, width, m->ld) * sizeof(float);
    return at;
}

/* Keys and values in one window of `buffer`. */
static bool window_both(batch *b, const mm_vk_dev *d, VkBuffer buffer, VkDeviceSize k, VkDeviceSize k_end,
                        VkDeviceSize v, VkDeviceSize v_end)
{
    const VkDeviceSize lo = k < v ? k : v, hi = k_end > v_end ? k_end : v_end;
    if (!mm_vk_window_of(&b->k, d, buffer, lo, hi - lo))
        return false;
    b->v = b->k;
    b->k.shift += k - lo;
    b->v.shift += v - lo;
    return true;
}

/* Windows of all four matrices; where k and v share none, v's is its own. */
static bool windows(batch *b, const mm_vk_dev *d)
{
    const mm_attend_op *op = b->op;
    const int64_t width = (int64_t)op->heads * op->head, kv_width = (int64_t)mm_attend_kv_heads(op) * op->head;
    VkDeviceSize k_end, v_end;
    const VkDeviceSize k = rows_of(&k_end, b, &op->k), v = rows_of(&v_end, b, &op->v);
    if (!mm_vk_window_rows(&b->q, d, &op->q, b->q0, b->q1, width) ||
        !mm_vk_window_rows(&b->y, d, &op->out, b->q0, b->q1, width))
        return false;
    b->apart =
        mm_vk_buffer(&op->k) != mm_vk_buffer(&op->v) || !window_both(b, d, mm_vk_buffer(&op->k), k, k_end, v, v_end);
    return !b->apart || (mm_vk_window_rows(&b->k, d, &op->k, b->k0, b->k1, kv_width) &&
                         mm_vk_window_rows(&b->v, d, &op->v, b->k0, b->k1, kv_width));
}

static bool fours(const batch *b)
{
    const mm_attend_op *op = b->op;
    return (b->q.shift | b->k.shift | b->v.shift | b->y.shift) % 16 == 0 && op->head % 4 == 0 && op->q.ld % 4 == 0 &&
           op->k.ld % 4 == 0 && op->v.ld % 4 == 0 && op->out.ld % 4 == 0;
}

/* ---- the third binding ---- */

/* A table of the items straight from staging memory. */
static mm_status stage_table(VkDeviceSize *at, mm_vk_dev *d, const batch *b, mm_err *e)
{
    char *to;
    mm_status s = mm_vk_stage(&to, at, d, (VkDeviceSize)(b->i1 - b->i0) * sizeof(item), e);
    for (int i = b->i0; s == MM_OK && i < b->i1; i++) {
        const item x = item_of(b, i);
        memcpy(to + (size_t)(i - b->i0) * sizeof x, &x, sizeof x);
    }
    return s;
}

/* Bytes that a part of the workspace takes. */
static VkDeviceSize part(VkDeviceSize bytes)
{
    return (VkDeviceSize)mm_vk_round((int64_t)bytes, 256);
}

/* The table and the biases side by side in the workspace and, where they lie apart, keys and values after them. False:
 * no window is that wide. */
static bool gather_biases(mm_vk_window *w, attend_push *push, mm_vk_dev *d, batch *b, mm_status *s, mm_err *e)
{
    const mm_attend_op *op = b->op;
    int64_t first = INT64_MAX, end = 0, keys = 0;
    for (int i = b->i0; i < b->i1; i++) {
        const int64_t row = op->bias_start ? op->bias_start[i] : 0, n = mm_attend_keys(op, i);
        first = row < first ? row : first;
        end = row + op->heads * op->bias_rows > end ? row + op->heads * op->bias_rows : end;
        keys = n > keys ? n : keys;
    }
    const int64_t bias_floats = op->bias.buf ? mm_vk_extent(end - first, keys, op->bias.ld) : 0,
                  distance_floats = op->distance.buf ? mm_vk_extent(op->heads, 2 * op->reach + 1, op->distance.ld) : 0;
    VkDeviceSize k_end, v_end;
    const VkDeviceSize k = rows_of(&k_end, b, &op->k), v = rows_of(&v_end, b, &op->v);
    const VkDeviceSize table = (VkDeviceSize)(b->i1 - b->i0) * sizeof(item), bias = part(table),
                       distance = bias + part((VkDeviceSize)bias_floats * sizeof(float)),
                       all = distance + part((VkDeviceSize)distance_floats * sizeof(float)), k_to = all + k % 16,
                       v_to = part(k_to + k_end - k) + v % 16;
    VkDeviceSize staged;
    *s = mm_vk_reserve_workspace(d, b->apart ? v_to + v_end - v : all, e);
    const VkBuffer to = d->workspace.buffer;
    if (*s == MM_OK && (!mm_vk_window_of(w, d, to, 0, all) ||
                        (b->apart && !window_both(b, d, to, k_to, k_to + k_end - k, v_to, v_to + v_end - v))))
        return false;
    if (*s == MM_OK)
        *s = stage_table(&staged, d, b, e);
    if (*s == MM_OK)
        *s = mm_vk_copy(d, d->up.buffer, staged, to, 0, table, e);
    if (*s == MM_OK && bias_floats)
        *s = mm_vk_copy(d, mm_vk_buffer(&op->bias),
                        mm_vk_at(&op->bias) + (VkDeviceSize)(first * op->bias.ld) * sizeof(float), to, bias,
                        (VkDeviceSize)bias_floats * sizeof(float), e);
    if (*s == MM_OK && distance_floats)
        *s = mm_vk_copy(d, mm_vk_buffer(&op->distance), mm_vk_at(&op->distance), to, distance,
                        (VkDeviceSize)distance_floats * sizeof(float), e);
    if (*s == MM_OK && b->apart && k_end > k)
        *s = mm_vk_copy(d, mm_vk_buffer(&op->k), k, to, k_to, k_end - k, e);
    if (*s == MM_OK && b->apart && v_end > v)
        *s = mm_vk_copy(d, mm_vk_buffer(&op->v), v, to, v_to, v_end - v, e);
    b->apart = false;
    push->bias = mm_vk_floats(bias) - (uint32_t)(op->bias.buf ? first * op->bias.ld : 0); /* may wrap around */
    push->ldb = (uint32_t)op->bias.ld;
    push->bias_rows = (uint32_t)op->bias_rows;
    push->distance = mm_vk_floats(distance);
    push->ldd = (uint32_t)op->distance.ld;
    push->reach = (uint32_t)op->reach;
    return true;
}

/* ---- the dispatch ---- */

static int shader_for(const mm_vk_dev *d, const batch *b)
{
    const int64_t head = b->op->head;
    const bool biased = b->op->bias.buf || b->op->distance.buf; /* not yet verified on matrix units */
    if ((d->paths & MM_VK_COOPATT) && head == 64 && !b->apart && fours(b) && !biased)
        return d->card.coopmat == 8 ? MM_VK_ATTEND_COOP_8 : MM_VK_ATTEND_COOP;
    return head <= 32    ? MM_VK_ATTEND_32
           : head <= 64  ? MM_VK_ATTEND_64
           : head <= 128 ? MM_VK_ATTEND_128
                         : MM_VK_ATTEND_ANY;
}

/* Items i0 .. i1-1, in halves until they fit together. */
static mm_status attend(mm_vk_dev *d, const mm_attend_op *op, int i0, int i1, mm_err *e)
{
    enum { MOST = 4096 }; /* items of a dispatch */
    const bool biased = op->bias.buf || op->distance.buf;
    batch b = batch_of(op, i0, i1);
    if (b.q0 == b.q1)
        return MM_OK;
    mm_vk_window third = {{0}, 0};
    attend_push push = {.group = (uint32_t)(op->heads / mm_attend_kv_heads(op)),
                        .head = (uint32_t)op->head,
                        .scale = op->scale,
                        .window = (uint32_t)op->window};
    mm_status s = MM_OK;
    bool fits = i1 - i0 <= MOST && windows(&b, d) && (!b.apart || biased || i1 - i0 == 1);
    if (fits && biased)
        fits = gather_biases(&third, &push, d, &b, &s, e);
    if (!fits) {
        if (i1 - i0 < 2)
            return mm_vk_too_large(e);
        s = attend(d, op, i0, i0 + (i1 - i0) / 2, e);
        return s == MM_OK ? attend(d, op, i0 + (i1 - i0) / 2, i1, e) : s;
    }
    if (b.apart) {
        push.one = item_of(&b, i0);
        third = b.v;
    } else if (!biased && s == MM_OK) {
        VkDeviceSize at;
        s = stage_table(&at, d, &b, e);
        if (s == MM_OK)
            mm_vk_window_of(&third, d, d->up.buffer, at, (VkDeviceSize)(i1 - i0) * sizeof(item));
        push.table = (uint32_t)(third.shift / 16);
    }
    if (s != MM_OK)
        return s;
    push.q = mm_vk_floats(b.q.shift), push.ldq = (uint32_t)op->q.ld;
    push.k = mm_vk_floats(b.k.shift), push.ldk = (uint32_t)op->k.ld;
    push.v = mm_vk_floats(b.v.shift), push.ldv = (uint32_t)op->v.ld;
    push.y = mm_vk_floats(b.y.shift), push.ldy = (uint32_t)op->out.ld;
    const int shader = shader_for(d, &b);
    const int64_t block = shader == MM_VK_ATTEND_ANY ? 1 : shader == MM_VK_ATTEND_COOP_8 ? 32 : 64; /* queries */
    const mm_vk_dispatch x = {
        .shader = shader,
        .spec = {op->causal, fours(&b), !b.apart, op->q.half, op->out.half, op->window > 0 || op->prefix,
                 op->bias.buf != NULL, op->distance.buf != NULL},
        .bind = {b.q, b.k, third, b.y},
        .push = &push,
        .push_bytes = sizeof push,
        .groups = {(uint32_t)((b.longest + block - 1) / block), (uint32_t)op->heads, (uint32_t)(i1 - i0)},
        .work = 2 * b.scores * (double)op->heads * op->head};
    return mm_vk_run(d, &x, e);
}

mm_status mm_vk_attend(mm_dev *dev, const mm_attend_op *op, mm_err *e)
{
    return attend((mm_vk_dev *)dev, op, 0, op->n, e);
}
