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

#define MATMUL mm_matmul_neonbf16
#define TEXT "bfdot"
#define STEP 2
#include "backend/cpu/matmul_bf16.inc"
#endif
