/* png.h: PNG through libav, and what its chunks say (PNG 3rd edition, 5 and 11.3). */
#ifndef MM_MEDIA_IMAGE_PNG_H
#define MM_MEDIA_IMAGE_PNG_H

#include "media/image/picture.h"

typedef struct {
    mm_exif exif;    /* from eXIf and XMP */
    int64_t frames;  /* of an animation; 0: it is none */
    int significant; /* bits of the first channel before it was scaled to the file's depth; 0: not stated */
} mm_png_notes;

/* MM_SKIP: "truncated", no end chunk. */
mm_status mm_png_examine(mm_png_notes *x, mm_bytes in, mm_fault *f);
mm_status mm_png_read(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f);

#endif
