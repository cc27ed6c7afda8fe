/* libav_still.h: one picture out of one packet of libav. */
#ifndef MM_MEDIA_IMAGE_LIBAV_STILL_H
#define MM_MEDIA_IMAGE_LIBAV_STILL_H

#include "media/av/libav.h"
#include "media/image/picture.h"

/* The first frame that decoder c gives for pkt, as p, whose format is named already. */
mm_status mm_still_packet(mm_picture *p, AVCodecContext *c, AVPacket *pkt, const mm_picture_limits *l, mm_arena *a,
                          mm_fault *f);

#endif
