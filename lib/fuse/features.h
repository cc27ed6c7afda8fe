/* features.h: what a sample holds of each modality, over all of it or inside a window of time. */
#ifndef MM_FUSE_FEATURES_H
#define MM_FUSE_FEATURES_H

#include "fuse/head.h"
#include "fuse/join.h"

typedef struct {
    mm_str of, space;
    mm_str src; /* of its first record */
    int64_t rows, width;
    const float *x; /* [rows, width] */
} mm_modality_rows;

typedef struct {
    mm_str key, src;
    int64_t part; /* the window's number; −1: the whole sample */
    bool has_time;
    double time[2]; /* seconds */
    msgpack_object label;
    mm_str text;  /* of the one record that it is made of (meta.text); p NULL: none, or there are several */
    mm_str mixed; /* a source that another one of its modality was joined with; p NULL: there is none */
    mm_modality_rows of[MM_MAX_MODALITIES];
    int n;
} mm_features; /* memory of the sample that it was made from */

/* All feature records of the sample, those of one modality stacked. MM_SKIP: its records do not go together (two spaces
 * or widths of one modality, too many modalities, labels that contradict each other). */
mm_status mm_features_of_sample(mm_features *out, mm_sample *s, mm_err *e);

/* The sample cut into windows [k·hop, k·hop + window) from 0 to its last moment. Inside a window each modality is one
 * row: the mean of what overlaps it, weighted by the overlap (a moment without duration counts as a millisecond). Rows
 * of a [T,D] feature lie at grid.step; a record without time belongs to every window. */
mm_status mm_features_of_windows(mm_features **out, int *n, mm_sample *s, double window, double hop, mm_err *e);

/* The rows of this modality; NULL: missing. */
const mm_modality_rows *mm_features_find(const mm_features *f, mm_str of);

/* A new record about the sample: its key, source, part, time and text. */
mm_status mm_features_record(mm_record *out, const mm_features *f, mm_kind kind, mm_arena *a, mm_err *e);
/* A feature record of the sample, with its label and the vector x [width], which is not copied. */
mm_status mm_features_vector(mm_record *out, const mm_features *f, const float *x, int64_t width, mm_arena *a,
                             mm_err *e);

#endif
