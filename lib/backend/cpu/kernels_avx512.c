/* 14 × 32 tiles for AVX-512: 28 of 32 registers hold sums. */
#include "backend/cpu/kernels.h"

#if defined(__x86_64__)
#include "backend/cpu/vec_avx512.h"

enum { MR = 14, NV = 2 };
#define EACH_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#define EACH_VECTORS(X, R) X(R, 1) X(R, 2)
#define KERNELS mm_kernels_avx512
#define TIER "avx512"
#include "backend/cpu/kernels.inc"
#endif
