/* attend.c: which shader attends, and how it learns about the items of a batch. */
#include "backend/vulkan/vk.h"

/* The push constants of attend.comp and attend_any.comp. */
typedef struct {
    uint32_t heads, head;
    uint32_t q, k, v, y, ldq, ldk, ldv, ldy;
    uint32_t q0, q1, k0, k1;
    uint32_t table, q_offset;
    float scale;
} attend_push;

/* Rows lo .. hi-1 of the op's matrices. */
typedef struct {
    int64_t q0, q1, k0, k1;
} span;

typedef struct {
    mm_vk_window q, k, v, y;
} views;

/* Keys and values through one window. */
static bool see_both(views *v, const mm_vk_dev *d, const mm_attend_op *op, const span *s)
{
    const int64_t width = mm_vk_width(op->k.half, (int64_t)op->heads * op->head), rows = s->k1 - s->k0;
    const VkDeviceSize k = mm_vk_at(&op->k) + (VkDeviceSize)(s->k0 * op->k.ld) * sizeof(float),
                       w = mm_vk_at(&op->v) + (VkDeviceSize)(s->k0 * op->v.ld) * sizeof(float),
                       k_end = k + (VkDeviceSize)mm_vk_extent(rows, width, op->k.ld) * sizeof(float),
                       w_end = w + (VkDeviceSize)mm_vk_extent(rows, width, op->v.ld) * sizeof(float);
    const VkDeviceSize lo = k < w ? k : w, hi = k_end > w_end ? k_end : w_end;
    if (mm_vk_buffer(&op->k) != mm_vk_buffer(&op->v) || !mm_vk_window_of(&v->k, d, mm_vk_buffer(&op->k), lo, hi - lo))
        return false;
    v->v.shift = v->k.shift + w - lo;
    v->k.shift += k - lo;
    return true;
}

static bool fours(const views *v, const mm_attend_op *op)
{
    return (v->q.shift | v->k.shift | v->v.shift | v->y.shift) % 16 == 0 && op->head % 4 == 0 && op->q.ld % 4 == 0 &&
           op->k.ld % 4 == 0 && op->v.ld % 4 == 0 && op->out.ld % 4 == 0;
}

static int shader_for(const mm_attend_op *op)
{
    return op->head <= 32    ? MM_VK_ATTEND_32
           : op->head <= 64  ? MM_VK_ATTEND_64
           : op->head <= 128 ? MM_VK_ATTEND_128
                             : MM_VK_ATTEND_ANY;
}

static attend_push push_of(const views *v, const mm_attend_op *op)
{
    return (attend_push){.heads = (uint32_t)op->heads,
                         .head = (uint32_t)op->head,
                         .q = mm_vk_floats(v->q.shift),
                         .k = mm_vk_floats(v->k.shift),
                         .v = mm_vk_floats(v->v.shift),
                         .y = mm_vk_floats(v->y.shift),
                         .ldq = (uint32_t)op->q.ld,
                         .ldk = (uint32_t)op->k.ld,
                         .ldv = (uint32_t)op->v.ld,
                         .ldy = (uint32_t)op->out.ld,
                         .scale = op->scale};
}

/* ---- many items in one dispatch ---- */

