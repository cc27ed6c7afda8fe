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

#define MATMUL mm_matmul_neondot
#define TEXT "sdot"
#define STEP 4
#define WORD_A sint8_word
#define TAKEN 128
#include "backend/cpu/matmul_int8.inc"
#endif
