/* frame_to_rgb.h: a frame of libav in any pixel format becomes RGB, or RGB and alpha. Grey, RGB and palettes are
 * taken exactly, with 8 bits, 16 or as float; YUV becomes 8-bit through libswscale. */
#ifndef MM_MEDIA_IMAGE_FRAME_TO_RGB_H
#define MM_MEDIA_IMAGE_FRAME_TO_RGB_H

#include "media/image/picture.h"

#include <libavutil/frame.h>

struct SwsContext;

/* Fills height, width, channels, type, px and depth. *sws, NULL at first, is the caller's to keep between the frames of
 * a video and to free with sws_freeContext. */
mm_status mm_frame_to_rgb(mm_picture *p, const AVFrame *frame, struct SwsContext **sws, mm_arena *a, mm_fault *f);

#endif
