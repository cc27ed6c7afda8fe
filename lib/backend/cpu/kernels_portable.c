/* 4 × 8 tiles for any processor: 8 of 16 registers hold sums where vectors have four lanes. */
#include "backend/cpu/kernels.h"

#if 1
#include "backend/cpu/vec_portable.h"

enum { MR = 4, NV = 2 };
#define EACH_ROWS(X) X(1) X(2) X(3) X(4)
#define EACH_VECTORS(X, R) X(R, 1) X(R, 2)
#define KERNELS mm_kernels_portable
#define TIER "portable"
#include "backend/cpu/kernels.inc"
#endif
