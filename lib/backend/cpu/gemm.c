#include "backend/cpu/gemm.h"

#include <stdatomic.h>

/* Limits of a block: its packed A within 4 MiB, and what one pass reads of it within 1 MiB, half of a second-level
 * cache. Reduced formats multiply so fast that all of A has to come from that cache. */
enum { BLOCK_ROWS = 448, BLOCK_WORDS = 1 << 20, PASS_WORDS = 1 << 18 };

/* Panels of B that go through the passes together where the block's whole A exceeds PASS_WORDS: A then comes from a
 * slower cache, once for all of them. */
enum { GROUP = 2 };

enum { BEYOND = 16 }; /* words that packing a panel may write after it */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t panels_of(const mm_gemm *g)
{
    return mm_ceil_div(g->cols, g->m->nr);
}

/* Words of a row of A, of a column of B. */
static int64_t a_words(const mm_gemm *g, int64_t k)
{
    return mm_matmul_depth(g->m, k) / g->m->a_per;
}

static int64_t b_words(const mm_gemm *g, int64_t k)
{
    return mm_matmul_depth(g->m, k) / g->m->b_per;
}

int64_t mm_gemm_max_rows(const mm_gemm *g)
{
    const int64_t pass = a_words(g, least(g->depth, g->m->pass)), fewest = 4 * g->m->mr;
    const int64_t most = g->m->a_per > 1 ? PASS_WORDS : BLOCK_WORDS;
    const int64_t rows = least(least(most / a_words(g, g->depth), PASS_WORDS / pass), BLOCK_ROWS);
    return rows < fewest ? fewest : rows;
}

/* ---- a block of rows ---- */

/* Rows r0 .. r0+rows-1, packed, in `panels` panels. */
typedef struct {
    const mm_gemm *g;
    int64_t r0, rows, panels;
    uint32_t *a;
    mm_quant *quant;
} block;

/* One pass over one panel of B. */
typedef struct {
    int64_t n0, k0, depth;
    int cols, width;
} pass;

/* Sums of n rows from i0 on that are to be finished, `done` of them so far, `each` at a time. */
typedef struct {
    const block *b;
    pass s;
    int64_t i0;
    int n, done, each;
    float *c;
} unfinished;

/* A thread's own memory. */
typedef struct {
    uint32_t *b;
    float *c;        /* sums */
    float *gathered; /* rows that g->row computes */
    float *piece;    /* of mm_cpu_pack_words */
    unfinished late; /* the last tile's */
} workspace;

static int64_t group_of(const mm_gemm *g, int64_t rows)
{
    return rows * a_words(g, g->depth) > PASS_WORDS ? GROUP : 1;
}

static int64_t high_of(const mm_gemm *g, int64_t rows)
{
    return mm_ceil_div(rows, g->m->height) * g->m->height;
}

/* Divides memory at `base` into a workspace and a block of `rows` rows; returns the floats that they take. */
static int64_t carve(const mm_gemm *g, int64_t rows, float *base, workspace *own, block *b)
{
    const mm_matmul *m = g->m;
    const int64_t high = high_of(g, rows);
    const int64_t sizes[] = {
        g->packed ? 0 : (int64_t)m->pass / m->b_per * m->nr,
        high * m->nr * group_of(g, rows),
        g->row ? m->mr * g->depth : 0,
        g->packed || !m->narrow ? 0 : MM_PANEL_PIECE * m->nr,
        high * a_words(g, g->depth) + mm_ceil_div(rows, m->mr) * BEYOND,
        m->widen ? rows * (int64_t)(sizeof(mm_quant) / sizeof(float)) : 0,
    };
    int64_t at[7] = {0};
    for (int i = 0; i < 6; i++)
        at[i + 1] = at[i] + mm_cpu_piece(sizes[i]);
    if (own)
        *own = (workspace){.b = (uint32_t *)base, .c = base + at[1], .gathered = base + at[2], .piece = base + at[3]};
    if (b)
        *b = (block){.g = g,
                     .rows = rows,
                     .panels = mm_ceil_div(rows, m->mr),
                     .a = (uint32_t *)(base + at[4]),
                     .quant = (mm_quant *)(base + at[5])};
    return at[6];
}

int64_t mm_gemm_scratch(const mm_gemm *g, int64_t rows)
{
    return carve(g, rows, NULL, NULL, NULL);
}

