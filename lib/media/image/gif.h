/* gif.h: what a GIF's blocks say (GIF89a). */
#ifndef MM_MEDIA_IMAGE_GIF_H
#define MM_MEDIA_IMAGE_GIF_H

#include "media/image/picture.h"

/* The first picture: where it lies on the canvas, and the colour of what is left open: the entry that is declared
 * transparent, or else entry 0. */
typedef struct {
    int64_t left, top, width, height;
    uint8_t open[3];
    bool whole; /* its data end before the file does */
} mm_gif_first;

bool mm_gif_examine(mm_gif_first *g, mm_bytes in);
/* libav leaves the transparent pixels of a frame without colour, and fills the canvas around the first by a rule of its
 * own; Pillow has the colour that is left open in both places. */
void mm_gif_fill(mm_picture *p, const mm_gif_first *g, bool first);

#endif
