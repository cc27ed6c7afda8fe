/* 6 × 16 tiles for AVX2 with FMA: 12 of 16 registers hold sums. */
#include "backend/cpu/kernels.h"

#if defined(__x86_64__)
#include "backend/cpu/vec_avx2.h"

enum { MR = 6, NV = 2 };
#define EACH_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6)
#define EACH_VECTORS(X, R) X(R, 1) X(R, 2)
#define KERNELS mm_kernels_avx2
#define TIER "avx2"
#include "backend/cpu/kernels.inc"
#endif
