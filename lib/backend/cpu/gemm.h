/* gemm.h: y = epilogue(A Bᵀ) for rows that may have to be put together first. */
#ifndef MM_CPU_GEMM_H
#define MM_CPU_GEMM_H

#include "backend/cpu/device.h"

typedef struct {
    const mm_kernels *k;
    const mm_matmul *m;
    int64_t rows, cols, depth; /* y is [rows, cols], A [rows, depth] */

    /* Row r of A: depth floats, either where they already are or written into scratch[depth]. NULL: a + r * lda. */
    const float *(*row)(const void *ctx, int64_t r, float *scratch);
    const void *ctx;
    const float *a;
    int64_t lda;

    const uint32_t *packed; /* B in panels, or NULL: */
    const mm_cpu_weight *w; /* packed from here, panel by panel; integers' scales are here too */
    mm_epilogue e;
} mm_gemm;

/* All of it, by all threads. */
mm_status mm_gemm_run(mm_cpu_dev *d, const mm_gemm *g, mm_err *e);

/* Rows r0 .. r1-1 by the calling thread, with mm_gemm_scratch(g, r1 - r0) floats of scratch. */
void mm_gemm_block(const mm_gemm *g, int64_t r0, int64_t r1, float *scratch);
int64_t mm_gemm_scratch(const mm_gemm *g, int64_t rows);
int64_t mm_gemm_max_rows(const mm_gemm *g); /* rows that one block should have at most */

#endif
