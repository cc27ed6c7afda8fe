/* training_data.h: the operands of mm-train as samples that train and validate. */
#ifndef MM_CLI_TRAINING_DATA_H
#define MM_CLI_TRAINING_DATA_H

#include "base/name_list.h"
#include "cli/tool.h"
#include "train/split.h"

typedef struct {
    /* options; NULL: not given */
    const char *of, *valid, *group; /* modalities to use; a stream whose samples validate; see mm_split_groups */
    double fraction;                /* of the samples that validate, without `valid` */
    uint64_t seed;
    /* results */
    mm_dataset *set, *valid_set; /* valid_set: the keys of `valid` */
    const mm_data *data;
    mm_split split;
    mm_seen seen; /* modalities of the input, used or not */
    mm_arena arena;
} mm_training_data;

/* Reads all streams. Ends the program when a modality of `of` is not among the records. */
void mm_training_data_read(mm_training_data *d, mm_run *r);
/* Splits the samples that the head can use. Ends the program when `group` makes no sense for the keys. */
void mm_training_data_split(mm_training_data *d, mm_run *r, const mm_head *h);
void mm_training_data_free(mm_training_data *d);

/* How many feature records the samples of the split were made of. */
int64_t mm_training_data_records(const mm_training_data *d);

#endif