/* A block's rows in panels of nearly equal height: the first row of panel p. */
static int64_t first_row(const block *b, int64_t p)
{
    const int64_t h = b->g->m->height;
    return least(mm_ceil_div(b->rows, h) * p / b->panels * h, b->rows);
}

/* Panel p, whose first row is i0. Threads pack neighbouring panels at the same time and may write past their ends, so
 * there is a gap after each. */
static uint32_t *a_panel(const block *b, int64_t p, int64_t i0)
{
    return b->a + i0 * a_words(b->g, b->g->depth) + p * BEYOND;
}

/* Panel p of A. */
static void pack_panel(const block *b, int64_t p, float *gathered)
{
    const mm_gemm *g = b->g;
    const int64_t i0 = first_row(b, p);
    const int n = (int)(first_row(b, p + 1) - i0);
    const float *row[MM_MAX_MR];
    for (int i = 0; i < n; i++) {
        const int64_t r = b->r0 + i0 + i;
        row[i] = g->row ? g->row(g->ctx, r, gathered + i * g->depth) : g->a + r * g->lda;
        if (g->m->widen)
            g->k->quantise(row[i], g->depth, g->m->steps, &b->quant[i0 + i]);
    }
    g->m->pack_a(a_panel(b, p, i0), row, n, g->depth, b->quant + i0);
}

/* ---- panels of a block times panels of B ---- */

/* Panels p0 .. p1-1 of the block times panels q0 .. q1-1 of B. */
typedef struct {
    int64_t p0, p1, q0, q1;
} part;

static pass pass_at(const mm_gemm *g, int64_t q, int64_t k0)
{
    const int64_t n0 = q * g->m->nr;
    const int cols = (int)least(g->cols - n0, g->m->nr);
    return (pass){n0, k0, least(g->depth - k0, g->m->pass), cols, (int)mm_ceil_div(cols, g->m->vl) * g->m->vl};
}

static const uint32_t *packed_at(const mm_gemm *g, const pass *s)
{
    return g->packed + s->n0 * b_words(g, g->depth) + s->k0 / g->m->b_per * s->width;
}

/* Prefetches where y will be written and the residual read, while the tile computes. */
static void fetch_output(const mm_gemm *g, int64_t row, int n, const pass *s)
{
    const int line = 64 / sizeof(float);
    for (int i = 0; i < n; i++)
        for (int c = 0; c < s->cols; c += line) {
            __builtin_prefetch(g->e.y + (row + i) * g->e.ldy + s->n0 + c, 1, 2);
            if (g->e.residual && g->e.residual != g->e.y)
                __builtin_prefetch(g->e.residual + (row + i) * g->e.ldr + s->n0 + c, 0, 2);
        }
}

/* What follows finished sums: n rows from i0 on. */
static void finish(const block *b, const pass *s, int64_t i0, int n, float *c)
{
    const mm_gemm *g = b->g;
    if (g->m->widen)
        g->m->widen(c, g->m->nr, n, s->cols, b->quant + i0, g->w->scale + s->n0, g->w->sum + s->n0,
                    g->packed + s->n0 * b_words(g, g->depth), s->width);
    g->k->finish(&g->e, c, g->m->nr, b->r0 + i0, s->n0, n, s->cols);
}

/* Some more rows; a tile's `aside`. */
static void finish_more(void *late)
{
    unfinished *u = late;
    const int n = (int)least(u->each, u->n - u->done);
    if (n <= 0)
        return;
    finish(u->b, &u->s, u->i0 + u->done, n, u->c + u->done * u->b->g->m->nr);
    u->done += n;
}

static void finish_rest(unfinished *u)
{
    while (u->done < u->n)
        finish_more(u);
}

/* All tiles of a pass; `ahead` is the memory that the next pass will read. Where a tile can finish the sums of the one
 * before it while it computes, they wait for it: it stores its own only at its end. */
