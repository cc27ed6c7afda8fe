/* Matrix tiles of AMX: 16 rows of 64 bytes. Two of A × two of B give four of sums, 32 × 32.
 *
 * B panels are those of the vector formats: a tile of B wants 16 words of k below one another and 16 columns side by
 * side. A tile of A wants 16 rows of 16 words each, so an A panel is [k / 16 words][height][16 words]; its height is a
 * multiple of 16, and the rows after the last give sums that nobody reads. */
#include "backend/cpu/kernels.h"

#if defined(__x86_64__)
#include "backend/cpu/vec_avx512.h"

enum { MR = 32, NV = 2, HEIGHT = 16, WORDS = 16 };

#include "backend/cpu/narrow.inc"

/* Eight tiles of 16 rows of 64 bytes: palette, first row, reserved; bytes of a row (16 bits each); rows. */
static const struct {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} config __attribute__((aligned(64))) = {
    .palette = 1,
    .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {HEIGHT, HEIGHT, HEIGHT, HEIGHT, HEIGHT, HEIGHT, HEIGHT, HEIGHT},
};

static void begin(void)
{
    _tile_loadconfig(&config);
}

static void end(void)
{
    _tile_release();
}

/* Sums 0 1 / 2 3, A 4 / 5, B 6 7. TALL: more than 16 rows, WIDE: more than 16 columns. */
#define MULTIPLY(NAME, DOT, TALL, WIDE)                                                                                \
    static void NAME(int64_t words, const uint32_t *a, const uint32_t *b, float *c, int64_t ldc, bool add,             \
                     const mm_ahead *ahead)                                                                            \
    {                                                                                                                  \
        const int64_t lda = WORDS * HEIGHT * (TALL ? 2 : 1), ldb = 16 * (WIDE ? 2 : 1);                                \
        const size_t sum_row = (size_t)ldc * sizeof *c;                                                                \
        const char *next = ahead->at, *end = next;                                                                     \
        if (add) {                                                                                                     \
            _tile_loadd(0, c, sum_row);                                                                                \
            if (WIDE)                                                                                                  \
                _tile_loadd(1, c + 16, sum_row);                                                                       \
            if (TALL)                                                                                                  \
                _tile_loadd(2, c + 16 * ldc, sum_row);                                                                 \
            if (TALL && WIDE)                                                                                          \
                _tile_loadd(3, c + 16 * ldc + 16, sum_row);                                                            \
        } else {                                                                                                       \
            _tile_zero(0);                                                                                             \
            _tile_zero(1);                                                                                             \
            _tile_zero(2);                                                                                             \
            _tile_zero(3);                                                                                             \
        }                                                                                                              \
        for (; words > 0; words -= WORDS, a += lda, b += WORDS * ldb) {                                                \
            _tile_loadd(6, b, (size_t)ldb * 4);                                                                        \
            _tile_stream_loadd(4, a, WORDS * 4);                                                                       \
            DOT(0, 4, 6);                                                                                              \
            if (WIDE) {                                                                                                \
                _tile_loadd(7, b + 16, (size_t)ldb * 4);                                                               \
                DOT(1, 4, 7);                                                                                          \
            }                                                                                                          \
            if (TALL) {                                                                                                \
                _tile_stream_loadd(5, a + HEIGHT * WORDS, WORDS * 4);                                                  \
                DOT(2, 5, 6);                                                                                          \
                if (WIDE)                                                                                              \
                    DOT(3, 5, 7);                                                                                      \
            }                                                                                                          \
            for (end += WORDS * ahead->step; next < end; next += 64)                                                   \
                __builtin_prefetch(next, 0, 2);                                                                        \
            if (ahead->aside)                                                                                          \
                ahead->aside(ahead->job);                                                                              \
        }                                                                                                              \
        _tile_stored(0, c, sum_row);                                                                                   \
        if (WIDE)                                                                                                      \
            _tile_stored(1, c + 16, sum_row);                                                                          \
        if (TALL)                                                                                                      \
            _tile_stored(2, c + 16 * ldc, sum_row);                                                                    \
        if (TALL && WIDE)                                                                                              \
            _tile_stored(3, c + 16 * ldc + 16, sum_row);                                                               \
    }

