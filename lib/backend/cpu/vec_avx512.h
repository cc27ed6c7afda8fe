/* vec_avx512.h: sixteen floats. */
#ifndef MM_CPU_VEC_H
#define MM_CPU_VEC_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { VL = 16 };
typedef float vf __attribute__((vector_size(64)));
typedef int32_t vi __attribute__((vector_size(64)));

#define v_fma(a, b, c) ((vf)_mm512_fmadd_ps(a, b, c))

static inline __mmask16 v_first(int n)
{
    return (__mmask16)((1u << n) - 1);
}

static inline vf v_load(const void *p)
{
    return _mm512_loadu_ps(p);
}

static inline void v_store(float *p, vf v)
{
    _mm512_storeu_ps(p, v);
}

static inline vf v_load_n(const void *p, int n)
{
    return _mm512_maskz_loadu_ps(v_first(n), p);
}

static inline void v_store_n(float *p, vf v, int n)
{
    _mm512_mask_storeu_ps(p, v_first(n), v);
}

static inline vf v_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}

static inline vf v_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}

/* 1 / x for 1 <= x < infinity, to about one unit in the last place: a division of sixteen takes as long as all else in
 * an activation. One step of Newton's after 14 bits. */
static inline vf v_recip(vf x)
{
    vf y = _mm512_rcp14_ps(x);
    return v_fma(y, (vf)_mm512_fnmadd_ps(x, y, _mm512_set1_ps(1.0f)), y);
}

static inline vf v_sqrt(vf v)
{
    return _mm512_sqrt_ps(v);
}

static inline float v_sum(vf v)
{
    return _mm512_reduce_add_ps(v);
}

static inline float v_top(vf v)
{
    return _mm512_reduce_max_ps(v);
}

static inline vf v_load_f16(const void *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256(p));
}

static inline vf v_load_bf16(const void *p)
{
    return (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(p)), 16);
}

/* Pairs, then quads, then the four quarters: 64 shuffles. */
static inline void v_transpose(vf row[VL])
{
    __m512i r[16], t[16];
    for (int i = 0; i < 8; i++) {
        t[2 * i] = _mm512_unpacklo_epi32((__m512i)row[2 * i], (__m512i)row[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_epi32((__m512i)row[2 * i], (__m512i)row[2 * i + 1]);
    }
    for (int i = 0; i < 4; i++) {
        r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
    for (int h = 0; h < 2; h++)
        for (int i = 0; i < 4; i++) {
            t[8 * h + i] = _mm512_shuffle_i32x4(r[8 * h + i], r[8 * h + 4 + i], 0x88);
            t[8 * h + 4 + i] = _mm512_shuffle_i32x4(r[8 * h + i], r[8 * h + 4 + i], 0xdd);
        }
    for (int i = 0; i < 4; i++) {
        row[i] = (vf)_mm512_shuffle_i32x4(t[i], t[8 + i], 0x88);
        row[8 + i] = (vf)_mm512_shuffle_i32x4(t[i], t[8 + i], 0xdd);
        row[4 + i] = (vf)_mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0x88);
        row[12 + i] = (vf)_mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0xdd);
    }
}

/* a[0] b[0] + a[1] b[1] of the 16-bit halves of each lane. */
static inline vi v_madd16(vi a, vi b)
{
    return (vi)_mm512_madd_epi16((__m512i)a, (__m512i)b);
}

static inline bool v_any(vi mask)
{
    return _mm512_movepi32_mask((__m512i)mask) != 0;
}

#include "backend/cpu/vec_common.h"
#endif
