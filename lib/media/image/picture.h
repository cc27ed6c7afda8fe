/* picture.h: a still picture as its file stores it (not yet turned upright), and what reads one. */
#ifndef MM_MEDIA_IMAGE_PICTURE_H
#define MM_MEDIA_IMAGE_PICTURE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fault.h"
#include "base/log.h"
#include "format/formats.h"
#include "media/image/exif.h"
#include "tensor/tensor.h"

typedef struct {
    int64_t height, width;
    int channels;       /* 3: RGB; 4: RGB and straight (not premultiplied) alpha */
    mm_type type;       /* of a sample: MM_U8; MM_U16, 0 to 65535; or MM_F32, what the file has */
    uint8_t *px;        /* [height, width, channels], from the arena */
    const char *format; /* "jpeg"; a literal, or from libav */
    int depth;          /* bits per channel in the file */
    int64_t pages;      /* pictures in the file; 0 and 1: this one alone */
    bool moving;        /* … which are the frames of an animation */
    int64_t page;       /* the index of this one */
    bool timed;         /* shown from … to, in seconds */
    double from, to;
    bool damaged; /* the decoder met errors and went on, as the reference does */
    mm_exif exif;
} mm_picture;

typedef struct {
    int64_t max_pixels;
    const mm_log *log;
} mm_picture_limits;

/* May a picture have this size? MM_OK, or MM_SKIP with the fault set. Ask before allocating. */
mm_status mm_picture_allowed(int64_t width, int64_t height, const mm_picture_limits *l, mm_fault *f);
/* p->px for p's size, channels and type. */
mm_status mm_picture_alloc(mm_picture *p, mm_arena *a, mm_fault *f);

/* A row of CMYK as RGB, in Pillow's arithmetic, from what is left of white: 255 − ink. out may be in. */
void mm_picture_cmyk(uint8_t *out, const uint8_t *in, size_t width);
/* Alpha dropped (background NULL) or composited over the colour; p has 3 channels afterwards. */
void mm_picture_flatten(mm_picture *p, const uint8_t *background);

/* Takes the pages or frames of a file, one after the other. It uses p up and empties the arena. */
typedef mm_status (*mm_page_put)(void *ctx, mm_picture *p, mm_fault *f);
/* Joins `s` of one page, whose fault is `why`, to what the pages before it came to; the first fault goes to f. */
mm_status mm_pages_worst(mm_status worst, mm_status s, mm_fault *f, const mm_fault *why);

/* What reads the files of one format, held in memory: mm_reader_ID of the row ID in format/formats.def. */
typedef struct {
    /* The first picture. */
    mm_status (*read)(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f);
    /* All of them, one after the other. One that cannot be decoded is left out; the first such fault is the result.
     * NULL: there is only the first. */
    mm_status (*pages)(mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_page_put put, void *ctx, mm_fault *f);
    /* Is it an animation whose frames lib/media/video decodes? NULL: never. */
    bool (*is_animation)(mm_bytes in);
    /* Does such an animation end where it should? MM_OK, or MM_SKIP: "truncated". *end: how many of the bytes are to
     * be decoded. NULL: it is not checked. */
    mm_status (*ends)(mm_bytes in, size_t *end, mm_fault *f);
} mm_picture_reader;

/* In readers.c. The reader of a format whose row has an id; never NULL. */
const mm_picture_reader *mm_picture_reader_of(const mm_format *format);

#endif
