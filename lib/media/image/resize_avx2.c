/* resize_avx2.c: the two passes with 256-bit integers.
 *
 * A weight w (24 bits with its sign) is split into w = high·2¹¹ + low with 0 ≤ low < 2¹¹, so that pmaddwd can multiply
 * 16-bit halves and add two neighbouring taps at once. The sums are the same integers as in the portable pass. */
#include "media/image/resize.h"

#ifdef __x86_64__
#include <immintrin.h>

enum { HALF = 1 << (MM_RESIZE_BITS - 1), SPLIT = 11 };

static inline __m256i broadcast_pair(int32_t a, int32_t b)
{
    return _mm256_set1_epi32((int32_t)((uint32_t)a & 0xffff) | (int32_t)((uint32_t)b << 16));
}

/* 16 bytes of each of two rows, weighted and added into four sums of eight. */
static inline void add_rows(__m256i high[2], __m256i low[2], __m128i row0, __m128i row1, __m256i wh, __m256i wl)
{
    __m256i p0 = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(row0, row1)); /* r0[0] r1[0] r0[1] r1[1] … */
    __m256i p1 = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(row0, row1));
    high[0] = _mm256_add_epi32(high[0], _mm256_madd_epi16(p0, wh));
    low[0] = _mm256_add_epi32(low[0], _mm256_madd_epi16(p0, wl));
    high[1] = _mm256_add_epi32(high[1], _mm256_madd_epi16(p1, wh));
    low[1] = _mm256_add_epi32(low[1], _mm256_madd_epi16(p1, wl));
}

static inline __m256i join(__m256i high, __m256i low)
{
    return _mm256_srai_epi32(_mm256_add_epi32(_mm256_slli_epi32(high, SPLIT), low), MM_RESIZE_BITS);
}

/* Sixteen columns of one output row. */
static inline void down16(uint8_t *out, const uint8_t *in, int64_t pitch, const int32_t *weight, int64_t count)
{
    const __m256i half = _mm256_set1_epi32(HALF), zero = _mm256_setzero_si256();
    __m256i high[2] = {zero, zero}, low[2] = {half, half};
    for (int64_t y = 0; y < count; y += 2) {
        bool two = y + 1 < count;
        int32_t w0 = weight[y], w1 = two ? weight[y + 1] : 0;
        const uint8_t *row = in + y * pitch;
        add_rows(high, low, _mm_loadu_si128((const __m128i *)row),
                 _mm_loadu_si128((const __m128i *)(two ? row + pitch : row)), broadcast_pair(w0 >> SPLIT, w1 >> SPLIT),
                 broadcast_pair(w0 & ((1 << SPLIT) - 1), w1 & ((1 << SPLIT) - 1)));
    }
    __m256i v16 = _mm256_packs_epi32(join(high[0], low[0]), join(high[1], low[1])); /* 0-3 8-11 | 4-7 12-15 */
    __m256i v8 = _mm256_packus_epi16(v16, v16);
    __m128i lo = _mm256_castsi256_si128(v8), hi = _mm256_extracti128_si256(v8, 1);
    _mm_storeu_si128((__m128i *)out, _mm_unpacklo_epi32(lo, hi));
}

static void down(uint8_t *out, const uint8_t *in, int64_t pitch, int64_t n, const int32_t *weight, int64_t count)
{
    if (n < 16) {
        mm_resize_portable.down(out, in, pitch, n, weight, count);
        return;
    }
    int64_t at = 0;
    for (; at + 16 <= n; at += 16)
        down16(out + at, in + at, pitch, weight, count);
    if (at < n) /* the last columns overlap: same inputs, same values */
        down16(out + n - 16, in + n - 16, pitch, weight, count);
}

/* Four taps at a time: bytes r0 g0 b0 r1 g1 b1 r2 g2 b2 r3 g3 b3 become the 16-bit pairs r0 r1, g0 g1, b0 b1 in the
 * low and r2 r3, g2 g3, b2 b3 in the high half, each to be multiplied with its two weights. */
static inline void across_pixel(uint8_t *out, const uint8_t *p, const int32_t *k, int32_t count, int64_t readable)
{
    const __m128i order = _mm_setr_epi8(0, 3, 1, 4, 2, 5, -1, -1, 6, 9, 7, 10, 8, 11, -1, -1);
    const __m128i mask = _mm_set1_epi32((1 << SPLIT) - 1);
    __m256i high = _mm256_setzero_si256(), low = high;
    int32_t i = 0;
    for (; i + 4 <= count && 3 * (int64_t)i + 16 <= readable; i += 4) {
        __m128i w = _mm_loadu_si128((const __m128i *)(k + i));
        __m128i w16 = _mm_packs_epi32(_mm_srai_epi32(w, SPLIT), _mm_and_si128(w, mask)); /* h0 h1 h2 h3 l0 l1 l2 l3 */
        __m256i wh = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_shuffle_epi32(w16, 0x00)),
                                             _mm_shuffle_epi32(w16, 0x55), 1);
        __m256i wl = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_shuffle_epi32(w16, 0xaa)),
                                             _mm_shuffle_epi32(w16, 0xff), 1);
        __m256i px = _mm256_cvtepu8_epi16(_mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(p + 3 * i)), order));
        high = _mm256_add_epi32(high, _mm256_madd_epi16(px, wh));
        low = _mm256_add_epi32(low, _mm256_madd_epi16(px, wl));
    }
    __m256i both = _mm256_add_epi32(_mm256_slli_epi32(high, SPLIT), low);
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
    int32_t rgb[4];
    _mm_storeu_si128((__m128i *)rgb, _mm_add_epi32(sum, _mm_set1_epi32(HALF)));
    for (; i < count; i++)
        for (int c = 0; c < 3; c++)
            rgb[c] += p[3 * i + c] * k[i];
    for (int c = 0; c < 3; c++)
        out[c] = mm_resize_clip(rgb[c]);
}

static void across(uint8_t *out, const uint8_t *in, int64_t from, int64_t width, const mm_taps *t)
{
    for (int64_t x = 0; x < t->n; x++) {
        int64_t first = (t->start[x] - from) * 3;
        across_pixel(out + 3 * x, in + first, t->weight + x * t->stride, t->count[x], width * 3 - first);
    }
}

const mm_resize_kernels mm_resize_avx2 = {across, down};
#endif
