/* bf16 by bfdot: two products a lane, added to an fp32 sum. */
#include "backend/cpu/kernels.h"

#if defined(__aarch64__)
#include "backend/cpu/vec_neon.h"

enum { MR = 8, NV = 3 };
#define EACH_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#define EACH_VECTORS(X, R) X(R, 1) X(R, 2) X(R, 3)

#include "backend/cpu/narrow.inc"
#include "backend/cpu/pack.inc"

static inline vf dot(vi a, vi b, vf sum)
{
    return (vf)vbfdotq_f32((float32x4_t)sum, vreinterpretq_bf16_s32((int32x4_t)a),
                           vreinterpretq_bf16_s32((int32x4_t)b));
}

#define FORM bf16
#define WORD int32_t
#define VECTOR vi
#define SUM vf
#define STEPS 1
#define FACTOR(b, h) ((vi)(b))
#define DOT(a, b, s) dot(a, b, s)
#include "backend/cpu/gemm_tile.inc"

NARROW(narrow, bf16_word, 2, 2)
PACK_A(pack_a, narrow, 2)

const mm_matmul mm_matmul_neonbf16 = {
    .name = "bfdot",
    .precision = MM_PREC_BF16,
    .mr = MR,
    .nr = NV * VL,
    .vl = VL,
    .height = 1,
    .step = 2,
    .a_per = 2,
    .b_per = 2,
    .pass = 2048,
    .tile = tile_bf16,
    .pack_a = pack_a,
    .narrow = narrow,
};
#endif
