#include "media/image/picture.h"

#include <string.h>

mm_status mm_picture_allowed(int64_t width, int64_t height, const mm_picture_limits *l, mm_fault *f)
{
    if (width <= 0 || height <= 0)
        return mm_fault_set(f, "corrupt", "the picture is %lld × %lld pixels", (long long)width, (long long)height);
    if (width > INT32_MAX / 8 || height > INT32_MAX / 8 || width * height > l->max_pixels)
        return mm_fault_hint(f, MM_HINT_MAX_PIXELS, "too-large", "%lld × %lld pixels are more than the limit of %lld",
                             (long long)width, (long long)height, (long long)l->max_pixels);
    return MM_OK;
}

mm_status mm_picture_alloc(mm_picture *p, mm_arena *a, mm_fault *f)
{
    p->px = mm_arena_alloc(a, (size_t)p->height * (size_t)p->width * (size_t)p->channels * mm_type_size(p->type));
    return p->px ? MM_OK : mm_fault_memory(f);
}

static uint8_t over(unsigned colour, unsigned alpha, unsigned background)
{
    unsigned t = colour * alpha + background * (255 - alpha) + 128;
    return (uint8_t)((t + (t >> 8)) >> 8);
}

static uint16_t over_16(uint64_t colour, uint64_t alpha, uint64_t background)
{
    return (uint16_t)((colour * alpha + background * (65535 - alpha) + 32767) / 65535);
}

/* Turns n pixels of four samples into three, in place; `lay` is sample in[c] over the background. */
#define FLATTEN(ctype, lay)                                                                                            \
    do {                                                                                                               \
        ctype *out = (void *)p->px;                                                                                    \
        for (const ctype *in = out; n--; in += 4, out += 3)                                                            \
            for (int c = 0; c < 3; c++)                                                                                \
                out[c] = background ? (lay) : in[c];                                                                   \
    } while (0)

void mm_picture_flatten(mm_picture *p, const uint8_t *background)
{
    if (p->channels != 4)
        return;
    size_t n = (size_t)p->height * (size_t)p->width;
    if (p->type == MM_U16)
        FLATTEN(uint16_t, over_16(in[c], in[3], 257u * background[c]));
    else if (p->type == MM_F32)
        FLATTEN(float, in[c] * in[3] + (float)background[c] / 255 * (1 - in[3]));
    else
        FLATTEN(uint8_t, over(in[c], in[3], background[c]));
    p->channels = 3;
}

void mm_picture_cmyk(uint8_t *out, const uint8_t *in, size_t width)
{
    for (size_t x = 0; x < width; x++, in += 4, out += 3) {
        unsigned white = in[3]; /* 255 − black */
        for (int i = 0; i < 3; i++) {
            unsigned t = (255u - in[i]) * white + 128;
            t = (t + (t >> 8)) >> 8;
            out[i] = (uint8_t)(white > t ? white - t : 0);
        }
    }
}

mm_status mm_pages_worst(mm_status worst, mm_status s, mm_fault *f, const mm_fault *why)
{
    if (s == MM_SKIP && worst == MM_OK)
        *f = *why;
    return s == MM_FATAL || worst == MM_OK ? s : worst;
}
