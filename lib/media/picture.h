/* picture.h: a still picture as a decoder leaves it: as its file stores it (not yet turned upright). */
#ifndef MM_MEDIA_PICTURE_H
#define MM_MEDIA_PICTURE_H

#include "base/arena.h"
#include "base/log.h"
#include "media/exif.h"
#include "media/fault.h"
#include "tensor/tensor.h"

typedef struct {
    const uint8_t *p;
    size_t n;
} mm_bytes;

typedef struct {
    int64_t height, width;
    int channels;       /* 3: RGB; 4: RGB and straight (not premultiplied) alpha */
    mm_type type;       /* of a sample: MM_U8; MM_U16, 0 to 65535; or MM_F32, what the file has */
    uint8_t *px;        /* [height, width, channels], from the arena */
    const char *format; /* "jpeg"; a literal, or from libav */
    int depth;          /* bits per channel in the file */
    bool damaged;       /* the decoder met errors and went on, as the reference does */
    mm_exif exif;
} mm_picture;

typedef struct {
    int64_t max_pixels;
    const mm_log *log;
} mm_picture_limits;

/* What an image of this size is allowed to be: MM_OK, or MM_SKIP with the fault set. Ask before allocating. */
mm_status mm_picture_allowed(int64_t width, int64_t height, const mm_picture_limits *l, mm_fault *f);
/* p->px for p's size, channels and type. */
mm_status mm_picture_alloc(mm_picture *p, mm_arena *a, mm_fault *f);

/* Decodes a picture held in memory, by its content. */
mm_status mm_picture_read(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f);

/* The decoders behind it. */
mm_status mm_jpeg_read(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f);
mm_status mm_webp_read(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f);
mm_status mm_gif_read(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f);
mm_status mm_heif_read(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f);
mm_status mm_icon_read(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f);
mm_status mm_tiff_read(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f);
mm_status mm_pnm_read(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f);
mm_status mm_pfm_read(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f);
mm_status mm_still_read(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f);

/* A row of CMYK as RGB, in Pillow's arithmetic, from what is left of white: 255 − ink. out may be in. */
void mm_picture_cmyk(uint8_t *out, const uint8_t *in, size_t width);
/* Alpha dropped (background NULL) or composited over the colour; p has 3 channels afterwards. */
void mm_picture_flatten(mm_picture *p, const uint8_t *background);

#endif
