/* pixels.h: a frame of libav in any pixel format becomes 8-bit RGB, or RGB and alpha, by Pillow's rules: what is
 * stored as grey, RGB or palette is taken exactly; what is stored as YUV goes through libswscale. */
#ifndef MM_MEDIA_PIXELS_H
#define MM_MEDIA_PIXELS_H

#include "media/picture.h"

#include <libavutil/frame.h>

struct SwsContext;

/* Fills height, width, channels, px, depth and clipped. *sws is kept by the caller between frames of one video
 * (NULL at first) and freed with sws_freeContext. */
mm_status mm_pixels_from_frame(mm_picture *p, const AVFrame *frame, struct SwsContext **sws, mm_arena *a, mm_fault *f);

#endif
