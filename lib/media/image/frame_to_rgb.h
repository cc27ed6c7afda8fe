/* frame_to_rgb.h: a frame of libav in any pixel format becomes RGB, or RGB and alpha: what is stored as grey, RGB or
 * palette is taken exactly, of 8 bits, 16 or as float; what is stored as YUV becomes 8-bit through libswscale. */
#ifndef MM_MEDIA_IMAGE_FRAME_TO_RGB_H
#define MM_MEDIA_IMAGE_FRAME_TO_RGB_H

#include "media/image/picture.h"

#include <libavutil/frame.h>

struct SwsContext;

/* Fills height, width, channels, type, px and depth. *sws is kept by the caller between frames of one video
 * (NULL at first) and freed with sws_freeContext. */
mm_status mm_frame_to_rgb(mm_picture *p, const AVFrame *frame, struct SwsContext **sws, mm_arena *a, mm_fault *f);

#endif
