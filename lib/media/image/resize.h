/* resize.h: Pillow's separable resampling, for a window of the result. Inside lib/media/image. */
#ifndef MM_MEDIA_IMAGE_RESIZE_H
#define MM_MEDIA_IMAGE_RESIZE_H

#include "media/image/prepare.h"

/* Rows y .. y+height-1 and columns x .. x+width-1. */
typedef struct {
    int64_t y, x, height, width;
} mm_window;

/* The part `w` of `in` resized to height × width. */
mm_status mm_resize_window(mm_image *out, const mm_image *in, int64_t height, int64_t width, mm_resize_filter filter,
                           mm_window w, mm_arena *a, mm_err *e);

/* Each output is a weighted sum of `count` inputs from `start` on. Weights are fixed point with MM_RESIZE_BITS
 * fractional bits, `stride` apart from one output to the next, and zero after `count`. */
enum { MM_RESIZE_BITS = 32 - 8 - 2 };
typedef struct {
    int64_t n, stride;
    const int32_t *start, *count; /* [n] */
    const int32_t *weight;        /* [n, stride] */
} mm_taps;

/* The two passes, for each instruction set. Across: out[taps.n, 3] from one row in[width, 3], which begins with input
 * `from`. Down: out[n] from `count` rows of n bytes, `pitch` apart. */
typedef struct {
    void (*across)(uint8_t *out, const uint8_t *in, int64_t from, int64_t width, const mm_taps *t);
    void (*down)(uint8_t *out, const uint8_t *in, int64_t pitch, int64_t n, const int32_t *weight, int64_t count);
} mm_resize_kernels;

extern const mm_resize_kernels mm_resize_portable;
#ifdef __x86_64__
extern const mm_resize_kernels mm_resize_avx2;
#endif

static inline uint8_t mm_resize_clip(int32_t sum)
{
    int32_t v = sum >> MM_RESIZE_BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

#endif
