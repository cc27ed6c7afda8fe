/* 8 × 12 tiles for 64-bit ARM: 24 of 32 registers hold sums. */
#include "backend/cpu/kernels.h"

#if defined(__aarch64__)
#include "backend/cpu/vec_neon.h"

enum { MR = 8, NV = 3 };
#define EACH_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#define EACH_VECTORS(X, R) X(R, 1) X(R, 2) X(R, 3)
#define KERNELS mm_kernels_neon
#define TIER "neon"
#include "backend/cpu/kernels.inc"
#endif
