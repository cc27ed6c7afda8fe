/* dot_avx2.c: dot products with AVX2 and FMA: blocks of 3 × 4 vectors, a register of partial sums for each pair. */
#include "label/vector.h"

#if defined(__x86_64__)
#include <immintrin.h>

enum { A = 3, B = 4 };

static float total(__m256 v)
{
    __m128 h = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    h = _mm_add_ps(h, _mm_movehl_ps(h, h));
    return _mm_cvtss_f32(_mm_add_ss(h, _mm_movehdup_ps(h)));
}

static void dot_block(float out[A][B], const float *const *a, const float *const *b, int64_t stride)
{
    __m256 sum[A][B];
    for (int i = 0; i < A; i++)
        for (int j = 0; j < B; j++)
            sum[i][j] = _mm256_setzero_ps();
    for (int64_t d = 0; d < stride; d += 8) {
        __m256 x[A];
        for (int i = 0; i < A; i++)
            x[i] = _mm256_loadu_ps(a[i] + d);
        for (int j = 0; j < B; j++) {
            __m256 y = _mm256_loadu_ps(b[j] + d);
            for (int i = 0; i < A; i++)
                sum[i][j] = _mm256_fmadd_ps(x[i], y, sum[i][j]);
        }
    }
    for (int i = 0; i < A; i++)
        for (int j = 0; j < B; j++)
            out[i][j] = total(sum[i][j]);
}

void mm_dot_avx2(float *out, int64_t ld, const float *a, int64_t na, const float *b, int64_t nb, int64_t stride)
{
    for (int64_t j = 0; j < nb; j += B)
        for (int64_t i = 0; i < na; i += A) {
            const float *x[A], *y[B];
            float r[A][B];
            for (int p = 0; p < A; p++) /* the last block repeats its last vector */
                x[p] = a + (i + p < na ? i + p : na - 1) * stride;
            for (int p = 0; p < B; p++)
                y[p] = b + (j + p < nb ? j + p : nb - 1) * stride;
            dot_block(r, x, y, stride);
            for (int p = 0; p < A && i + p < na; p++)
                for (int q = 0; q < B && j + q < nb; q++)
                    out[(j + q) * ld + i + p] = r[p][q];
        }
}
#else
mm_dot_kernel mm_dot_avx2;
#endif