#define TILE(NAME, DOT)                                                                                                \
    MULTIPLY(NAME##_1_1, DOT, 0, 0)                                                                                    \
    MULTIPLY(NAME##_1_2, DOT, 0, 1)                                                                                    \
    MULTIPLY(NAME##_2_1, DOT, 1, 0)                                                                                    \
    MULTIPLY(NAME##_2_2, DOT, 1, 1)                                                                                    \
    static void NAME(int rows, int width, int64_t words, const void *a, const void *b, float *c, int64_t ldc,          \
                     bool add, const mm_ahead *ahead)                                                                  \
    {                                                                                                                  \
        static void (*const tiles[2][2])(int64_t, const uint32_t *, const uint32_t *, float *, int64_t, bool,          \
                                         const mm_ahead *) = {{NAME##_1_1, NAME##_1_2}, {NAME##_2_1, NAME##_2_2}};     \
        tiles[rows > HEIGHT][width > 16](words, a, b, c, ldc, add, ahead);                                             \
    }

TILE(tile_bf16, _tile_dpbf16ps)
TILE(tile_int8, _tile_dpbusd)

/* 16 words of bf16 from k on; zeros after the row's end. */
static inline vi bf16_words(const float *row, int64_t k, int64_t i)
{
    vf part[2];
    for (int h = 0; h < 2; h++) {
        int64_t left = k - i - 16 * h;
        part[h] = left >= 16 ? v_load(row + i + 16 * h)
                  : left > 0 ? v_load_n(row + i + 16 * h, (int)left)
                             : v_set(0.0f);
    }
    return (vi)_mm512_cvtne2ps_pbh(part[1], part[0]);
}

static void pack_a_bf16(void *dst, const float *const *row, int n, int64_t k, const mm_quant *quant)
{
    const int height = mm_matmul_height(&mm_matmul_amxbf16, n);
    (void)quant;
    for (int r = 0; r < n; r++) {
        float *to = (float *)dst + r * WORDS;
        for (int64_t i = 0; i < k; i += 2 * WORDS, to += height * WORDS)
            v_store(to, (vf)bf16_words(row[r], k, i));
    }
}

/* 16 rows by 16 words are transposed in registers. */
static void pack_rows_bf16(void *dst, int width, const float *const *row, int n, int64_t k)
{
    for (int c = 0; c < width; c += VL)
        for (int64_t i = 0; i < k; i += 2 * WORDS) {
            float *to = (float *)dst + i / 2 * width + c;
            vf part[VL];
            for (int r = 0; r < VL; r++)
                part[r] = c + r < n ? (vf)bf16_words(row[c + r], k, i) : v_set(0.0f);
            v_transpose(part);
            for (int w = 0; w < WORDS; w++)
                v_store(to + w * width, part[w]);
        }
}

/* Columns 0 .. n-1 (n <= VL) of lines i and i+1 of k, side by side in words. */
static inline vi bf16_pairs(const float *src, int64_t ld, int n, int64_t i, int64_t k)
{
    const __m512i pairs = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                                           21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    vf line[2] = {v_set(0.0f), v_set(0.0f)};
    for (int h = 0; h < 2; h++)
        if (i + h < k)
            line[h] = n == VL ? v_load(src + (i + h) * ld) : v_load_n(src + (i + h) * ld, n);
    return (vi)_mm512_permutexvar_epi16(pairs, (__m512i)_mm512_cvtne2ps_pbh(line[1], line[0]));
}

static void pack_cols_bf16(void *dst, int width, const float *src, int64_t ld, int n, int64_t k)
{
    float *to = dst;
    for (int64_t i = 0; i < mm_matmul_depth(&mm_matmul_amxbf16, k); i += 2, to += width)
        for (int c = 0; c < width; c += VL) {
            const int left = n - c < 0 ? 0 : n - c < VL ? n - c : VL;
            v_store(to + c, (vf)bf16_pairs(src + c, ld, left, i, k));
        }
}

/* 16 words of integers likewise. */
static inline vi uint8_words(const float *row, int64_t k, int64_t i, const mm_quant *quant)
{
    const vf inv = v_set(quant->inv), low = v_set(quant->low);
    __m128i part[4];
    for (int h = 0; h < 4; h++) {
        int64_t left = k - i - 16 * h;
        vf x = left >= 16 ? v_load(row + i + 16 * h) : left > 0 ? v_load_n(row + i + 16 * h, (int)left) : v_set(0.0f);
        part[h] = _mm512_cvtepi32_epi8((__m512i)(clamped(x, inv, low, MM_INT8_STEPS + 1) + quant->zero));
    }
    __m256i lo = _mm256_inserti128_si256(_mm256_castsi128_si256(part[0]), part[1], 1);
    __m256i hi = _mm256_inserti128_si256(_mm256_castsi128_si256(part[2]), part[3], 1);
    return (vi)_mm512_inserti64x4(_mm512_castsi256_si512(lo), hi, 1);
}

static void pack_a_int8(void *dst, const float *const *row, int n, int64_t k, const mm_quant *quant)
{
    const int height = mm_matmul_height(&mm_matmul_amxint8, n);
    for (int r = 0; r < n; r++) {
        float *to = (float *)dst + r * WORDS;
        for (int64_t i = 0; i < k; i += 4 * WORDS, to += height * WORDS)
            v_store(to, (vf)uint8_words(row[r], k, i, &quant[r]));
    }
}

WIDEN(widen, 4, 0)
NARROW(narrow_bf16, bf16_word, 2, 32)
NARROW(narrow_int8, int8_word, 4, 64)

const mm_matmul mm_matmul_amxbf16 = {
    .name = "tdpbf16ps",
    .precision = MM_PREC_BF16,
    .mr = MR,
    .nr = NV * VL,
    .vl = VL,
    .height = HEIGHT,
    .step = 2 * WORDS,
    .a_per = 2,
    .b_per = 2,
    .pass = 384,
    .begin = begin,
    .end = end,
    .aside_words = WORDS,
    .tile = tile_bf16,
    .pack_a = pack_a_bf16,
    .narrow = narrow_bf16,
    .pack_rows = pack_rows_bf16,
    .pack_cols = pack_cols_bf16,
};

const mm_matmul mm_matmul_amxint8 = {
    .name = "tdpbusd",
    .precision = MM_PREC_INT8,
    .mr = MR,
    .nr = NV * VL,
    .vl = VL,
    .height = HEIGHT,
    .step = 4 * WORDS,
    .a_per = 4,
    .b_per = 4,
    .pass = 768,
    .steps = MM_INT8_STEPS,
    .largest = INT8_MAX,
    .begin = begin,
    .end = end,
    .aside_words = WORDS,
    .tile = tile_int8,
    .pack_a = pack_a_int8,
    .narrow = narrow_int8,
    .widen = widen,
    .biased = true,
};
#endif
