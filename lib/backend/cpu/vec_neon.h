/* vec_neon.h: four floats of 64-bit ARM. */
#ifndef MM_CPU_VEC_H
#define MM_CPU_VEC_H

#include <arm_neon.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { VL = 4 };
typedef float32x4_t vf;
typedef int32x4_t vi;

#define v_fma(a, b, c) vfmaq_f32(c, a, b)

static inline vf v_load(const void *p)
{
    vf v;
    memcpy(&v, p, sizeof v); /* weights in a mapped file need not be aligned */
    return v;
}

static inline void v_store(float *p, vf v)
{
    vst1q_f32(p, v);
}

static inline vf v_load_n(const void *p, int n)
{
    float x[VL] = {0};
    memcpy(x, p, (size_t)n * 4);
    return vld1q_f32(x);
}

static inline void v_store_n(float *p, vf v, int n)
{
    float x[VL];
    vst1q_f32(x, v);
    memcpy(p, x, (size_t)n * 4);
}

static inline vf v_max(vf a, vf b)
{
    return vmaxq_f32(a, b);
}

static inline vf v_min(vf a, vf b)
{
    return (vf)vminq_f32((float32x4_t)a, (float32x4_t)b);
}

static inline vf v_recip(vf x)
{
    return 1.0f / x;
}

static inline vf v_sqrt(vf v)
{
    return vsqrtq_f32(v);
}

static inline float v_sum(vf v)
{
    return vaddvq_f32(v);
}

static inline float v_top(vf v)
{
    return vmaxvq_f32(v);
}

static inline vf v_load_f16(const void *p)
{
    float16x4_t h;
    memcpy(&h, p, sizeof h);
    return vcvt_f32_f16(h);
}

static inline vf v_load_bf16(const void *p)
{
    uint16x4_t h;
    memcpy(&h, p, sizeof h);
    return vreinterpretq_f32_u32(vshll_n_u16(h, 16));
}

static inline void v_transpose(vf r[VL])
{
    float32x4x2_t a = vtrnq_f32(r[0], r[1]), b = vtrnq_f32(r[2], r[3]);
    r[0] = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
    r[1] = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
    r[2] = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
    r[3] = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
}

/* a[0] b[0] + a[1] b[1] of the 16-bit halves of each lane. */
static inline vi v_madd16(vi a, vi b)
{
    int16x8_t x = vreinterpretq_s16_s32((int32x4_t)a), y = vreinterpretq_s16_s32((int32x4_t)b);
    return (vi)vpaddq_s32(vmull_s16(vget_low_s16(x), vget_low_s16(y)), vmull_high_s16(x, y));
}

static inline bool v_any(vi mask)
{
    return vmaxvq_u32((uint32x4_t)mask) != 0;
}

#include "backend/cpu/vec_common.h"
#endif
