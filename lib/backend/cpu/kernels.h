/* kernels.h: what one instruction set implements. kernels.inc is compiled once per tier (kernels_avx512.c, ...),
 * each giving one of these tables; the drivers (gemm.c, attend.c, ...) are written once on top of them.
 *
 * Matrix product, packed as in Goto and van de Geijn 2008. A is cut into panels of up to `mr` rows, B into panels
 * of `nr` columns (a last panel of at most nr/nv columns is that wide only):
 *
 *     A panel  [k][rows]   the rows' values for one k lie side by side
 *     B panel  [k][width]  likewise, filled up with zeros
 *
 * A tile keeps rows × width sums in registers; for each k it loads the B panel's row (nv vectors) and multiplies it
 * with each of the A panel's values, broadcast. AVX-512: 14 rows × 2 vectors of 16 = 28 of 32 registers; AVX2:
 * 6 × 2 of 8; NEON: 8 × 3 of 4. Each sum runs over k in ascending order, whatever the tile's shape: an element's
 * value does not depend on which rows or columns stand beside it. */
#ifndef MM_CPU_KERNELS_H
#define MM_CPU_KERNELS_H

#include "backend/cpu/matmul.h"

/* What follows a finished sum: y = act(c + bias) * scale + residual. The pointers are to column 0 of row 0. */
typedef struct {
    const float *bias;  /* [N] or NULL */
    const float *scale; /* [N] or NULL */
    const float *residual;
    int64_t ldr;
    float *y;
    int64_t ldy;
    mm_act act;
    bool rough; /* y is rounded next: GELU need not be exact beyond that */
} mm_epilogue;

enum { MM_MAX_MR = 32, MM_MAX_NR = 32 };

typedef struct {
    const char *name;
    int mr, nr, vl;

    /* Matrix products that need nothing beyond this instruction set; matmul.h tells their panels from each other. */
    const mm_matmul *fp32, *bf16, *int16, *int8;

    /* dst[k][width] = row[i][k0 + k] for i < n, zero for n <= i < width: rows of a matrix become a panel. The rows
     * are F32, F16 or BF16. May write up to vl floats after dst[k][width]. */
    void (*pack_rows)(float *dst, int width, const void *const *row, int n, mm_type t, int64_t k0, int64_t k);

    /* dst[k][width] = src[k * ld + i], likewise: columns of a matrix become a panel. */
    void (*pack_cols)(float *dst, int width, const void *src, int64_t ld, int n, mm_type t, int64_t k);

    /* Rows row .. row+rows-1, columns col .. col+cols-1 of y from the sums in c[rows][ldc]. */
    void (*finish)(const mm_epilogue *e, const float *c, int64_t ldc, int64_t row, int64_t col, int rows, int cols);

    /* One row of an online softmax (Milakov & Gimelshein 2018): s[0..n-1] become exp(scale s - m) with the new maximum
     * m = max(*top, scale s), *sum = *sum * f + Σ, *top = m. Returns f = exp(old *top - m), by which everything
     * summed so far is to be multiplied. */
    float (*softmax)(float *s, int64_t n, float scale, float *top, float *sum);

    /* s[i] = s[i] * factor + bias[i]; the largest of them */
    float (*bias)(float *s, const float *bias, int64_t n, float factor);

    /* y[i] = x[i] * f */
    void (*scale)(float *y, const float *x, int64_t n, float f);
    /* y[i] += x[i] */
    void (*add)(float *y, const float *x, int64_t n);
    /* Σ x², in one fixed order */
    float (*square_sum)(const float *x, int64_t n);
    /* How n numbers become integers in so many steps (matmul.h); an infinity or NaN among them makes the rest NaN. */
    void (*quantise)(const float *x, int64_t n, float steps, mm_quant *quant);

    /* y = act((x - mean) / sqrt(var + eps) * gain + bias) over one row of n; bias may be NULL. rms: the mean is 0. */
    void (*norm_row)(float *y, const float *x, int64_t n, const float *gain, const float *bias, float eps, mm_act act,
                     bool rms);
    /* Of n columns, over the rows: the mean, and Σ (x - mean)². Both have room for whole vectors. */
    void (*column_spread)(const float *x, int64_t ld, int64_t rows, int64_t n, float *mean, float *spread);
    /* y = act((x - mean) * gain + bias) over one row of n, with vectors padded to whole ones. */
    void (*shift_row)(float *y, const float *x, int64_t n, const float *mean, const float *gain, const float *bias,
                      mm_act act);

    /* One head of mm_rotate_op, its first 2 pairs columns; y may be x. */
    void (*rotate)(float *y, const float *x, const float *cosine, const float *sine, int pairs, bool interleaved);
    /* y[i] = act(a[i]) * b[i]; y may be a or b. */
    void (*glu)(float *y, const float *a, const float *b, int64_t n, mm_act act);
} mm_kernels;

extern const mm_kernels mm_kernels_portable;
#if defined(__x86_64__)
extern const mm_kernels mm_kernels_avx2, mm_kernels_avx512;
#elif defined(__aarch64__)
extern const mm_kernels mm_kernels_neon;
#endif

/* The best table for a mask of features (base/cpu.h). */
const mm_kernels *mm_kernels_for(uint32_t features);

#endif
