/* libav_still.h: still pictures through libav (inside lib/media/image). */
#ifndef MM_MEDIA_IMAGE_LIBAV_STILL_H
#define MM_MEDIA_IMAGE_LIBAV_STILL_H

#include "media/av/libav.h"
#include "media/image/picture.h"

/* The picture that a file's bytes are, taken as one packet of this codec. p->exif and p->pages are the caller's. */
mm_status mm_libav_still(mm_picture *p, mm_bytes in, enum AVCodecID id, const mm_picture_limits *l, mm_arena *a,
                         mm_fault *f);
/* The largest picture of a file that one of libav's demuxers reads; p->format and p->exif are the caller's. */
mm_status mm_libav_contained(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f);

#endif
