/* gif.h: GIF through libav's demuxer, and what its blocks say (GIF89a). */
#ifndef MM_MEDIA_IMAGE_GIF_H
#define MM_MEDIA_IMAGE_GIF_H

#include "media/image/picture.h"

/* The first picture: its place on the canvas, and the colour of transparent pixels, which is that of the entry declared
 * transparent, otherwise entry 0. */
typedef struct {
    int64_t left, top, width, height;
    uint8_t open[3];
    bool whole; /* its data end before the file does */
} mm_gif_first;

bool mm_gif_examine(mm_gif_first *g, mm_bytes in);
/* Gives transparent pixels, and in the first frame the canvas around it, the colour that Pillow gives them; libav has
 * rules of its own. */
void mm_gif_fill(mm_picture *p, const mm_gif_first *g, bool first);

#endif
