/* vec_portable.h: four floats, in GNU C's vector extension alone: any processor. */
#ifndef MM_CPU_VEC_H
#define MM_CPU_VEC_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { VL = 4 };
typedef float vf __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));

/* No fused multiply-add below the instruction sets that have it: fmaf() would be a slow call. */
#define v_fma(a, b, c) ((a) * (b) + (c))

static inline vf v_load(const void *p)
{
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void v_store(float *p, vf v)
{
    memcpy(p, &v, sizeof v);
}

static inline vf v_load_n(const void *p, int n)
{
    vf v = {0};
    memcpy(&v, p, (size_t)n * 4);
    return v;
}

static inline void v_store_n(float *p, vf v, int n)
{
    memcpy(p, &v, (size_t)n * 4);
}

static inline vf v_max(vf a, vf b)
{
    vi m = a > b;
    return (vf)(((vi)a & m) | ((vi)b & ~m));
}

static inline vf v_min(vf a, vf b)
{
    vi m = a < b;
    return (vf)(((vi)a & m) | ((vi)b & ~m));
}

static inline vf v_recip(vf x)
{
    return 1.0f / x;
}

static inline vf v_sqrt(vf v)
{
    for (int i = 0; i < VL; i++)
        v[i] = __builtin_sqrtf(v[i]);
    return v;
}

static inline float v_sum(vf v)
{
    return (v[0] + v[2]) + (v[1] + v[3]);
}

static inline float v_top(vf v)
{
    vf w = {v[2], v[3], v[2], v[3]};
    w = v_max(v, w);
    return w[0] > w[1] ? w[0] : w[1];
}

static inline void v_transpose(vf r[VL])
{
    for (int i = 0; i < VL; i++)
        for (int j = 0; j < i; j++) {
            float x = r[i][j];
            r[i][j] = r[j][i];
            r[j][i] = x;
        }
}

/* IEEE half to single without a conversion instruction: exponent rebias, then a multiplication that also
 * makes subnormals right; infinities and NaN get the largest exponent. */
static inline vf v_load_f16(const void *p)
{
    uint16_t h[VL];
    memcpy(h, p, sizeof h);
    vi u = {h[0], h[1], h[2], h[3]};
    vi magnitude = (u & 0x7fff) << 13, sign = (u & 0x8000) << 16;
    vi special = magnitude >= (0x7c00 << 13);
    vf scaled = (vf)magnitude * 0x1p112f;
    vi bits = (special & (magnitude | 0x7f800000)) | (~special & (vi)scaled);
    return (vf)(bits | sign);
}

static inline vf v_load_bf16(const void *p)
{
    uint16_t h[VL];
    memcpy(h, p, sizeof h);
    vi u = {h[0], h[1], h[2], h[3]};
    return (vf)(u << 16);
}

/* a[0] b[0] + a[1] b[1] of the 16-bit halves of each lane. */
static inline vi v_madd16(vi a, vi b)
{
    typedef uint32_t u __attribute__((vector_size(16)));
    return ((vi)((u)a << 16) >> 16) * ((vi)((u)b << 16) >> 16) + (a >> 16) * (b >> 16);
}

static inline bool v_any(vi mask)
{
    return (mask[0] | mask[1] | mask[2] | mask[3]) != 0;
}

#include "backend/cpu/vec_common.h"
#endif
