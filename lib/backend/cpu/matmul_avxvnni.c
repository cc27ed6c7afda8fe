/* 8-bit integers by vpdpbusd on 256 bits (AVX-VNNI): four products a lane, those of A unsigned. */
#include "backend/cpu/kernels.h"

#if defined(__x86_64__)
#include "backend/cpu/vec_avx2.h"

enum { MR = 6, NV = 2 };
#define EACH_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6)
#define EACH_VECTORS(X, R) X(R, 1) X(R, 2)

#include "backend/cpu/narrow.inc"
#include "backend/cpu/pack.inc"

static inline vi dot(vi a, vi b, vi sum)
{
    return (vi)_mm256_dpbusd_avx_epi32((__m256i)sum, (__m256i)a, (__m256i)b);
}

#define MATMUL mm_matmul_avxvnni
#define TEXT "vpdpbusd, 256 bits"
#define STEP 64
#define WORD_A uint8_word
#define TAKEN 0
#include "backend/cpu/matmul_int8.inc"
#endif
