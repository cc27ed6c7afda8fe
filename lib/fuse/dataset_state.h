/* dataset_state.h: the inside of a dataset, for the files that implement it. */
#ifndef MM_FUSE_DATASET_STATE_H
#define MM_FUSE_DATASET_STATE_H

#include "base/name_ids.h"
#include "fuse/dataset.h"

/* The rows of one record, kept until mm_dataset_finish. */
typedef struct {
    int32_t sample, order; /* order: of arrival, which keeps the sort stable */
    int64_t rows;
    const float *x;
    uint64_t src; /* hash of the source */
} mm_data_piece;

typedef struct {
    mm_data_piece *p;
    int64_t n, cap;
} mm_data_pieces;

/* One label of one sample. */
typedef struct {
    int32_t sample;
    const char *text, *src;
} mm_data_label;

typedef struct {
    mm_data_label *p;
    int64_t n, cap;
} mm_data_labels;

struct mm_dataset {
    mm_data view;
    mm_name_ids keys; /* numbered like the samples */
    int64_t key_cap;
    mm_data_pieces piece[MM_MAX_MODALITIES];
    mm_data_labels label[MM_MAX_OUTPUTS]; /* by field */
    mm_arena arena;
};

#endif
