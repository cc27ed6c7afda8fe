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

#define MATMUL mm_matmul_avx512vnni
#define TEXT "vpdpbusd"
#define STEP 64
#define WORD_A uint8_word
#define TAKEN 0
#include "backend/cpu/matmul_int8.inc"
#endif
