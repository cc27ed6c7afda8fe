/* attend.c: softmax attention with an online softmax (Milakov & Gimelshein 2018; blocked as in FlashAttention, Dao et
 * al. 2022), on the tiles of the matrix product. A task is one item, one head of keys with the heads of queries that
 * share it, and a block of queries: for each block of keys it computes the scores, turns them into weights in place and
 * adds the weighted values up. Where there is a dot product for bf16, a run in reduced precision has both products in
 * it; the softmax is fp32 always.
 *
 * What a query that sees all keys gets depends on its item's number of keys alone, and of any other query on its
 * position and what it sees: blocks of keys then begin at multiples of KEYS, and keys that are not seen weigh exactly
 * 0. So a decoder's step from a cache has the bits of the whole sequence at once. */
#include "backend/cpu/device.h"

#include <math.h>

enum {
    ROWS = 512,   /* of one task, at most: each task packs all keys */
    FEWEST = 128, /* of one task, where there are more threads than heads */
    KEYS = 512,   /* of one pass, at most */
    TASKS = 4,    /* of each thread, if ROWS can be lowered to FEWEST for it */
};

typedef struct {
    const mm_attend_op *op;
    const mm_kernels *k;
    const mm_matmul *m;
    char **scratch;
    int kv_heads, group;  /* heads of keys; heads of queries that share one */
    int64_t width;        /* head, in whole vectors */
    const int *item;      /* [blocks]: item of a block of queries */
    const int64_t *query; /* [blocks]: its first query within the item */
    int blocks;
    int64_t queries;  /* of one block, at most */
    int64_t keys_cap; /* longest block of keys, in whole panels */
} attention;

/* What one task works in. */
typedef struct {
    uint32_t *q, *keys, *values, *panel;
    float *scores, *sum, *top, *total, *biases, *piece;
    int64_t floats;
} pieces;

/* A task's place in the op. Row r is head r % group of the group, at position p0 + r / group. */
typedef struct {
    int item, head; /* the first head of queries of the group */
    int rows;
    int64_t p0, keys, prefix;
} place;

static int64_t a_words(const attention *t, int64_t depth)
{
    return mm_matmul_depth(t->m, depth) / t->m->a_per;
}

static int64_t b_words(const attention *t, int64_t depth)
{
    return mm_matmul_depth(t->m, depth) / t->m->b_per;
}

static pieces carve(const attention *t, float *base)
{
    const int64_t head = t->op->head, mr = mm_matmul_height(t->m, t->m->mr);
    const int64_t rows = mm_ceil_div(t->queries * t->group, t->m->height) * t->m->height;
    const int64_t sizes[] = {
        rows * a_words(t, head),            /* q: A panels */
        t->keys_cap * b_words(t, head),     /* keys: B panels */
        t->width * b_words(t, t->keys_cap), /* values: B panels */
        mr * a_words(t, t->keys_cap),       /* panel: weights as an A panel */
        mr * t->keys_cap,                   /* scores of a panel */
        rows * t->width,                    /* sum: weighted values so far */
        rows,                               /* top, total: of the softmax */
        rows,
        t->keys_cap,                                  /* biases of a row of scores */
        t->m->narrow ? MM_PANEL_PIECE * t->m->nr : 0, /* piece: of an fp32 panel */
    };
    int64_t at[11] = {0};
    for (int i = 0; i < 10; i++)
        at[i + 1] = at[i] + mm_cpu_piece(sizes[i]);
    if (!base)
        return (pieces){.floats = at[10]};
    uint32_t *words = (uint32_t *)base;
    return (pieces){words,        words + at[1], words + at[2], words + at[3], base + at[4], base + at[5],
                    base + at[6], base + at[7],  base + at[8],  base + at[9],  at[10]};
}

static int least(int64_t a, int64_t b)
{
    return (int)(a < b ? a : b);
}

static int within(int64_t x, int lo, int hi)
{
    return (int)(x < lo ? lo : x > hi ? hi : x);
}

/* First of `rows` rows of panel p. */
static int first_of(const attention *t, int rows, int p)
{
    const int h = t->m->height, units = (int)mm_ceil_div(rows, h), panels = (int)mm_ceil_div(rows, t->m->mr);
    return least(units * p / panels * h, rows);
}

