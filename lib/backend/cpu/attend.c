/* attend.c: softmax attention with an online softmax (Milakov & Gimelshein 2018; blocked as in FlashAttention, Dao et
 * al. 2022), on the tiles of the matrix product. A task is one item, one head and a block of its queries: for each
 * block of keys it computes the scores, turns them into weights in place and adds the weighted values up. Where there
 * is a dot product for bf16, a run in reduced precision has both products in it; the softmax is fp32 always. How keys
 * are blocked depends on the item's own length alone. */
#include "backend/cpu/device.h"

#include <math.h>

enum {
    QUERIES = 512, /* of one task, at most: each task packs all keys */
    FEWEST = 128,  /* of one task, where there are more threads than heads */
    KEYS = 512,    /* of one pass, at most */
    TASKS = 4,     /* of each thread, if QUERIES can be lowered to FEWEST for it */
};

typedef struct {
    const mm_attend_op *op;
    const mm_kernels *k;
    const mm_matmul *m;
    char **scratch;
    int64_t width;      /* head, in whole vectors */
    const int *item;    /* [tasks / heads]: item of a block of queries */
    const int64_t *row; /* [tasks / heads]: its first query within the item */
    int blocks;
    int64_t queries;   /* of one block, at most */
    int64_t keys_room; /* longest block of keys, in whole panels */
} attention;

/* What one task works in. */
typedef struct {
    uint32_t *q, *keys, *values, *panel;
    float *scores, *sum, *top, *total, *piece;
    int64_t floats;
} pieces;

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
    const int64_t queries = mm_ceil_div(t->queries, t->m->height) * t->m->height;
    const int64_t sizes[] = {
        queries * a_words(t, head),          /* q: A panels */
        t->keys_room * b_words(t, head),     /* keys: B panels */
        t->width * b_words(t, t->keys_room), /* values: B panels */
        mr * a_words(t, t->keys_room),       /* panel: weights as an A panel */
        mr * t->keys_room,                   /* scores of a panel */
        queries * t->width,                  /* sum: weighted values so far */
        queries,                             /* top, total: of the softmax */
        queries,
        t->m->narrow ? MM_PANEL_PIECE * t->m->nr : 0, /* piece: of an fp32 panel */
    };
    int64_t at[10] = {0};
    for (int i = 0; i < 9; i++)
        at[i + 1] = at[i] + mm_cpu_piece(sizes[i]);
    if (!base)
        return (pieces){.floats = at[9]};
    uint32_t *words = (uint32_t *)base;
    return (pieces){words,        words + at[1], words + at[2], words + at[3], base + at[4],
                    base + at[5], base + at[6],  base + at[7],  base + at[8],  at[9]};
}

static int least(int64_t a, int64_t b)
{
    return (int)(a < b ? a : b);
}

/* First of `rows` queries of panel p. */
static int first_of(const attention *t, int rows, int p)
{
    const int h = t->m->height, units = (int)mm_ceil_div(rows, h), panels = (int)mm_ceil_div(rows, t->m->mr);
    return least(units * p / panels * h, rows);
}

/* Rows 0 .. n-1 of a matrix as an A panel. */
static void pack_a(const attention *t, uint32_t *dst, const float *x, int64_t ld, int n, int64_t depth)
{
    const float *row[MM_MAX_MR];
    for (int i = 0; i < n; i++)
        row[i] = x + i * ld;
    t->m->pack_a(dst, row, n, depth, NULL);
}

