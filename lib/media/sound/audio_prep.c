/* audio_prep.c: zero mean and unit variance, in the reference's arithmetic. */
#include "media/sound/audio_prep.h"

#include <math.h>

/* numpy's pairwise summation (Higham 1993): the order decides the last bits. */
static float pairwise_sum(const float *x, int64_t n)
{
    enum { BLOCK = 128 };
    if (n < 8) {
        float sum = 0;
        for (int64_t i = 0; i < n; i++)
            sum += x[i];
        return sum;
    }
    if (n > BLOCK) {
        int64_t half = n / 2 - n / 2 % 8;
        return pairwise_sum(x, half) + pairwise_sum(x + half, n - half);
    }
    float r[8];
    memcpy(r, x, sizeof r);
    int64_t i = 8;
    for (; i + 8 <= n; i += 8)
        for (int j = 0; j < 8; j++)
            r[j] += x[i + j];
    float sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    for (; i < n; i++)
        sum += x[i];
    return sum;
}

/* The same over (x − mean)², without a copy of the clip. */
static float pairwise_squares(const float *x, int64_t n, float mean)
{
    enum { BLOCK = 128 };
    if (n > BLOCK) {
        int64_t half = n / 2 - n / 2 % 8;
        return pairwise_squares(x, half, mean) + pairwise_squares(x + half, n - half, mean);
    }
    float square[BLOCK];
    for (int64_t i = 0; i < n; i++)
        square[i] = (x[i] - mean) * (x[i] - mean);
    return pairwise_sum(square, n);
}

void mm_audio_normalize(float *out, const float *x, int64_t n)
{
    if (n < 1)
        return;
    float mean = pairwise_sum(x, n) / (float)n;
    float standard_deviation = sqrtf(pairwise_squares(x, n, mean) / (float)n + 1e-7f);
    for (int64_t i = 0; i < n; i++)
        out[i] = (x[i] - mean) / standard_deviation;
}
