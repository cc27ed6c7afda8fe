/* matmul.h: a number format in which a matrix product is computed, on one instruction set.
 *
 * Panels (kernels.h) consist of 32-bit words. A word holds the values of one row of A, or one column of B, for 1
 * (fp32), 2 (bf16, 16-bit integers) or 4 (8-bit integers) neighbouring k:
 *
 *     A panel  [k / a_per][rows]        B panel  [k / b_per][width]
 *
 * so that one loop, a broadcast word of A times vectors of words of B, serves every format. Reduced formats are made
 * from fp32 panels by `narrow`, which works down the columns and so needs no shuffles.
 *
 *   fp32   as it is.
 *   bf16   weights rounded to nearest even. With a dot product for pairs (vdpbf16ps, tdpbf16ps) A is rounded too;
 *          without one, A stays fp32 and B is widened in registers.
 *   int8   weights symmetric per output column, w = q s with s = max|w| / 127; A unsigned per row, found as the row is
 *          packed (mm_quant). Sums are exact 32-bit integers and the same on every instruction set: from 8-bit words
 *          where there is a dot product of four (vpdpbusd; zero · Σ q of the column is subtracted afterwards), from
 *          pairs of 16-bit integers (vpmaddwd, which cannot saturate here) elsewhere.
 *   int16  the same with finer steps: A in 2047, a column of weights in as many as leave room for every sum, that is
 *          |q| <= 32767 and Σ|q| <= MM_INT16_COLUMN. vpmaddwd multiplies two pairs where fp32 multiplies one, so
 *          without a dot product of bf16 this is the fast format whose vectors are as good as that one's. */
#ifndef MM_CPU_MATMUL_H
#define MM_CPU_MATMUL_H

#include "backend/ops.h"

/* Steps in which the range of a row of A is divided; q runs from 0 to one more. And Σ|q| of a column of 16-bit weights:
 * times the largest q of A it stays below 2³¹, with what rounding in fp32 may add to the sum that it is found by. */
#define MM_INT8_STEPS 254.0f
#define MM_INT16_STEPS 2046.0f
#define MM_INT16_COLUMN 1040000.0f

/* How a row of A became integers: x = (q - zero) * scale, q = 0 .. steps + 1. The number of largest magnitude, x[at],
 * does not count for the range, because one outlier would cost every other number its precision: it is clamped, and the
 * difference is kept in fp32 as `rest`. (Outliers in few channels are what transformers' activations are known for:
 * Dettmers et al., LLM.int8(), 2022.) */
typedef struct {
    float scale, inv, low; /* inv = 1 / scale, low = -zero */
    int32_t zero, at;
    float rest;
} mm_quant;

/* What else is done while a tile computes. Memory is fetched: `step` bytes, a multiple of 4, for each word of k (step
 * 0: none). And the vector units work, which matrix tiles leave idle: in formats with `aside_words`, `aside` (NULL:
 * nothing) is called once for that many words. */
typedef struct {
    const char *at;
    int64_t step;
    void (*aside)(void *job);
    void *job;
} mm_ahead;

typedef struct mm_matmul {
    const char *name; /* what computes it: "fp32", "vdpbf16ps" */
    mm_precision precision;
    int mr, nr, vl;   /* as in mm_kernels */
    int height;       /* an A panel has memory for a multiple of so many rows */
    int step;         /* k is filled up with zeros to a multiple of this */
    int a_per, b_per; /* values in a word */
    float steps;      /* integers: of a row of A */
    float largest;    /* integers: of a weight's magnitude */
    float column;     /* integers: of the sum of a column's magnitudes; 0: whatever they are, it fits */
    int pass;         /* k of one pass: a panel of B stays in the cache while all of a block's A runs over it */
    bool biased;      /* A's integers are q, not q - zero */
    int aside_words;  /* 0: a tile does nothing aside */

    /* Around the tiles of a block, on the thread that runs them; NULL: nothing to do. */
    void (*begin)(void);
    void (*end)(void);

    /* c[rows][width] = Σ a b over `words` words of B, plus what c held when `add`; c holds 32-bit integers when the
     * format's sums are such. 1 <= rows <= mr; width is a multiple of vl up to nr. May write all of `height`. */
    void (*tile)(int rows, int width, int64_t words, const void *a, const void *b, float *c, int64_t ldc, bool add,
                 const mm_ahead *ahead);

    /* n <= mr rows of k floats become an A panel, integers as quant[n] says. May write a vector beyond it. */
    void (*pack_a)(void *dst, const float *const *row, int n, int64_t k, const mm_quant *quant);

    /* An fp32 panel [k][width] becomes one of this format; integers are round(x * inv[column]). NULL: it is one. */
    void (*narrow)(void *dst, const float *panel, int width, int64_t k, const float *inv);

    /* B panels of fp32 rows, as kernels.h's functions of the same names make fp32 panels, filled up to a `step` of k;
     * NULL: from an fp32 panel. */
    void (*pack_rows)(void *dst, int width, const float *const *row, int n, int64_t k);
    void (*pack_cols)(void *dst, int width, const float *src, int64_t ld, int n, int64_t k);

    /* The integers c[rows][ldc] become floats, with the scales and the Σ q of the columns and, for the rests of the
     * rows, the whole panel b[k][width]. NULL: they are floats. */
    void (*widen)(float *c, int64_t ldc, int rows, int cols, const mm_quant *row, const float *scale,
                  const int32_t *sum, const uint32_t *b, int width);
} mm_matmul;

/* The best of a precision for a mask of features (base/cpu.h): FP32, BF16, INT16 or INT8. */
const mm_matmul *mm_matmul_for(uint32_t features, mm_precision p);

#if defined(__x86_64__)
extern const mm_matmul mm_matmul_avx512bf16, mm_matmul_avx512vnni, mm_matmul_avxvnni, mm_matmul_amxbf16,
    mm_matmul_amxint8;
#elif defined(__aarch64__)
extern const mm_matmul mm_matmul_neondot, mm_matmul_neonbf16;
#endif

static inline int64_t mm_matmul_depth(const mm_matmul *m, int64_t k)
{
    return (k + m->step - 1) / m->step * m->step;
}

static inline int mm_matmul_height(const mm_matmul *m, int rows)
{
    return (rows + m->height - 1) / m->height * m->height;
}

#endif
