/* vec_avx2.h: eight floats, with FMA and half-precision conversion. */
#ifndef MM_CPU_VEC_H
#define MM_CPU_VEC_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { VL = 8 };
typedef float vf __attribute__((vector_size(32)));
typedef int32_t vi __attribute__((vector_size(32)));

#define v_fma(a, b, c) ((vf)_mm256_fmadd_ps(a, b, c))

static inline __m256i v_first(int n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline vf v_load(const void *p)
{
    return _mm256_loadu_ps(p);
}

static inline void v_store(float *p, vf v)
{
    _mm256_storeu_ps(p, v);
}

static inline vf v_load_n(const void *p, int n)
{
    return _mm256_maskload_ps(p, v_first(n));
}

static inline void v_store_n(float *p, vf v, int n)
{
    _mm256_maskstore_ps(p, v_first(n), v);
}

static inline vf v_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}

static inline vf v_min(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}

static inline vf v_recip(vf x)
{
    return 1.0f / x;
}

static inline vf v_sqrt(vf v)
{
    return _mm256_sqrt_ps(v);
}

static inline float v_sum(vf v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

static inline float v_top(vf v)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

static inline vf v_load_f16(const void *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128(p));
}

static inline vf v_load_bf16(const void *p)
{
    return (vf)_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(p)), 16);
}

/* Pairs, then quads, then the two halves. */
static inline void v_transpose(vf row[VL])
{
    __m256 r[8], t[8];
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_ps(row[2 * i], row[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(row[2 * i], row[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        r[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
        r[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
        r[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
        r[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) {
        row[i] = _mm256_permute2f128_ps(r[i], r[4 + i], 0x20);
        row[4 + i] = _mm256_permute2f128_ps(r[i], r[4 + i], 0x31);
    }
}

/* a[0] b[0] + a[1] b[1] of the 16-bit halves of each lane. */
static inline vi v_madd16(vi a, vi b)
{
    return (vi)_mm256_madd_epi16((__m256i)a, (__m256i)b);
}

static inline bool v_any(vi mask)
{
    return _mm256_movemask_ps((__m256)mask) != 0;
}

#include "backend/cpu/vec_common.h"
#endif
