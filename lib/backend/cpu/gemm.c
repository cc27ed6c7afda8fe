#include "backend/cpu/gemm.h"

/* A block's packed A: up to 224 rows, as far as they stay within 4 MiB. */
enum { BLOCK_ROWS = 224, BLOCK_WORDS = 1 << 20 };

int64_t mm_gemm_panels(const mm_gemm *g)
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
    int64_t rows = BLOCK_WORDS / a_words(g, g->depth), least = 4 * g->m->mr;
    return rows > BLOCK_ROWS ? BLOCK_ROWS : rows < least ? least : rows;
}

/* A block's rows in panels of nearly equal height: the first row of panel p. */
static int64_t first_row(const mm_gemm *g, int64_t rows, int64_t p)
{
    const int64_t panels = mm_ceil_div(rows, g->m->mr), h = g->m->height;
    const int64_t at = mm_ceil_div(rows, h) * p / panels * h;
    return at < rows ? at : rows;
}

/* The pieces of a block's scratch memory. */
typedef struct {
    uint32_t *a, *b;
    float *c, *room, *piece;
    mm_quant *quant;
    int64_t total;
} pieces;

static pieces carve(const mm_gemm *g, int64_t rows, float *base)
{
    const mm_matmul *m = g->m;
    const int64_t high = mm_ceil_div(rows, m->height) * m->height;
    const int64_t sizes[] = {
        high * a_words(g, g->depth),
        g->packed ? 0 : (int64_t)m->pass / m->b_per * m->nr,
        high * m->nr,
        g->row ? m->mr * g->depth : 0,
        g->packed || !m->narrow ? 0 : MM_PANEL_PIECE * m->nr,
        m->widen ? rows * (int64_t)(sizeof(mm_quant) / sizeof(float)) : 0,
    };
    int64_t at[7] = {0};
    for (int i = 0; i < 6; i++)
        at[i + 1] = at[i] + mm_cpu_piece(sizes[i]);
    if (!base)
        return (pieces){.total = at[6]};
    return (pieces){(uint32_t *)base, (uint32_t *)base + at[1],   base + at[2], base + at[3],
                    base + at[4],     (mm_quant *)(base + at[5]), at[6]};
}

int64_t mm_gemm_scratch(const mm_gemm *g, int64_t rows)
{
    return carve(g, rows, NULL).total;
}

/* Rows r0 .. r0+n-1 (n <= mr) become an A panel. */
static void pack_a(const mm_gemm *g, uint32_t *dst, int64_t r0, int n, float *room, mm_quant *quant)
{
    const float *row[MM_MAX_MR];
    for (int i = 0; i < n; i++) {
        row[i] = g->row ? g->row(g->ctx, r0 + i, room + i * g->depth) : g->a + (r0 + i) * g->lda;
        if (g->m->widen)
            g->k->quantise(row[i], g->depth, &quant[i]);
    }
    g->m->pack_a(dst, row, n, g->depth, quant);
}

static void pack_rows_of(const mm_gemm *g, int64_t r0, int64_t rows, const pieces *s)
{
    for (int64_t i0 = 0, p = 1; i0 < rows; p++) {
        int64_t i1 = first_row(g, rows, p);
        pack_a(g, s->a + i0 * a_words(g, g->depth), r0 + i0, (int)(i1 - i0), s->room, s->quant + i0);
        i0 = i1;
    }
}

/* Finished sums of rows i0 .. i0+n-1 of the block that begins at row r0. */
static void finish(const mm_gemm *g, const pieces *s, int64_t r0, int64_t i0, int n, int64_t n0, int cols, int width)
{
    float *c = s->c + i0 * g->m->nr;
    if (g->m->widen)
        g->m->widen(c, g->m->nr, n, cols, s->quant + i0, g->w->scale + n0, g->w->sum + n0,
                    g->packed + n0 * b_words(g, g->depth), width);
    g->k->finish(&g->e, c, g->m->nr, r0 + i0, n0, n, cols);
}

