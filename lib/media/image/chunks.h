/* chunks.h: what picture files say beside their pixels: EXIF blocks, rotations, and whether they are all there. */
#ifndef MM_MEDIA_IMAGE_CHUNKS_H
#define MM_MEDIA_IMAGE_CHUNKS_H

#include "media/image/picture.h"

/* What a PNG's chunks say (PNG 3rd edition, 5 and 11.3). */
typedef struct {
    mm_exif exif;    /* from eXIf and XMP */
    int64_t frames;  /* 0: it does not move */
    int significant; /* bits of the first channel before it was scaled to the file's depth; 0: not stated */
} mm_png_notes;

/* MM_SKIP: "truncated", no end chunk. */
mm_status mm_png_examine(mm_png_notes *x, mm_bytes in, mm_fault *f);

/* Is it AVIF, by the brands that the first box names, or a sequence without a still picture? libav reads those. */
bool mm_heif_is_avif(mm_bytes in);
/* Does a HEIF file hold a sequence? */
bool mm_heif_moves(mm_bytes in);
/* The irot and imir properties of an AVIF or HEIF file (ISO/IEC 23008-12, 6.5) as an EXIF orientation. */
void mm_heif_examine(mm_exif *x, mm_bytes in);

/* The first picture of a GIF (GIF89a): where it lies on the canvas, and the colour of what is left open: the entry
 * that is declared transparent, or else entry 0. */
typedef struct {
    int64_t left, top, width, height;
    uint8_t open[3];
    bool whole; /* its data end before the file does */
} mm_gif_first;

bool mm_gif_examine(mm_gif_first *g, mm_bytes in);
/* How many pictures a GIF has; *whole: the last of them ends, and no other begins; *end: where the last one that is
 * whole ends, 0 when none is. */
int64_t mm_gif_frames(mm_bytes in, bool *whole, size_t *end);
/* libav leaves the transparent pixels of a frame without colour, and fills the canvas around the first by a rule of its
 * own; Pillow has the colour that is left open in both places. */
void mm_gif_fill(mm_picture *p, const mm_gif_first *g, bool first);

#endif