static void run_pass(const block *b, const part *t, const pass *s, const uint32_t *panel, float *c, mm_ahead ahead,
                     unfinished *late)
{
    const mm_gemm *g = b->g;
    const mm_matmul *m = g->m;
    const bool last = s->k0 + s->depth == g->depth;
    const int64_t words = b_words(g, s->depth);
    for (int64_t p = t->p0; p < t->p1; p++, ahead.at += ahead.step * words) {
        const int64_t i0 = first_row(b, p);
        const int n = (int)(first_row(b, p + 1) - i0);
        if (last)
            fetch_output(g, b->r0 + i0, n, s);
        if (m->aside_words)
            late->each = (int)mm_ceil_div(late->n, words / m->aside_words);
        ahead.aside = late->done < late->n ? finish_more : NULL;
        ahead.job = late;
        m->tile(n, s->width, words, a_panel(b, p, i0) + s->k0 / m->a_per * mm_matmul_height(m, n), panel,
                c + i0 * m->nr, m->nr, s->k0 > 0, &ahead);
        if (last)
            *late = (unfinished){b, *s, i0, n, 0, n, c + i0 * m->nr};
        if (!m->aside_words)
            finish_rest(late);
    }
}

/* The packed B of the next pass, which may be another part's first, in equal pieces for the tiles of this pass. */
static mm_ahead ahead_of(const mm_gemm *g, const part *t, int64_t q, int64_t k0, const part *then)
{
    int64_t nq = q + 1, nk = k0;
    if (nq == t->q1) {
        nq = t->q0;
        nk += g->m->pass;
    }
    if (nk >= g->depth) {
        nq = then ? then->q0 : -1;
        nk = 0;
    }
    if (!g->packed || nq < 0)
        return (mm_ahead){0};
    const pass now = pass_at(g, q, k0), next = pass_at(g, nq, nk);
    const int64_t bytes = b_words(g, next.depth) * next.width * (int64_t)sizeof(uint32_t);
    const int64_t steps = (t->p1 - t->p0) * b_words(g, now.depth);
    return (mm_ahead){.at = (const char *)packed_at(g, &next), .step = mm_ceil_div(mm_ceil_div(bytes, steps), 4) * 4};
}

/* One part, by the calling thread; `then` is the part that it will do next, or NULL. */
static void run_part(const block *b, const part *t, const part *then, workspace *own)
{
    const mm_gemm *g = b->g;
    for (int64_t k0 = 0; k0 < g->depth; k0 += g->m->pass)
        for (int64_t q = t->q0; q < t->q1; q++) {
            const pass s = pass_at(g, q, k0);
            const mm_ahead next = ahead_of(g, t, q, k0, then);
            const uint32_t *panel = own->b;
            if (g->packed)
                panel = packed_at(g, &s);
            else
                mm_cpu_pack_words(g->k, g->w, own->b, s.width, s.n0, s.cols, k0, s.depth, own->piece);
            run_pass(b, t, &s, panel, own->c + (q - t->q0) * high_of(g, b->rows) * g->m->nr, next, &own->late);
        }
}

void mm_gemm_block(const mm_gemm *g, int64_t r0, int64_t r1, float *scratch)
{
    workspace own;
    block b;
    carve(g, r1 - r0, scratch, &own, &b);
    b.r0 = r0;
    for (int64_t p = 0; p < b.panels; p++)
        pack_panel(&b, p, own.gathered);
    if (g->m->begin)
        g->m->begin();
    const int64_t step = group_of(g, b.rows), panels = panels_of(g);
    for (int64_t q = 0; q < panels; q += step) {
        const part t = {0, b.panels, q, least(q + step, panels)};
        const part then = {0, b.panels, q + step, least(q + 2 * step, panels)};
        run_part(&b, &t, q + step < panels ? &then : NULL, &own);
    }
    finish_rest(&own.late);
    if (g->m->end)
        g->m->end();
}

/* ---- threads ----
 * All threads pack a block's A, then they take parts of the product until none is left: a slow or late thread takes
 * fewer. A part is a panel of B (or a group) times the block; where that would make too few, times a
 * share of the block's panels. A thread takes its next part before it begins one, so that its B is fetched meanwhile.
 */

enum { PARTS = 4 }; /* for each thread, at least: with fewer, no thread takes a part in advance */

typedef struct {
    block b;
    char **scratch;
    int64_t step, shares, count; /* panels of B in a part; shares of the block; parts */
    bool ahead;
    atomic_llong next;
} job;

static workspace workspace_of(const job *j, int worker)
{
    workspace own;
    carve(j->b.g, j->b.rows, (float *)j->scratch[worker], &own, NULL);
    return own;
}

static void pack_task(void *ctx, int i, int worker)
{
    const job *j = ctx;
    pack_panel(&j->b, i, workspace_of(j, worker).gathered);
}

