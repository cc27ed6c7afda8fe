/* features.h: the features of a sample by modality, over all of it or (windows.h) in windows of time. */
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

/* The rows of this modality; NULL: missing. */
const mm_modality_rows *mm_features_find(const mm_features *f, mm_str of);

/* ---- what features over a whole sample and over its windows share ---- */

static inline bool mm_record_is_feature(const mm_record *r)
{
    return r->kind == MM_KIND_FEATURE && r->has_tensor;
}

/* The rows of a feature [D] (one) or [T,D], and D. */
void mm_feature_size(const mm_record *r, int64_t *rows, int64_t *width);
/* Key, source and label (of the first record that has them), and the text of a single record; no modality yet. */
void mm_features_identity(mm_features *out, const mm_sample *s);
/* MM_SKIP: the labels of its records conflict. */
mm_status mm_sample_check_labels(mm_sample *s, mm_err *e);
/* The modality of r in *part, added if r is its first record. MM_SKIP: it is of another space or width. */
mm_status mm_features_modality(mm_features *out, const mm_record *r, mm_modality_rows **part, mm_err *e);

/* ---- records ---- */

/* A new record about the sample: its key, source, part, time and text. */
mm_status mm_features_record(mm_record *out, const mm_features *f, mm_kind kind, mm_arena *a, mm_err *e);
/* A feature record of the sample, with its label and the vector x [width], which is not copied. */
mm_status mm_features_vector(mm_record *out, const mm_features *f, const float *x, int64_t width, mm_arena *a,
                             mm_err *e);

#endif
