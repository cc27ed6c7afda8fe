/* prepare.h: 8-bit RGB images: resize, crop, orient, normalise. Needs no codec library.
 *
 * Resampling is Pillow's, value for value: separable, 8-bit between the passes, fixed-point coefficients of
 * 22 bits (Pillow, src/libImaging/Resample.c describes the method), so that vectors agree with those of
 * the reference processors. */
#ifndef MM_MEDIA_IMAGE_PREPARE_H
#define MM_MEDIA_IMAGE_PREPARE_H

#include "base/arena.h"
#include "base/status.h"
#include "base/threads.h"

#include <stdbool.h>

typedef struct {
    int64_t height, width;
    const uint8_t *rgb; /* [height, width, 3] */
} mm_image;

/* Pixels of any depth, for operations that only move them. */
typedef struct {
    int64_t height, width;
    size_t pixel; /* bytes */
    const uint8_t *p;
} mm_raster;

typedef enum {
    MM_NEAREST = 0,
    MM_LANCZOS = 1,
    MM_BILINEAR = 2,
    MM_BICUBIC = 3,
    MM_BOX = 4,
    MM_HAMMING = 5
} mm_resize_filter; /* PIL's numbers */

typedef struct {
    bool resize;
    int64_t shortest_edge;         /* >0: scale the shorter side to this, keeping the aspect */
    int64_t longest_edge;          /* >0 with shortest_edge: at most this on the longer side */
    int64_t out_height, out_width; /* used when shortest_edge is 0 */
    mm_resize_filter filter;
    bool crop; /* centre crop, zero-padded where the image is smaller */
    int64_t crop_height, crop_width;
    double rescale; /* 1/255, or 1 when do_rescale is false; a double, as the reference multiplies in doubles */
    bool normalize;
    float mean[3], std[3];
} mm_image_prep;

/* A result may be a view of `in` where nothing had to be done; new pixels come from the arena. MM_SKIP for a size that
 * is not possible (zero, or above 2^31 pixels). */
mm_status mm_image_resize(mm_image *out, const mm_image *in, int64_t height, int64_t width, mm_resize_filter filter,
                          mm_arena *a, mm_err *e);
/* Undoes an EXIF orientation, 1..8: the picture as it should be seen. */
mm_status mm_raster_orient(mm_raster *out, const mm_raster *in, int orientation, mm_arena *a, mm_err *e);

/* The geometric part of a prep: resize, then crop; u8 to u8. Only what the crop keeps is computed. As the reference
 * does, a crop cuts an odd remainder at the end and pads it at the start. */
mm_status mm_image_prepare(mm_image *out, const mm_image *in, const mm_image_prep *p, mm_arena *a, mm_err *e);
/* The arithmetic part: out[H,W,3] = (rgb × rescale − mean) / std in f32, as the reference computes it. */
void mm_image_normalize(float *out, const mm_image *in, const mm_image_prep *p);

#endif
