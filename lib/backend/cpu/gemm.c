#include "backend/cpu/gemm.h"

/* Depth of one pass: a B panel of this depth (128 KiB at 32 columns) stays in the second-level cache while all of a
 * block's A panels run over it. It is the same for every shape, so that the order of summation is too. */
enum { DEPTH = 1024 };

/* A block's packed A: up to 224 rows, as far as they stay within 4 MiB. */
enum { BLOCK_ROWS = 224, BLOCK_FLOATS = 1 << 20 };

int64_t mm_gemm_panels(const mm_gemm *g)
{
    return mm_ceil_div(g->cols, g->k->nr);
}

int64_t mm_gemm_max_rows(const mm_gemm *g)
{
    int64_t rows = BLOCK_FLOATS / g->depth;
    return rows > BLOCK_ROWS ? BLOCK_ROWS : rows < 4 * g->k->mr ? 4 * g->k->mr : rows;
}

/* The pieces of a block's scratch memory. */
typedef struct {
    float *a, *b, *c, *room;
    int64_t total;
} pieces;

static pieces carve(const mm_gemm *g, int64_t rows, float *base)
{
    int64_t a = mm_cpu_piece(rows * g->depth), b = g->packed ? 0 : mm_cpu_piece(DEPTH * g->k->nr),
            c = mm_cpu_piece(rows * g->k->nr), room = g->row ? mm_cpu_piece(g->k->mr * g->depth) : 0;
    if (!base)
        return (pieces){.total = a + b + c + room};
    return (pieces){base, base + a, base + a + b, base + a + b + c, a + b + c + room};
}

int64_t mm_gemm_scratch(const mm_gemm *g, int64_t rows)
{
    return carve(g, rows, NULL).total;
}

/* Rows r0 .. r0+n-1 (n <= mr) become an A panel. */
static void pack_a(const mm_gemm *g, float *dst, int64_t r0, int n, float *room)
{
    const void *row[MM_MAX_MR];
    for (int i = 0; i < n; i++)
        row[i] = g->row ? g->row(g->ctx, r0 + i, room + i * g->depth) : g->a + (r0 + i) * g->lda;
    g->k->pack_rows(dst, n, row, n, MM_F32, 0, g->depth);
}

void mm_gemm_block(const mm_gemm *g, int64_t r0, int64_t r1, int64_t p0, int64_t p1, float *scratch)
{
    const mm_kernels *k = g->k;
    const int64_t rows = r1 - r0, panels = mm_ceil_div(rows, k->mr); /* of A, of nearly equal height */
    const pieces s = carve(g, rows, scratch);
    for (int64_t p = 0; p < panels; p++) {
        int64_t i0 = rows * p / panels, i1 = rows * (p + 1) / panels;
        pack_a(g, s.a + i0 * g->depth, r0 + i0, (int)(i1 - i0), s.room);
    }
    for (int64_t q = p0; q < p1; q++) {
        const int64_t n0 = q * k->nr;
        const int cols = g->cols - n0 < k->nr ? (int)(g->cols - n0) : k->nr;
        const int width = (int)mm_ceil_div(cols, k->vl) * k->vl;
        for (int64_t k0 = 0; k0 < g->depth; k0 += DEPTH) {
            const int64_t depth = g->depth - k0 < DEPTH ? g->depth - k0 : DEPTH;
            const float *b = s.b;
            if (g->packed)
                b = g->packed + n0 * g->depth + k0 * width;
            else
                mm_cpu_pack_weight(k, g->w, s.b, width, n0, cols, k0, depth);
            for (int64_t p = 0; p < panels; p++) {
                const int64_t i0 = rows * p / panels;
                const int n = (int)(rows * (p + 1) / panels - i0);
                float *c = s.c + i0 * k->nr;
                k->tile(n, width, depth, s.a + i0 * g->depth + k0 * n, b, c, k->nr, k0 > 0);
                if (k0 + depth == g->depth)
                    k->finish(&g->e, c, k->nr, r0 + i0, n0, n, cols);
            }
        }
    }
}

/* ---- sharing the work out ---- */

typedef struct {
    const mm_gemm *g;
    char **scratch;
    int64_t rows, cols; /* blocks in each direction */
} grid;

/* What a grid of rows × cols blocks costs in vector multiply-adds per unit of depth: the rounds that the threads need,
 * times a block's tiles and the packing of its A and B, which is done anew in every block. The weights of packing
 * were measured on Zen 4: a third of a multiply-add per row, ten per panel of 32 columns. */
static double cost(const mm_gemm *g, int threads, int64_t rows, int64_t cols)
{
    double m = (double)mm_ceil_div(g->rows, rows), p = (double)mm_ceil_div(mm_gemm_panels(g), cols);
    double lanes = (double)g->k->nr / g->k->vl;
    double block = m * p * lanes + m / 3 + (g->packed ? 0 : p * g->k->nr / 3);
    return (double)mm_ceil_div(rows * cols, threads) * block;
}

static grid best_grid(const mm_gemm *g, int threads)
{
    const int64_t least = mm_ceil_div(g->rows, mm_gemm_max_rows(g)), most = mm_ceil_div(g->rows, g->k->mr);
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
    mm_cpu_consider_packing(d, w);
    const mm_gemm g = {
        .k = d->k,
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
