/* features.h: the features of a sample by modality, over all of it or in time windows. */
#ifndef MM_FUSE_FEATURES_H
#define MM_FUSE_FEATURES_H

#include "fuse/head.h"
#include "fuse/join.h"

typedef struct {
    mm_str of, space;
    mm_str src; /* of the first record */
    int64_t rows, width;
    const float *x; /* [rows, width] */
} mm_modality_rows;

typedef struct {
    mm_str key, src;
    int64_t part; /* the number of the window; −1: the whole sample */
    bool has_time;
    double time[2]; /* seconds */
    msgpack_object label;
    mm_str text;  /* meta.text of a sample of one record; p NULL: none */
    mm_str mixed; /* a second source within one modality; p NULL: none */
    mm_modality_rows of[MM_MAX_MODALITIES];
    int n;
} mm_features; /* its memory is the sample's */

/* All feature records of the sample, stacked by modality. MM_SKIP: they do not fit together (two spaces or widths in
 * one modality, too many modalities, conflicting labels). */
mm_status mm_features_of_sample(mm_features *out, mm_sample *s, mm_err *e);

/* Cuts the sample into windows [k·hop, k·hop + window), from 0 to its end, in seconds. In a window each modality is one
 * row: the mean of the rows that overlap it, weighted by the overlap (an instant counts as a millisecond). Rows of a
 * [T,D] feature are grid.step apart; a record without time belongs to every window. */
mm_status mm_features_of_windows(mm_features **out, int *n, mm_sample *s, double window, double hop, mm_err *e);

/* The rows of this modality; NULL: missing. */
const mm_modality_rows *mm_features_find(const mm_features *f, mm_str of);

/* A new record about the sample: its key, source, part, time and text. */
mm_status mm_features_record(mm_record *out, const mm_features *f, mm_kind kind, mm_arena *a, mm_err *e);
/* A feature record of the sample, with its label and the vector x [width], which is not copied. */
mm_status mm_features_vector(mm_record *out, const mm_features *f, const float *x, int64_t width, mm_arena *a,
                             mm_err *e);

#endif
