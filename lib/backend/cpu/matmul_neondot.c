/* 8-bit integers by sdot: four products a lane, those of A with 128 taken off. */
#include "backend/cpu/kernels.h"

#if defined(__aarch64__)
#include "backend/cpu/vec_neon.h"

enum { MR = 8, NV = 3 };
#define EACH_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#define EACH_VECTORS(X, R) X(R, 1) X(R, 2) X(R, 3)

#include "backend/cpu/narrow.inc"
#include "backend/cpu/pack.inc"

static inline vi dot(vi a, vi b, vi sum)
{
    return (vi)vdotq_s32((int32x4_t)sum, vreinterpretq_s8_s32((int32x4_t)a), vreinterpretq_s8_s32((int32x4_t)b));
}

#define FORM int8
#define WORD int32_t
#define VECTOR vi
#define SUM vi
#define STEPS 1
#define FACTOR(b, h) ((vi)(b))
#define DOT(a, b, s) dot(a, b, s)
#include "backend/cpu/gemm_tile.inc"

NARROW(narrow, int8_word, 4, 4)
PACK_INTEGERS(pack_a, sint8_word, 4, 4)
WIDEN(widen, 4, 128)

const mm_matmul mm_matmul_neondot = {
    .name = "sdot",
    .precision = MM_PREC_INT8,
    .mr = MR,
    .nr = NV * VL,
    .vl = VL,
    .height = 1,
    .step = 4,
    .a_per = 4,
    .b_per = 4,
    .pass = 4096,
    .tile = tile_int8,
    .pack_a = pack_a,
    .narrow = narrow,
    .widen = widen,
    .biased = true,
};
#endif
