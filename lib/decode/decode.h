/* decode.h: one input becomes records: what it is decides (by content, not by name) which decoder runs. */
#ifndef MM_DECODE_DECODE_H
#define MM_DECODE_DECODE_H

#include "media/image/depth.h"
#include "media/image/prepare.h"
#include "media/sound/audio.h"
#include "media/sound/channels.h"
#include "media/table/table.h"
#include "source/source.h"
#include "stream/record.h"

typedef enum {
    MM_SNIFF_NONE,    /* no medium: README, .so, .DS_Store */
    MM_SNIFF_IMAGE,   /* a still picture (also GIF, WebP, AVIF, APNG: their first frame) */
    MM_SNIFF_AV,      /* audio or video, libavformat tells which */
    MM_SNIFF_TEXT,    /* UTF-8, or text in a legacy encoding */
    MM_SNIFF_NUMBERS, /* NPY */
    MM_SNIFF_DICOM,
    MM_SNIFF_ARCHIVE,
} mm_sniff;

mm_sniff mm_sniff_bytes(const uint8_t *head, size_t n,
                        mm_str path); /* n: up to the first 4 KiB; the path only breaks ties */

/* What a table of numbers is read as. */
typedef enum {
    MM_AS_TEXT, /* as nothing else: a text, or rows of it */
    MM_AS_FEATURES,
    MM_AS_SERIES,
} mm_numbers_as;

/* What is worth a word at the end; counted by all threads that share it. */
typedef struct {
    int64_t paged, further;         /* pictures with further pages or frames, and how many those are: --pages */
    int64_t dim;                    /* pictures of 16 bits that use less than a sixteenth of them: mm_depth_is_dim */
    int64_t more_sound, more_video; /* files that have more tracks than the one that was read, and nobody chose */
} mm_decode_notes;

typedef struct {
    bool image, audio, text;         /* --only; all true by default */
    const mm_image_prep *image_prep; /* NULL: full size */
    const char *image_prep_digest;
    int64_t rate;               /* audio: resample to this; 0: keep */
    int64_t series_rate;        /* rows a second that a series is said to have; 0: it does not say */
    double fps;                 /* video frames per second; 0: every frame */
    double window, hop;         /* audio windows in seconds; 0: whole (in parts below 64 MiB) */
    const mm_channel *channels; /* --channel: a run of records for each */
    int n_channels;             /* 0: one run, of their mean */
    const char *track;          /* --track: the number (from 1) or the language of a sound track; NULL: the best */
    bool has_background;
    uint8_t background[3]; /* alpha is composited over it; without: alpha is dropped, as Pillow's convert("RGB") */
    bool all_pages;        /* every page and frame; without: the first */
    bool has_range;
    mm_range range;     /* what is black and what is white in pictures of more than 8 bits */
    bool lines;         /* text: a record a line */
    const char *column; /* text: this column of a table (table.h) */
    const char *label_column, *key_column;
    mm_table_kind table; /* what tables are */
    int64_t max_pixels;  /* 0: 178,956,970 (Pillow's bomb limit) */
    double max_duration; /* seconds; 0: 24 h */
    mm_numbers_as as;    /* --as */
    const char *of;      /* --of: the modality of all records; NULL: their kinds (of a table's features: "series") */
    const char *space;   /* --space: what the features of a table are comparable with; NULL: "numbers/D" */
    bool all_meta;       /* --meta */
    const mm_log *log;
    mm_decode_notes *notes; /* or NULL */
} mm_decode_opts;

/* Where records go. Returns MM_OK, or MM_FATAL to stop decoding. */
typedef mm_status (*mm_emit)(void *ctx, const mm_record *rec, mm_err *e);

/* Decodes b and emits its records in order, each from arena a (reset between records by the callee: emit must
 * copy or write what it keeps). A failure becomes one error record after those that could be had.
 * *emitted counts records, errors included; 0: no medium, or none that was asked for. */
mm_status mm_decode(const mm_blob *b, const mm_decode_opts *o, mm_arena *a, mm_emit emit, void *ctx, int64_t *emitted,
                    mm_err *e);

#endif
