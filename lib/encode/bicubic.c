/* bicubic.c: resamples position embeddings to another grid: Keys 1981, in torch's two variants. */
#include "encode/patches.h"

#include <math.h>
#include <string.h>

/* Keys' kernel; zero beyond 2. */
static float cubic(float x, float a)
{
    x = fabsf(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

static int64_t clamp(int64_t i, int64_t n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

/* One row of weights [in]: four taps around the sample, taps outside moved to the border. */
static void plain_row(float *w, int64_t i, int64_t in, float scale)
{
    float place = scale * ((float)i + 0.5f) - 0.5f;
    float first = floorf(place);
    for (int k = -1; k <= 2; k++)
        w[clamp((int64_t)first + k, in)] += cubic(place - first - (float)k, -0.75f);
}

/* One row of weights [in]: the kernel stretched over `scale` source samples where it shrinks, cut at the borders and
 * normalised to one. */
static void antialiased_row(float *w, int64_t i, int64_t in, float scale)
{
    float stretch = scale > 1 ? scale : 1, centre = scale * ((float)i + 0.5f), sum = 0;
    int64_t lo = (int64_t)(centre - 2 * stretch + 0.5f), hi = (int64_t)(centre + 2 * stretch + 0.5f);
    lo = lo < 0 ? 0 : lo;
    hi = hi > in ? in : hi;
    for (int64_t k = lo; k < hi; k++)
        sum += w[k] = cubic(((float)k - centre + 0.5f) / stretch, -0.5f);
    for (int64_t k = lo; k < hi; k++)
        w[k] /= sum;
}

/* [out, in] */
static float *axis(int64_t out, int64_t in, bool antialias, mm_arena *a)
{
    float *w = mm_arena_zalloc(a, (size_t)(out * in), sizeof *w);
    float scale = (float)in / (float)out;
    for (int64_t i = 0; w && i < out; i++)
        (antialias ? antialiased_row : plain_row)(w + i * in, i, in, scale);
    return w;
}

/* y[n] += w x[n] */
static void accumulate(float *y, const float *x, float w, int64_t n)
{
    for (int64_t c = 0; c < n; c++)
        y[c] += w * x[c];
}

mm_status mm_bicubic(float **out, const float *in, int64_t in_rows, int64_t in_cols, int64_t rows, int64_t cols,
                     int64_t width, bool antialias, mm_arena *a, mm_err *err)
{
    float *down = axis(rows, in_rows, antialias, a), *across = axis(cols, in_cols, antialias, a);
    float *y = mm_arena_zalloc(a, (size_t)(rows * cols * width), sizeof *y);
    float *line = mm_arena_alloc(a, (size_t)(in_cols * width) * sizeof *line);
    if (!down || !across || !y || !line)
        return mm_fail_memory(err);
    for (int64_t r = 0; r < rows; r++) {
        memset(line, 0, (size_t)(in_cols * width) * sizeof *line);
        for (int64_t k = 0; k < in_rows; k++)
            if (down[r * in_rows + k] != 0)
                accumulate(line, in + k * in_cols * width, down[r * in_rows + k], in_cols * width);
        for (int64_t c = 0; c < cols; c++)
            for (int64_t k = 0; k < in_cols; k++)
                if (across[c * in_cols + k] != 0)
                    accumulate(y + (r * cols + c) * width, line + k * width, across[c * in_cols + k], width);
    }
    *out = y;
    return MM_OK;
}
