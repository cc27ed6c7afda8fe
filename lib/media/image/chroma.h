/* chroma.h: subsampled colour at the size of the picture. libswscale repeats or averages lines and stretches odd sizes;
 * this interpolates between centred samples, as libavif does for Pillow and libjpeg for JPEG. */
#ifndef MM_MEDIA_IMAGE_CHROMA_H
#define MM_MEDIA_IMAGE_CHROMA_H

#include "base/arena.h"

#include <libavutil/frame.h>
#include <libavutil/pixdesc.h>
#include <stdbool.h>

/* Planar YUV of 8 bits whose colour has half as many columns, rows or both. */
bool mm_chroma_is_halved(const AVPixFmtDescriptor *desc);
/* Plane 1 or 2 of such a frame as out[height, width] from the arena; NULL: out of memory. */
uint8_t *mm_chroma_full(const AVFrame *f, const AVPixFmtDescriptor *desc, int plane, mm_arena *a);

#endif