/* True when there was a part left. */
static bool take(job *j, part *t)
{
    const int64_t i = atomic_fetch_add_explicit(&j->next, 1, memory_order_relaxed);
    if (i >= j->count)
        return false;
    const int64_t q = i / j->shares, share = i % j->shares;
    *t = (part){j->b.panels * share / j->shares, j->b.panels * (share + 1) / j->shares, q * j->step,
                least((q + 1) * j->step, panels_of(j->b.g))};
    return true;
}

static void part_task(void *ctx, int i, int worker)
{
    (void)i;
    job *j = ctx;
    const mm_matmul *m = j->b.g->m;
    workspace own = workspace_of(j, worker);
    part now, then;
    if (!take(j, &now))
        return;
    if (m->begin)
        m->begin();
    for (bool more = true; more; now = then) {
        bool taken = j->ahead && take(j, &then);
        run_part(&j->b, &now, taken ? &then : NULL, &own);
        more = taken || (!j->ahead && take(j, &then));
    }
    finish_rest(&own.late);
    if (m->end)
        m->end();
}

/* Floats of A below which one thread packs it alone. */
enum { ALONE = 1 << 13 };

static void run_block(mm_threads *pool, job *j)
{
    const mm_gemm *g = j->b.g;
    const int64_t threads = mm_threads_count(pool), groups = mm_ceil_div(panels_of(g), j->step);
    j->shares = threads == 1 ? 1 : least(mm_ceil_div(PARTS * threads, groups), j->b.panels);
    j->count = groups * j->shares;
    j->ahead = j->count >= PARTS * threads;
    atomic_store_explicit(&j->next, 0, memory_order_relaxed);
    if (j->b.rows * g->depth <= ALONE)
        for (int p = 0; p < j->b.panels; p++)
            pack_task(j, p, 0);
    else
        mm_threads_run(pool, (int)j->b.panels, pack_task, j);
    mm_threads_run(pool, (int)least(threads, j->count), part_task, j);
}

mm_status mm_gemm_run(mm_cpu_dev *d, const mm_gemm *given, mm_err *e)
{
    mm_gemm all = *given;
    const mm_gemm *g = &all;
    const int64_t blocks = mm_ceil_div(g->rows, mm_gemm_max_rows(g)), most = mm_ceil_div(g->rows, blocks ? blocks : 1);
    if (!g->packed && blocks > 1) /* or each block packs B again, as it does when memory is out */
        all.packed = mm_cpu_pack_once(d, (mm_cpu_weight *)(uintptr_t)g->w);
    mm_status st = mm_cpu_scratch(d, mm_gemm_scratch(g, most), e);
    for (int64_t i = 0; st == MM_OK && i < blocks; i++) {
        const int64_t r0 = g->rows * i / blocks, rows = g->rows * (i + 1) / blocks - r0;
        job j = {.scratch = d->scratch, .step = group_of(g, rows)};
        carve(g, rows, (float *)d->scratch[0], NULL, &j.b); /* the first thread's memory holds the block */
        j.b.r0 = r0;
        run_block(d->head.pool, &j);
    }
    return st;
}

mm_status mm_cpu_linear(mm_dev *dev, const mm_linear_op *op, mm_err *e)
{
    mm_cpu_dev *d = (mm_cpu_dev *)dev;
    mm_cpu_weight *w = (mm_cpu_weight *)op->w;
    mm_status st = mm_cpu_consider_packing(d, w, e);
    if (st != MM_OK)
        return st;
    const mm_gemm g = {
        .k = d->k,
        .m = w->m,
        .rows = op->rows,
        .cols = w->head.n,
        .depth = w->head.k,
        .a = mm_cpu_at(&op->x),
        .lda = op->x.ld,
        .packed = w->packed,
        .w = w,
        .e = {.bias = w->vector,
              .scale = op->scale ? ((const mm_cpu_weight *)op->scale)->vector : NULL,
              .residual = op->residual.buf ? mm_cpu_at(&op->residual) : NULL,
              .ldr = op->residual.ld,
              .y = mm_cpu_at(&op->y),
              .ldy = op->y.ld,
              .act = op->act,
              .rough = w->m->precision != MM_PREC_FP32},
    };
    return mm_gemm_run(d, &g, e);
}
