#include "tape/ordered_gemm.h"

typedef void (*tier_fn)(const mm_ordered_gemm_args *, int64_t, int64_t);

static tier_fn best_tier(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"))
        return mm_ordered_gemm_rows_avx512;
    if (__builtin_cpu_supports("avx2"))
        return mm_ordered_gemm_rows_avx2;
#endif
    return mm_ordered_gemm_rows_portable;
}

typedef struct {
    const mm_ordered_gemm_args *g;
    tier_fn tier;
    int64_t slice; /* rows each, a multiple of the tile */
} gemm_job;

static void run_slice(void *ctx, int i, int worker)
{
    (void)worker;
    const gemm_job *j = ctx;
    int64_t from = i * j->slice, to = from + j->slice;
    j->tier(j->g, from, to < j->g->m ? to : j->g->m);
}

void mm_ordered_gemm(const mm_ordered_gemm_args *g, mm_threads *pool)
{
    enum { SMALL = 1 << 18 }; /* multiply-adds below which threads cost more than they save */
    gemm_job job = {.g = g, .tier = best_tier(), .slice = g->m};
    int threads = pool ? mm_threads_count(pool) : 1;
    if (threads == 1 || g->m * g->n * g->k < SMALL || g->m < 8) {
        job.tier(g, 0, g->m);
        return;
    }
    job.slice = (g->m / (2 * threads) + 3) / 4 * 4;
    if (job.slice < 4)
        job.slice = 4;
    mm_threads_run(pool, (int)((g->m + job.slice - 1) / job.slice), run_slice, &job);
}
