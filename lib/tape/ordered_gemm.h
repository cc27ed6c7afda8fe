/* ordered_gemm.h: the matrix product of the tape: C[M,N] = (add ? C : 0) + A·B, each element summed over k = 0..K-1
 * in that order without fused operations, so that every instruction set and every number of threads gives the same
 * bits.
 */
#ifndef MM_TAPE_ORDERED_GEMM_H
#define MM_TAPE_ORDERED_GEMM_H

#include "base/threads.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int64_t m, n, k;
    const float *a; /* element (i,p) at a[i*a_row + p*a_col]: transposed operands need no copy */
    int64_t a_row, a_col;
    const float *b; /* [K,N], rows of ldb */
    int64_t ldb;
    float *c; /* [M,N], rows of ldc */
    int64_t ldc;
    bool add;
} mm_ordered_gemm_args;

void mm_ordered_gemm(const mm_ordered_gemm_args *g, mm_threads *pool); /* pool NULL: on this thread */

/* The instruction sets, for rows m0 .. m1-1; mm_ordered_gemm chooses. */
void mm_ordered_gemm_rows_portable(const mm_ordered_gemm_args *g, int64_t m0, int64_t m1);
void mm_ordered_gemm_rows_avx2(const mm_ordered_gemm_args *g, int64_t m0, int64_t m1);
void mm_ordered_gemm_rows_avx512(const mm_ordered_gemm_args *g, int64_t m0, int64_t m1);

#endif