static void pack_queries(const attention *t, const pieces *s, const float *q, int rows)
{
    for (int i0 = 0, p = 1; i0 < rows; p++) {
        const int i1 = first_of(t, rows, p);
        pack_a(t, s->q + i0 * a_words(t, t->op->head), q + i0 * t->op->q.ld, t->op->q.ld, i1 - i0, t->op->head);
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

/* The scores of query i become weights: keys from `seen` on (causal) weigh nothing. */
static void weigh(const attention *t, const pieces *s, float *row, int i, int n, int64_t seen, bool first)
{
    const int visible = seen < 0 ? 0 : least(seen, n);
    if (visible > 0) {
        float shrink = t->k->softmax(row, visible, t->op->scale, &s->top[i], &s->total[i]);
        if (!first)
            t->k->scale(s->sum + i * t->width, s->sum + i * t->width, t->width, shrink);
    }
    for (int j = visible; j < n; j++)
        row[j] = 0.0f;
}

/* Keys k0 .. k0+n-1 for all queries of the task; the first query has position q0. */
static void pass(const attention *t, const pieces *s, int rows, int64_t q0, int64_t k0, int n)
{
    const mm_matmul *m = t->m;
    const int head = t->op->head, nr = m->nr;
    for (int i0 = 0, p = 1; i0 < rows; p++) {
        const int i1 = first_of(t, rows, p), high = i1 - i0;
        for (int j = 0; j < n; j += nr)
            m->tile(high, nr, b_words(t, head), s->q + i0 * a_words(t, head), s->keys + j * b_words(t, head),
                    s->scores + j, t->keys_room, false, &(mm_ahead){0});
        for (int i = i0; i < i1; i++)
            weigh(t, s, s->scores + (i - i0) * t->keys_room, i, n, t->op->causal ? q0 + i + 1 - k0 : n, k0 == 0);
        pack_a(t, s->panel, s->scores, t->keys_room, high, n);
        for (int c = 0; c < t->width; c += nr)
            m->tile(high, least(nr, t->width - c), b_words(t, n), s->panel, s->values + c * b_words(t, n),
                    s->sum + i0 * t->width + c, t->width, k0 > 0, &(mm_ahead){0});
        i0 = i1;
    }
}

static void attend_task(void *ctx, int index, int worker)
{
    const attention *t = ctx;
    const mm_attend_op *op = t->op;
    const int block = index / op->heads, item = t->item[block];
    const int64_t column = (int64_t)(index % op->heads) * op->head, q0 = t->row[block];
    const int64_t queries = op->cu_q[item + 1] - op->cu_q[item], keys = mm_attend_keys(op, item);
    const int rows = least(t->queries, queries - q0);
    const pieces s = carve(t, (float *)t->scratch[worker]);

    const float *q = mm_cpu_at(&op->q) + (op->cu_q[item] + q0) * op->q.ld + column;
    const float *kk = mm_cpu_at(&op->k) + op->k_start[item] * op->k.ld + column;
    const float *v = mm_cpu_at(&op->v) + op->k_start[item] * op->v.ld + column;
    float *out = mm_cpu_at(&op->out) + (op->cu_q[item] + q0) * op->out.ld + column;

    if (t->m->begin)
        t->m->begin();
    pack_queries(t, &s, q, rows);
    for (int i = 0; i < rows; i++) {
        s.top[i] = -INFINITY;
        s.total[i] = 0.0f;
    }
    const int64_t passes = mm_ceil_div(keys, KEYS),
                  step = mm_ceil_div(mm_ceil_div(keys, passes > 0 ? passes : 1), t->m->nr) * t->m->nr;
    const int64_t seen =
        op->causal ? mm_attend_start(op, item) + q0 + rows : keys; /* by the last query: nothing after it counts */
    for (int64_t k0 = 0; k0 < keys && k0 < seen; k0 += step) {
        const int n = least(step, keys - k0);
        pack_keys(t, &s, kk + k0 * op->k.ld, v + k0 * op->v.ld, n);
        pass(t, &s, rows, mm_attend_start(op, item) + q0, k0, n);
    }
    if (t->m->end)
        t->m->end();
    for (int i = 0; i < rows; i++) {
        if (keys > 0)
            t->k->scale(out + i * op->out.ld, s.sum + i * t->width, op->head, 1.0f / s.total[i]);
        else
            memset(out + i * op->out.ld, 0, (size_t)op->head * sizeof *out);
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
    for (t->queries = QUERIES; t->queries > FEWEST; t->queries /= 2)
        if (blocks_of(op, t->queries) * op->heads >= (threads > 1 ? TASKS * threads : 1))
            break;
    const int64_t blocks = blocks_of(op, t->queries);
    if (blocks * op->heads > INT32_MAX)
        return mm_fail(e, MM_FATAL, "attention over too many rows at once");
    int *item = mm_arena_zalloc(a, (size_t)blocks, sizeof *item);
    int64_t *row = mm_arena_zalloc(a, (size_t)blocks, sizeof *row);
    if (!item || !row)
        return mm_fail_memory(e);
    for (int i = 0; i < op->n; i++) {
        for (int64_t r = 0; r < op->cu_q[i + 1] - op->cu_q[i]; r += t->queries, t->blocks++) {
            item[t->blocks] = i;
            row[t->blocks] = r;
        }
        int64_t keys = mm_attend_keys(op, i);
        keys = mm_ceil_div(keys < KEYS ? keys : KEYS, t->m->nr) * t->m->nr;
        t->keys_room = keys > t->keys_room ? keys : t->keys_room;
    }
    t->item = item;
    t->row = row;
    return MM_OK;
}

mm_status mm_cpu_attend(mm_dev *dev, const mm_attend_op *op, mm_err *e)
{
    mm_cpu_dev *d = (mm_cpu_dev *)dev;
    if (mm_attend_kv_heads(op) != op->heads || op->window || op->prefix || op->bias.buf || op->distance.buf)
        return mm_fail(e, MM_FATAL,
                       "the CPU does not compute attention with grouped heads, a window, a prefix or a bias");
    const mm_matmul *m = d->precise->a_per > 1 ? d->precise : d->k->fp32;
    attention t = {.op = op, .k = d->k, .m = m, .width = mm_ceil_div(op->head, m->vl) * m->vl};
    mm_arena arena = {0};
    mm_status st = cut(&t, mm_threads_count(d->head.pool), &arena, e);
    if (st == MM_OK)
        st = mm_cpu_scratch(d, carve(&t, NULL).floats, e);
    if (st == MM_OK) {
        t.scratch = d->scratch;
        mm_threads_run(d->head.pool, t.blocks * op->heads, attend_task, &t);
    }
    mm_arena_free(&arena);
    return st;
}