/* Row r of a matrix of queries whose first one, at the group's first head, is at x. */
static int64_t row_at(const attention *t, int64_t ld, int r)
{
    return r / t->group * ld + (int64_t)(r % t->group) * t->op->head;
}

static void pack_queries(const attention *t, const pieces *s, const float *q, int rows)
{
    const float *row[MM_MAX_MR];
    for (int i0 = 0, p = 1; i0 < rows; p++) {
        const int i1 = first_of(t, rows, p);
        for (int i = i0; i < i1; i++)
            row[i - i0] = q + row_at(t, t->op->q.ld, i);
        t->m->pack_a(s->q + i0 * a_words(t, t->op->head), row, i1 - i0, t->op->head, NULL);
        i0 = i1;
    }
}

/* Keys 0 .. n-1 (n <= nr), each a column of a B panel. */
static void pack_key_panel(const attention *t, const pieces *s, uint32_t *dst, const float *keys, int n)
{
    const mm_matmul *m = t->m;
    const int head = t->op->head;
    const float *row[MM_MAX_NR];
    const void *const *any = (const void *const *)row;
    for (int i = 0; i < n; i++)
        row[i] = keys + i * t->op->k.ld;
    if (m->pack_rows)
        m->pack_rows(dst, m->nr, row, n, head);
    else if (!m->narrow)
        t->k->pack_rows((float *)dst, m->nr, any, n, MM_F32, 0, head);
    if (m->pack_rows || !m->narrow)
        return;
    for (int k0 = 0; k0 < head; k0 += MM_PANEL_PIECE) {
        const int part = least(MM_PANEL_PIECE, head - k0);
        t->k->pack_rows(s->piece, m->nr, any, n, MM_F32, k0, part);
        m->narrow(dst + k0 / m->b_per * m->nr, s->piece, m->nr, part, NULL);
    }
}

/* Columns 0 .. n-1 of the values of `keys` keys as a B panel. */
static void pack_value_panel(const attention *t, const pieces *s, uint32_t *dst, int width, const float *values, int n,
                             int keys)
{
    const mm_matmul *m = t->m;
    if (m->pack_cols)
        m->pack_cols(dst, width, values, t->op->v.ld, n, keys);
    else if (!m->narrow)
        t->k->pack_cols((float *)dst, width, values, t->op->v.ld, n, MM_F32, keys);
    if (m->pack_cols || !m->narrow)
        return;
    for (int k0 = 0; k0 < keys; k0 += MM_PANEL_PIECE) {
        const int part = least(MM_PANEL_PIECE, keys - k0);
        t->k->pack_cols(s->piece, width, values + k0 * t->op->v.ld, t->op->v.ld, n, MM_F32, part);
        m->narrow(dst + k0 / m->b_per * width, s->piece, width, part, NULL);
    }
}

static void pack_keys(const attention *t, const pieces *s, const float *keys, const float *values, int n)
{
    const int nr = t->m->nr, head = t->op->head;
    for (int i = 0; i < n; i += nr)
        pack_key_panel(t, s, s->keys + i * b_words(t, head), keys + i * t->op->k.ld, least(nr, n - i));
    for (int c = 0; c < t->width; c += nr) {
        const int width = least(nr, t->width - c);
        pack_value_panel(t, s, s->values + c * b_words(t, n), width, values + c, least(width, head - c), n);
    }
}

/* Numbers clamp(d, −reach, reach) + reach of a row [2 reach + 1], for d = first, first + 1 … */
static void by_distance(float *to, const float *row, int64_t reach, int64_t first, int n)
{
    int i = 0;
    for (; i < n && first + i < -reach; i++)
        to[i] = row[0];
    const int run = within(reach - (first + i) + 1, 0, n - i);
    if (run)
        memcpy(to + i, row + first + i + reach, (size_t)run * sizeof *to);
    for (i += run; i < n; i++)
        to[i] = row[2 * reach];
}

/* The biases of the scores of n keys from k0 on, of head h at position p. */
static const float *biases_of(const attention *t, const pieces *s, const place *at, int h, int64_t p, int64_t k0, int n)
{
    const mm_attend_op *op = t->op;
    const float *bias = NULL;
    if (op->bias.buf)
        bias = mm_cpu_at(&op->bias) +
               ((op->bias_start ? op->bias_start[at->item] : 0) + h * op->bias_rows + p) * op->bias.ld + k0;
    if (!op->distance.buf)
        return bias;
    by_distance(s->biases, mm_cpu_at(&op->distance) + h * op->distance.ld, op->reach, k0 - p, n);
    if (bias)
        t->k->add(s->biases, bias, n);
    return s->biases;
}

