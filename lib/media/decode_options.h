/* decode_options.h: what a run asks of the decoders, and how people write it.
 *
 * The parsers return MM_SKIP with a message that does not name the option ("no channel 0: …"); the strings that they
 * keep point into the text. */
#ifndef MM_MEDIA_DECODE_OPTIONS_H
#define MM_MEDIA_DECODE_OPTIONS_H

#include "base/log.h"
#include "media/av/raw_sound.h"
#include "media/image/depth.h"
#include "media/image/prepare.h"
#include "media/table/row_time.h"
#include "media/table/table.h"
#include "stream/record.h"

/* What a table of numbers is read as. */
typedef enum {
    MM_AS_TEXT, /* not as numbers: a text, or rows of texts */
    MM_AS_FEATURES,
    MM_AS_SERIES,
    MM_AS_OPENFACE, /* features of faces: media/text/openface_decode.h */
} mm_numbers_as;

/* Worth a word at the end of the run; counted by all threads that share it. */
typedef struct {
    int64_t paged, further;         /* images with more pages or frames than were read, and how many those are */
    int64_t dim;                    /* 16-bit images that use less than a sixteenth of their range: mm_depth_is_dim */
    int64_t more_sound, more_video; /* files with more tracks than the one that was read, where none was chosen */
    int64_t frames, faceless,
        more_faces; /* of OpenFace: frames; those without a good face; good ones that were not read */
} mm_decode_notes;

enum { MM_MAX_CHANNELS = 32, MM_MAX_COLUMN_NAME = 128 };

typedef struct {
    int index; /* from 0 */
    mm_str of; /* its modality in joins; p NULL: that of all records */
} mm_channel;

typedef struct {
    bool image, audio, text;         /* which media are decoded */
    const mm_image_prep *image_prep; /* prepare images for a model; NULL: full size */
    const char *image_prep_digest;
    int64_t rate;        /* audio: resample to this; 0: keep */
    int64_t series_rate; /* rows a second that a series records; 0: unknown */
    double fps;          /* video frames a second; 0: every frame */
    double window, hop;  /* windows in seconds; 0: whole (in parts below 64 MiB) */
    mm_channel channels[MM_MAX_CHANNELS];
    int n_channels;        /* audio: a run of records for each; 0: one run, of their mean */
    mm_raw_sound raw;      /* audio: what has no format is samples of this kind; format NULL: nothing is */
    const char *track;     /* audio: the number (from 1) or language of a track; NULL: the best */
    bool has_background;   /* lay transparent images over `background`; without: drop alpha, as convert("RGB") does */
    uint8_t background[3]; /* … which Pillow's users know */
    bool all_pages;        /* every page and frame of an image file; without: the first */
    bool has_range;
    mm_range range;     /* black and white of images deeper than 8 bits */
    bool lines;         /* text: a record a line */
    const char *column; /* text: a record a row, from this column of a table (table.h) */
    const char *label_column, *key_column;
    const char *of_column;                 /* the modality of a row; of subtitles: `speaker` */
    char start_column[MM_MAX_COLUMN_NAME]; /* where a row begins, in seconds; "": no times */
    char end_column[MM_MAX_COLUMN_NAME];   /* … and ends; "": at its start */
    bool has_epoch;
    mm_row_time epoch; /* what counts as zero in these columns */
    mm_table_kind table;
    int64_t max_pixels;  /* 0: 178,956,970 (Pillow's bomb limit) */
    double max_duration; /* seconds; 0: 24 h */
    mm_numbers_as as;
    const char *face_groups; /* of OpenFace's columns: "au,gaze"; NULL: au, gaze and pose, as far as they are there */
    double face_confidence;  /* the least that a face has to have */
    bool has_face;           /* only the face with this face_id; without: the most confident one of each frame */
    int64_t face;
    const char *of;    /* the modality of all records; NULL: their kinds (of a table's features: "series") */
    const char *space; /* the space of a table's features; NULL: "numbers/D" */
    bool all_meta;     /* keep metadata about people and places */
    bool live;         /* each record as soon as it is complete, in the order of time */
    bool answer;       /* a named input that is nothing known, or empty, is a fault: whoever sent it waits */
    bool mark;         /* a mark after each source: a file, a line or row, a window or frame of a live input */
    const mm_log *log;
    mm_decode_notes *notes; /* or NULL */
} mm_decode_opts;

/* "image,text"; NULL: all media. */
mm_status mm_parse_media(mm_decode_opts *o, const char *text, mm_err *e);
/* "#RRGGBB", "black" or "white"; NULL: none. */
mm_status mm_parse_background(mm_decode_opts *o, const char *text, mm_err *e);
/* Samples a second, at least `least`, or "native" (0). */
mm_status mm_parse_rate(int64_t *rate, const char *text, int64_t least, mm_err *e);
/* "2", "left", "1=agent,2=customer" (several need names); NULL: the mean of all. */
mm_status mm_parse_channels(mm_decode_opts *o, const char *text, mm_err *e);
/* The number of a track, from 1, or a language as files have it: eng, en-GB; NULL: the best. */
mm_status mm_parse_track(mm_decode_opts *o, const char *text, mm_err *e);
/* "start", "start,end": columns of times; NULL: none. */
mm_status mm_parse_time_columns(mm_decode_opts *o, const char *text, mm_err *e);
/* What counts as zero: a date and time, or seconds since 1970 (row_time.h); NULL: the times' own beginning. */
mm_status mm_parse_epoch(mm_decode_opts *o, const char *text, mm_err *e);

#endif
