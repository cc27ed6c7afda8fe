/* 8-bit integers by vpdpbusd: four products a lane, those of A unsigned. */
#include "backend/cpu/kernels.h"

#if defined(__x86_64__)
#include "backend/cpu/vec_avx512.h"

enum { MR = 14, NV = 2 };
#define EACH_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#define EACH_VECTORS(X, R) X(R, 1) X(R, 2)

#include "backend/cpu/narrow.inc"
#include "backend/cpu/pack.inc"

static inline vi dot(vi a, vi b, vi sum)
{
    return (vi)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
}

#define FORM int8
#define WORD int32_t
#define VECTOR vi
#define SUM vi
#define STEPS 1
#define FACTOR(b, h) ((vi)(b))
#define DOT(a, b, s) dot(a, b, s)
#include "backend/cpu/gemm_tile.inc"

NARROW(narrow, int8_word, 4, 64)
PACK_INTEGERS(pack_a, uint8_word, 4, 64)
WIDEN(widen, 4, 0)

const mm_matmul mm_matmul_avx512vnni = {
    .name = "vpdpbusd",
    .precision = MM_PREC_INT8,
    .mr = MR,
    .nr = NV * VL,
    .vl = VL,
    .height = 1,
    .step = 64,
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
