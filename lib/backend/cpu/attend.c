/* attend.c: softmax attention with an online softmax (Milakov & Gimelshein 2018; blocked as in FlashAttention, Dao et
 * al. 2022), on the tiles of the matrix product. A task is one item, one head and a block of its queries: for each
 * block of keys it computes the scores, turns them into weights in place and adds the weighted values up.
 * How keys are blocked depends on the item's own length alone. */
#include "backend/cpu/device.h"

#include <math.h>

enum {
    QUERIES = 112, /* of one task, at most: scores of 112 × 512 are 224 KiB */
    KEYS = 512,    /* of one pass, at most */
};

typedef struct {
    const mm_attend_op *op;
    const mm_kernels *k;
    char **scratch;
    int64_t width;      /* head, in whole vectors */
    const int *item;    /* [tasks / heads]: item of a block of queries */
    const int64_t *row; /* [tasks / heads]: its first query within the item */
    int blocks;
    int64_t keys_room; /* longest block of keys, in whole panels */
} attention;

/* What one task works in. */
typedef struct {
    float *q, *keys, *values, *scores, *panel, *sum, *top, *total;
    int64_t floats;
} pieces;

static pieces carve(const attention *t, float *base)
{
    const int64_t head = t->op->head, sizes[] = {
                                          QUERIES * head,          /* q: A panels */
                                          t->keys_room * head,     /* keys: B panels */
                                          t->keys_room * t->width, /* values: B panels */
                                          QUERIES * t->keys_room,  /* scores */
                                          t->k->mr * t->keys_room, /* panel: weights as an A panel */
                                          QUERIES * t->width,      /* sum: weighted values so far */
                                          QUERIES,
                                          QUERIES, /* top, total: of the softmax */
                                      };
    pieces s = {0};
    float **piece[] = {&s.q, &s.keys, &s.values, &s.scores, &s.panel, &s.sum, &s.top, &s.total};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (base)
            *piece[i] = base + s.floats;
        s.floats += mm_cpu_piece(sizes[i]);
    }
    return s;
}

static int least(int64_t a, int64_t b)
{
    return (int)(a < b ? a : b);
}

/* Rows r0 .. r0+n-1 (n <= nr) of a matrix as a panel of `width`. */
static void pack(const mm_kernels *k, float *dst, int width, const float *x, int64_t ld, int n, int64_t depth)
{
    const void *row[MM_MAX_NR];
    for (int i = 0; i < n; i++)
        row[i] = x + i * ld;
    k->pack_rows(dst, width, row, n, MM_F32, 0, depth);
}

static void pack_queries(const attention *t, const pieces *s, const float *q, int rows)
{
    const int panels = (int)mm_ceil_div(rows, t->k->mr);
    for (int p = 0; p < panels; p++) {
        int i0 = rows * p / panels, n = rows * (p + 1) / panels - i0;
        pack(t->k, s->q + i0 * t->op->head, n, q + i0 * t->op->q.ld, t->op->q.ld, n, t->op->head);
    }
}

static void pack_keys(const attention *t, const pieces *s, const float *keys, const float *values, int n)
{
    const mm_kernels *k = t->k;
    const int head = t->op->head;
    for (int i = 0; i < n; i += k->nr)
        pack(k, s->keys + i * head, k->nr, keys + i * t->op->k.ld, t->op->k.ld, least(k->nr, n - i), head);
    for (int c = 0; c < t->width; c += k->nr) {
        int width = least(k->nr, t->width - c);
        k->pack_cols(s->values + c * n, width, values + c, t->op->v.ld, least(width, head - c), MM_F32, n);
    }
}

/* The scores of panel rows i0 .. i0+rows-1 become weights: keys from `seen` on (causal) weigh nothing. */
static void weigh(const attention *t, const pieces *s, int i, int n, int64_t seen, bool first)
{
    float *row = s->scores + i * t->keys_room;
    const int visible = seen < 0 ? 0 : least(seen, n);
    if (visible > 0) {
        float shrink = t->k->softmax(row, visible, t->op->scale, &s->top[i], &s->total[i]);
        if (!first)
            t->k->scale(s->sum + i * t->width, s->sum + i * t->width, t->width, shrink);
    }
    for (int j = visible; j < n; j++)
        row[j] = 0.0f;
}