/* The scores of a row for keys k0 .. k0+n-1 become weights; keys that it does not see weigh nothing. */
static void weigh(const attention *t, const pieces *s, const place *at, float *score, int r, int64_t k0, int n,
                  bool first)
{
    const mm_attend_op *op = t->op;
    const int64_t p = at->p0 + r / t->group, reach = op->window ? op->window : INT32_MAX;
    const int end = within(p - k0 + (op->causal ? 1 : reach), 0, n), prefix = within(at->prefix - k0, 0, n);
    int lo = within(p - k0 - reach + 1, 0, end), hi = end > prefix ? end : prefix;
    for (int j = prefix; prefix && j < lo; j++)
        score[j] = -INFINITY;
    if (prefix)
        lo = 0;
    float factor = op->scale;
    bool any = lo < hi;
    if (any && (op->bias.buf || op->distance.buf)) {
        const float *biases = biases_of(t, s, at, at->head + r % t->group, p, k0 + lo, hi - lo);
        any = t->k->bias(score + lo, biases, hi - lo, factor) > -INFINITY;
        factor = 1.0f;
    }
    if (any) {
        const float shrink = t->k->softmax(score + lo, hi - lo, factor, &s->top[r], &s->total[r]);
        if (!first)
            t->k->scale(s->sum + r * t->width, s->sum + r * t->width, t->width, shrink);
    } else
        lo = hi = 0;
    memset(score, 0, (size_t)lo * sizeof *score);
    memset(score + hi, 0, (size_t)(n - hi) * sizeof *score);
}

/* Keys k0 .. k0+n-1 for all rows of the task. */
static void pass(const attention *t, const pieces *s, const place *at, int64_t k0, int n, bool first)
{
    const mm_matmul *m = t->m;
    const int head = t->op->head, nr = m->nr;
    const float *row[MM_MAX_MR];
    for (int i0 = 0, p = 1; i0 < at->rows; p++) {
        const int i1 = first_of(t, at->rows, p), high = i1 - i0;
        for (int j = 0; j < n; j += nr)
            m->tile(high, nr, b_words(t, head), s->q + i0 * a_words(t, head), s->keys + j * b_words(t, head),
                    s->scores + j, t->keys_cap, false, &(mm_ahead){0});
        for (int i = 0; i < high; i++) {
            float *score = s->scores + i * t->keys_cap;
            weigh(t, s, at, score, i0 + i, k0, n, first);
            row[i] = score;
        }
        m->pack_a(s->panel, row, high, n, NULL);
        for (int c = 0; c < t->width; c += nr)
            m->tile(high, least(nr, t->width - c), b_words(t, n), s->panel, s->values + c * b_words(t, n),
                    s->sum + i0 * t->width + c, t->width, !first, &(mm_ahead){0});
        i0 = i1;
    }
}

/* Some row sees one of the keys k0 .. k1-1. */
static bool seen(const attention *t, const place *at, int64_t k0, int64_t k1)
{
    const int64_t last = at->p0 + (at->rows - 1) / t->group, reach = t->op->window ? t->op->window : INT32_MAX;
    return k0 < at->prefix || (k0 < last + (t->op->causal ? 1 : reach) && k1 > at->p0 - reach + 1);
}