/* Items i0 .. i1-1, whose rows go to the shader as a table; false when they do not fit together. */
static bool together(mm_vk_dev *d, const mm_attend_op *op, int i0, int i1, mm_status *st, mm_err *e)
{
    const int64_t width = (int64_t)op->heads * op->head;
    span s = {op->cu_q[i0], op->cu_q[i1], INT64_MAX, 0};
    views v;
    for (int i = i0; i < i1; i++) {
        s.k0 = op->k_start[i] < s.k0 ? op->k_start[i] : s.k0;
        s.k1 = op->k_start[i] + mm_attend_keys(op, i) > s.k1 ? op->k_start[i] + mm_attend_keys(op, i) : s.k1;
        if (mm_attend_start(op, i) != mm_attend_start(op, i0))
            return false;
    }
    if (op->head > 128 || !see_both(&v, d, op, &s) || !mm_vk_window_rows(&v.q, d, &op->q, s.q0, s.q1, width) ||
        !mm_vk_window_rows(&v.y, d, &op->out, s.q0, s.q1, width))
        return false;
    char *staged;
    VkDeviceSize at;
    int64_t longest = 0;
    const VkDeviceSize bytes = (VkDeviceSize)(i1 - i0) * 4 * sizeof(uint32_t);
    if ((*st = mm_vk_stage(&staged, &at, d, bytes, e)) != MM_OK)
        return true;
    for (int i = i0; i < i1; i++) {
        uint32_t *row = (uint32_t *)staged + 4 * (i - i0);
        row[0] = (uint32_t)(op->cu_q[i] - s.q0);
        row[1] = (uint32_t)(op->cu_q[i + 1] - s.q0);
        row[2] = (uint32_t)(op->k_start[i] - s.k0);
        row[3] = (uint32_t)(op->k_start[i] + mm_attend_keys(op, i) - s.k0);
        longest = op->cu_q[i + 1] - op->cu_q[i] > longest ? op->cu_q[i + 1] - op->cu_q[i] : longest;
    }
    mm_vk_window table;
    mm_vk_window_of(&table, d, d->up.buffer, at, bytes);
    attend_push push = push_of(&v, op);
    push.table = (uint32_t)(table.shift / 16);
    push.q_offset = (uint32_t)mm_attend_start(op, i0);
    const bool units = (d->paths & MM_VK_COOPATT) && op->head == 64 && fours(&v, op);
    const int shader = !units ? shader_for(op) : d->card.coopmat == 8 ? MM_VK_ATTEND_COOP_8 : MM_VK_ATTEND_COOP;
    const int64_t block = shader == MM_VK_ATTEND_COOP_8 ? 32 : 64; /* queries of a workgroup */
    const mm_vk_dispatch x = {
        .shader = shader,
        .spec = {op->causal, fours(&v, op), true, op->q.half, op->out.half},
        .bind = {v.q, v.k, table, v.y},
        .push = &push,
        .push_bytes = sizeof push,
        .groups = {(uint32_t)((longest + block - 1) / block), (uint32_t)op->heads, (uint32_t)(i1 - i0)},
        .work = 2.0 * (double)(s.q1 - s.q0) * (double)longest * (double)width};
    *st = mm_vk_run(d, &x, e);
    return true;
}

/* ---- one item ---- */

static mm_status alone(mm_vk_dev *d, const mm_attend_op *op, int i, mm_err *e)
{
    const int64_t width = (int64_t)op->heads * op->head;
    const span s = {op->cu_q[i], op->cu_q[i + 1], op->k_start[i], op->k_start[i] + mm_attend_keys(op, i)};
    const int64_t queries = s.q1 - s.q0, keys = s.k1 - s.k0;
    views v;
    if (queries == 0)
        return MM_OK;
    if (!mm_vk_window_rows(&v.q, d, &op->q, s.q0, s.q1, width) ||
        !mm_vk_window_rows(&v.y, d, &op->out, s.q0, s.q1, width) ||
        !mm_vk_window_rows(&v.k, d, &op->k, s.k0, s.k1 > s.k0 ? s.k1 : s.k0 + 1, width) ||
        !mm_vk_window_rows(&v.v, d, &op->v, s.k0, s.k1 > s.k0 ? s.k1 : s.k0 + 1, width))
        return mm_fail(e, MM_SKIP, "vulkan: a sequence of %lld positions is too long for this device",
                       (long long)(queries > keys ? queries : keys));
    attend_push push = push_of(&v, op);
    push.q1 = (uint32_t)queries;
    push.k1 = (uint32_t)keys;
    push.q_offset = (uint32_t)mm_attend_start(op, i);
    const int shader = shader_for(op);
    const int64_t block = shader == MM_VK_ATTEND_ANY ? 1 : 64;
    const mm_vk_dispatch x = {.shader = shader,
                              .spec = {op->causal, fours(&v, op), false, op->q.half, op->out.half},
                              .bind = {v.q, v.k, v.v, v.y},
                              .push = &push,
                              .push_bytes = sizeof push,
                              .groups = {(uint32_t)((queries + block - 1) / block), (uint32_t)op->heads, 1},
                              .work = 2.0 * (double)queries * (double)keys * (double)width};
    return mm_vk_run(d, &x, e);
}

mm_status mm_vk_attend(mm_dev *dev, const mm_attend_op *op, mm_err *e)
{
    enum { MOST = 4096 }; /* items of a dispatch */
    mm_vk_dev *d = (mm_vk_dev *)dev;
    mm_status s = MM_OK;
    if (mm_attend_kv_heads(op) != op->heads || op->window || op->prefix || op->bias.buf || op->distance.buf)
        return mm_fail(
            e, MM_FATAL,
            "vulkan: this device does not compute attention with grouped heads, a window, a prefix or a bias");
    if (op->n <= MOST && together(d, op, 0, op->n, &s, e))
        return s;
    for (int i = 0; s == MM_OK && i < op->n; i++)
        s = alone(d, op, i, e);
    return s;
}