/* Keys k0 .. k0+n-1 for all queries of the task; the first query is number q0 of its item. */
static void pass(const attention *t, const pieces *s, int rows, int64_t q0, int64_t k0, int n)
{
    const mm_kernels *k = t->k;
    const int head = t->op->head, panels = (int)mm_ceil_div(rows, k->mr);
    for (int p = 0; p < panels; p++) {
        const int i0 = rows * p / panels, m = rows * (p + 1) / panels - i0;
        for (int j = 0; j < n; j += k->nr)
            k->tile(m, k->nr, head, s->q + i0 * head, s->keys + j * head, s->scores + i0 * t->keys_room + j,
                    t->keys_room, false);
        for (int i = i0; i < i0 + m; i++)
            weigh(t, s, i, n, t->op->causal ? q0 + i + t->op->q_offset + 1 - k0 : n, k0 == 0);
        pack(k, s->panel, m, s->scores + i0 * t->keys_room, t->keys_room, m, n);
        for (int c = 0; c < t->width; c += k->nr)
            k->tile(m, least(k->nr, t->width - c), n, s->panel, s->values + c * n, s->sum + i0 * t->width + c, t->width,
                    k0 > 0);
    }
}

static void attend_task(void *ctx, int index, int worker)
{
    const attention *t = ctx;
    const mm_attend_op *op = t->op;
    const int block = index / op->heads, item = t->item[block];
    const int64_t column = (int64_t)(index % op->heads) * op->head, q0 = t->row[block];
    const int64_t queries = op->cu_q[item + 1] - op->cu_q[item], keys = op->cu_k[item + 1] - op->cu_k[item];
    const int rows = least(QUERIES, queries - q0);
    const pieces s = carve(t, (float *)t->scratch[worker]);

    const float *q = mm_cpu_at(&op->q) + (op->cu_q[item] + q0) * op->q.ld + column;
    const float *kk = mm_cpu_at(&op->k) + op->cu_k[item] * op->k.ld + column;
    const float *v = mm_cpu_at(&op->v) + op->cu_k[item] * op->v.ld + column;
    float *out = mm_cpu_at(&op->out) + (op->cu_q[item] + q0) * op->out.ld + column;

    pack_queries(t, &s, q, rows);
    for (int i = 0; i < rows; i++) {
        s.top[i] = -INFINITY;
        s.total[i] = 0.0f;
    }
    const int64_t passes = mm_ceil_div(keys, KEYS),
                  step = mm_ceil_div(mm_ceil_div(keys, passes > 0 ? passes : 1), t->k->nr) * t->k->nr;
    const int64_t seen = op->causal ? q0 + rows + op->q_offset : keys; /* by the last query: nothing behind it counts */
    for (int64_t k0 = 0; k0 < keys && k0 < seen; k0 += step) {
        const int n = least(step, keys - k0);
        pack_keys(t, &s, kk + k0 * op->k.ld, v + k0 * op->v.ld, n);
        pass(t, &s, rows, q0, k0, n);
    }
    for (int i = 0; i < rows; i++) {
        if (keys > 0)
            t->k->scale(out + i * op->out.ld, s.sum + i * t->width, op->head, 1.0f / s.total[i]);
        else
            memset(out + i * op->out.ld, 0, (size_t)op->head * sizeof *out);
    }
}

/* Cuts every item's queries into blocks. */
static mm_status cut(attention *t, mm_arena *a, mm_err *e)
{
    const mm_attend_op *op = t->op;
    int64_t blocks = 0;
    for (int i = 0; i < op->n; i++)
        blocks += mm_ceil_div(op->cu_q[i + 1] - op->cu_q[i], QUERIES);
    if (blocks * op->heads > INT32_MAX)
        return mm_fail(e, MM_FATAL, "attention over too many rows at once");
    int *item = mm_arena_zalloc(a, (size_t)blocks, sizeof *item);
    int64_t *row = mm_arena_zalloc(a, (size_t)blocks, sizeof *row);
    if (!item || !row)
        return mm_fail_memory(e);
    for (int i = 0; i < op->n; i++) {
        for (int64_t r = 0; r < op->cu_q[i + 1] - op->cu_q[i]; r += QUERIES, t->blocks++) {
            item[t->blocks] = i;
            row[t->blocks] = r;
        }
        int64_t keys = op->cu_k[i + 1] - op->cu_k[i];
        keys = mm_ceil_div(keys < KEYS ? keys : KEYS, t->k->nr) * t->k->nr;
        t->keys_room = keys > t->keys_room ? keys : t->keys_room;
    }
    t->item = item;
    t->row = row;
    return MM_OK;
}

mm_status mm_cpu_attend(mm_dev *dev, const mm_attend_op *op, mm_err *e)
{
    mm_cpu_dev *d = (mm_cpu_dev *)dev;
    attention t = {.op = op, .k = d->k, .width = mm_ceil_div(op->head, d->k->vl) * d->k->vl};
    mm_arena arena = {0};
    mm_status st = cut(&t, &arena, e);
    if (st == MM_OK)
        st = mm_cpu_scratch(d, carve(&t, NULL).floats, e);
    if (st == MM_OK) {
        t.scratch = d->scratch;
        mm_pool_run(d->head.pool, t.blocks * op->heads, attend_task, &t);
    }
    mm_arena_free(&arena);
    return st;
}