static void attend_task(void *ctx, int index, int worker)
{
    const attention *t = ctx;
    const mm_attend_op *op = t->op;
    const int block = index / t->kv_heads, kv_head = index % t->kv_heads, item = t->item[block];
    const int64_t q0 = op->cu_q[item] + t->query[block], column = (int64_t)kv_head * op->head;
    const int queries = least(t->queries, op->cu_q[item + 1] - q0);
    const place at = {.item = item,
                      .head = kv_head * t->group,
                      .rows = queries * t->group,
                      .p0 = mm_attend_start(op, item) + t->query[block],
                      .keys = mm_attend_keys(op, item),
                      .prefix = mm_attend_prefix(op, item)};
    const pieces s = carve(t, (float *)t->scratch[worker]);
    const float *kk = mm_cpu_at(&op->k) + op->k_start[item] * op->k.ld + column;
    const float *v = mm_cpu_at(&op->v) + op->k_start[item] * op->v.ld + column;
    float *out = mm_cpu_at(&op->out) + q0 * op->out.ld + column * t->group;

    if (t->m->begin)
        t->m->begin();
    pack_queries(t, &s, mm_cpu_at(&op->q) + q0 * op->q.ld + column * t->group, at.rows);
    for (int r = 0; r < at.rows; r++) {
        s.top[r] = -INFINITY;
        s.total[r] = 0.0f;
    }
    const int64_t passes = op->causal || op->window ? 1 : mm_ceil_div(at.keys, KEYS),
                  per = passes > 1 ? mm_ceil_div(at.keys, passes) : KEYS, step = mm_ceil_div(per, t->m->nr) * t->m->nr;
    bool first = true;
    for (int64_t k0 = 0; k0 < at.keys; k0 += step) {
        const int n = least(step, at.keys - k0);
        if (!seen(t, &at, k0, k0 + n))
            continue;
        pack_keys(t, &s, kk + k0 * op->k.ld, v + k0 * op->v.ld, n);
        pass(t, &s, &at, k0, n, first);
        first = false;
    }
    if (t->m->end)
        t->m->end();
    for (int r = 0; r < at.rows; r++) {
        float *to = out + row_at(t, op->out.ld, r);
        if (s.total[r] == 0.0f)
            memset(to, 0, (size_t)op->head * sizeof *to);
        else
            t->k->scale(to, s.sum + r * t->width, op->head, 1.0f / s.total[r]);
    }
}

static int64_t blocks_of(const mm_attend_op *op, int64_t queries)
{
    int64_t blocks = 0;
    for (int i = 0; i < op->n; i++)
        blocks += mm_ceil_div(op->cu_q[i + 1] - op->cu_q[i], queries);
    return blocks;
}

/* Cuts every item's queries into blocks. */
static mm_status cut(attention *t, int threads, mm_arena *a, mm_err *e)
{
    const mm_attend_op *op = t->op;
    for (int rows = ROWS; rows >= FEWEST; rows /= 2) {
        t->queries = within(rows / t->group, 1, ROWS);
        if (blocks_of(op, t->queries) * t->kv_heads >= (threads > 1 ? TASKS * threads : 1))
            break;
    }
    const int64_t blocks = blocks_of(op, t->queries);
    if (blocks * t->kv_heads > INT32_MAX)
        return mm_fail(e, MM_FATAL, "attention over too many rows at once");
    int *item = mm_arena_zalloc(a, (size_t)blocks, sizeof *item);
    int64_t *query = mm_arena_zalloc(a, (size_t)blocks, sizeof *query);
    if (!item || !query)
        return mm_fail_memory(e);
    for (int i = 0; i < op->n; i++) {
        for (int64_t q = 0; q < op->cu_q[i + 1] - op->cu_q[i]; q += t->queries, t->blocks++) {
            item[t->blocks] = i;
            query[t->blocks] = q;
        }
        const int64_t keys = mm_ceil_div(least(mm_attend_keys(op, i), KEYS), t->m->nr) * t->m->nr;
        t->keys_cap = keys > t->keys_cap ? keys : t->keys_cap;
    }
    t->item = item;
    t->query = query;
    return MM_OK;
}

mm_status mm_cpu_attend(mm_dev *dev, const mm_attend_op *op, mm_err *e)
{
    mm_cpu_dev *d = (mm_cpu_dev *)dev;
    const mm_matmul *m = d->precise->a_per > 1 ? d->precise : d->k->fp32;
    const int kv_heads = mm_attend_kv_heads(op);
    attention t = {.op = op,
                   .k = d->k,
                   .m = m,
                   .kv_heads = kv_heads,
                   .group = op->heads / kv_heads,
                   .width = mm_ceil_div(op->head, m->vl) * m->vl};
    mm_arena arena = {0};
    mm_status st = cut(&t, mm_threads_count(d->head.pool), &arena, e);
    if (st == MM_OK)
        st = mm_cpu_scratch(d, carve(&t, NULL).floats, e);
    if (st == MM_OK) {
        t.scratch = d->scratch;
        mm_threads_run(d->head.pool, t.blocks * kv_heads, attend_task, &t);
    }
    mm_arena_free(&arena);
    return st;
}
