/* dot_portable.c: dot products in plain C: four pairs at a time, MM_LANES partial sums each, which compilers turn into
 * whatever vectors the target always has. */
#include "label/vector.h"

enum { PAIRS = 4 };

static float total(const float *lane)
{
    float sum = 0;
    for (int l = 0; l < MM_LANES; l++)
        sum += lane[l];
    return sum;
}

static void dot_pairs(float *out, const float *a, const float *const *b, int64_t stride)
{
    float sum[PAIRS][MM_LANES] = {{0}};
    for (int64_t d = 0; d < stride; d += MM_LANES)
        for (int p = 0; p < PAIRS; p++)
            for (int l = 0; l < MM_LANES; l++)
                sum[p][l] += a[d + l] * b[p][d + l];
    for (int p = 0; p < PAIRS; p++)
        out[p] = total(sum[p]);
}

void mm_dot_portable(float *out, int64_t ld, const float *a, int64_t na, const float *b, int64_t nb, int64_t stride)
{
    for (int64_t j = 0; j < nb; j += PAIRS) {
        const float *row[PAIRS];
        for (int p = 0; p < PAIRS; p++) /* the last block repeats its last vector */
            row[p] = b + (j + p < nb ? j + p : nb - 1) * stride;
        for (int64_t i = 0; i < na; i++) {
            float r[PAIRS];
            dot_pairs(r, a + i * stride, row, stride);
            for (int p = 0; p < PAIRS && j + p < nb; p++)
                out[(j + p) * ld + i] = r[p];
        }
    }
}
