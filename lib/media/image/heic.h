/* heic.h: HEIC through libheif (inside lib/media/image). */
#ifndef MM_MEDIA_IMAGE_HEIC_H
#define MM_MEDIA_IMAGE_HEIC_H

#include "media/image/picture.h"

mm_status mm_heic_read(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f);
mm_status mm_heic_pages(mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_page_put put, void *ctx, mm_fault *f);

#endif
