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

#define FORM bf16
#define WORD int32_t
#define VECTOR vi
#define SUM vf
#define STEPS 1
#define FACTOR(b, h) ((vi)(b))
#define DOT(a, b, s) dot(a, b, s)
#include "backend/cpu/gemm_tile.inc"

NARROW(narrow, bf16_word, 2, 32)
PACK_A(pack_a, narrow, 2)

const mm_matmul mm_matmul_avx512bf16 = {
    .name = "vdpbf16ps",
    .precision = MM_PREC_BF16,
    .mr = MR,
    .nr = NV * VL,
    .vl = VL,
    .height = 1,
    .step = 32,
    .a_per = 2,
    .b_per = 2,
    .pass = 2048,
    .tile = tile_bf16,
    .pack_a = pack_a,
    .narrow = narrow,
};
#endif
