/* resize_portable.c: the two passes in plain C. */
#include "media/image/resize.h"

enum { HALF = 1 << (MM_RESIZE_BITS - 1), STRIP = 512 };

static void across(uint8_t *out, const uint8_t *in, int64_t from, int64_t width, const mm_taps *t)
{
    (void)width;
    for (int64_t x = 0; x < t->n; x++) {
        const uint8_t *p = in + (t->start[x] - from) * 3;
        const int32_t *k = t->weight + x * t->stride;
        int32_t r = HALF, g = HALF, b = HALF;
        for (int32_t i = 0; i < t->count[x]; i++) {
            r += p[3 * i] * k[i];
            g += p[3 * i + 1] * k[i];
            b += p[3 * i + 2] * k[i];
        }
        out[3 * x] = mm_resize_clip(r);
        out[3 * x + 1] = mm_resize_clip(g);
        out[3 * x + 2] = mm_resize_clip(b);
    }
}

static void down(uint8_t *out, const uint8_t *in, int64_t pitch, int64_t n, const int32_t *weight, int64_t count)
{
    for (int64_t at = 0; at < n; at += STRIP) {
        int64_t m = n - at < STRIP ? n - at : STRIP;
        int32_t sum[STRIP];
        for (int64_t i = 0; i < m; i++)
            sum[i] = HALF;
        for (int64_t y = 0; y < count; y++)
            for (int64_t i = 0; i < m; i++)
                sum[i] += in[y * pitch + at + i] * weight[y];
        for (int64_t i = 0; i < m; i++)
            out[at + i] = mm_resize_clip(sum[i]);
    }
}

const mm_resize_kernels mm_resize_portable = {across, down};
