/* bf16 by vdpbf16ps: two products a lane, added to an fp32 sum. */
#include "backend/cpu/kernels.h"

#if defined(__x86_64__)
#include "backend/cpu/vec_avx512.h"

enum { MR = 14, NV = 2 };
#define EACH_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#define EACH_VECTORS(X, R) X(R, 1) X(R, 2)

#include "backend/cpu/narrow.inc"
#include "backend/cpu/pack.inc"

static inline vf dot(vi a, vi b, vf sum)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}

#define MATMUL mm_matmul_avx512bf16
#define TEXT "vdpbf16ps"
#define STEP 32
#include "backend/cpu/matmul_bf16.inc"
#endif