void mm_gemm_block(const mm_gemm *g, int64_t r0, int64_t r1, int64_t p0, int64_t p1, float *scratch)
{
    const mm_matmul *m = g->m;
    const int64_t rows = r1 - r0;
    const pieces s = carve(g, rows, scratch);
    pack_rows_of(g, r0, rows, &s);
    if (m->begin)
        m->begin();
    for (int64_t q = p0; q < p1; q++) {
        const int64_t n0 = q * m->nr;
        const int cols = g->cols - n0 < m->nr ? (int)(g->cols - n0) : m->nr;
        const int width = (int)mm_ceil_div(cols, m->vl) * m->vl;
        for (int64_t k0 = 0; k0 < g->depth; k0 += m->pass) {
            const int64_t depth = g->depth - k0 < m->pass ? g->depth - k0 : m->pass;
            const uint32_t *b = s.b;
            if (g->packed)
                b = g->packed + n0 * b_words(g, g->depth) + k0 / m->b_per * width;
            else
                mm_cpu_pack_words(g->k, g->w, s.b, width, n0, cols, k0, depth, s.piece);
            for (int64_t i0 = 0, p = 1; i0 < rows; p++) {
                const int64_t i1 = first_row(g, rows, p);
                const int n = (int)(i1 - i0);
                const uint32_t *a = s.a + i0 * a_words(g, g->depth) + k0 / m->a_per * mm_matmul_height(m, n);
                m->tile(n, width, b_words(g, depth), a, b, s.c + i0 * m->nr, m->nr, k0 > 0);
                if (k0 + depth == g->depth)
                    finish(g, &s, r0, i0, n, n0, cols, width);
                i0 = i1;
            }
        }
    }
    if (m->end)
        m->end();
}

/* ---- sharing the work out ---- */

typedef struct {
    const mm_gemm *g;
    char **scratch;
    int64_t rows, cols; /* blocks in each direction */
} grid;

/* What a grid of rows × cols blocks costs in vector multiply-adds per unit of depth: the rounds that the threads need,
 * times a block's tiles and the packing of its A and B, which is done anew in every block. What packing weighs, a third
 * of a multiply-add for each row and each column, is an estimate (loads, shuffles and stores of a 16 × 16
 * transposition), not a measurement; it only has to rank the grids. */
static double cost(const mm_gemm *g, int threads, int64_t rows, int64_t cols)
{
    double m = (double)mm_ceil_div(g->rows, rows), p = (double)mm_ceil_div(mm_gemm_panels(g), cols);
    double lanes = (double)g->m->nr / g->m->vl;
    double block = m * p * lanes + m / 3 + (g->packed ? 0 : p * g->m->nr / 3);
    return (double)mm_ceil_div(rows * cols, threads) * block;
}

static grid best_grid(const mm_gemm *g, int threads)
{
    const int64_t least = mm_ceil_div(g->rows, mm_gemm_max_rows(g)), most = mm_ceil_div(g->rows, g->m->mr);
    const int64_t panels = mm_gemm_panels(g);
    grid best = {.rows = least, .cols = 1};
    double lowest = cost(g, threads, least, 1);
    if (threads == 1)
        return best;
    for (int64_t rows = least; rows <= most && rows <= least + 2 * threads; rows++)
        for (int64_t rounds = 1; rounds <= 3; rounds++) {
            int64_t cols = mm_ceil_div(rounds * threads, rows);
            cols = cols > panels ? panels : cols;
            double c = cost(g, threads, rows, cols);
            if (c < lowest * 0.995) {
                lowest = c;
                best.rows = rows;
                best.cols = cols;
            }
        }
    return best;
}

static void run_block(void *ctx, int i, int worker)
{
    const grid *s = ctx;
    const mm_gemm *g = s->g;
    int64_t r = i % s->rows, c = i / s->rows, panels = mm_gemm_panels(g); /* neighbours share B */
    mm_gemm_block(g, g->rows * r / s->rows, g->rows * (r + 1) / s->rows, panels * c / s->cols,
                  panels * (c + 1) / s->cols, (float *)s->scratch[worker]);
}

mm_status mm_gemm_run(mm_cpu_dev *d, const mm_gemm *g, mm_err *e)
{
    grid s = best_grid(g, mm_pool_threads(d->head.pool));
    mm_status st = mm_cpu_scratch(d, mm_gemm_scratch(g, mm_ceil_div(g->rows, s.rows)), e);
    if (st != MM_OK)
        return st;
    s.g = g;
    s.scratch = d->scratch;
    mm_pool_run(d->head.pool, (int)(s.rows * s.cols), run_block, &s);
    return MM_OK;
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
              .act = op->act},
    };
    return mm_gemm_run(d, &g, e);
}
