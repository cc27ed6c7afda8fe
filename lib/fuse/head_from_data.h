/* head_from_data.h: what a new head has to look like for the samples at hand. */
#ifndef MM_FUSE_HEAD_FROM_DATA_H
#define MM_FUSE_HEAD_FROM_DATA_H

#include "fuse/dataset.h"

/* Adds the data's modalities as inputs, in the order of `of` (names separated by commas), or NULL: image, text, audio,
 * video, others: the order in which a head concatenates them. MM_SKIP: there are none. */
mm_status mm_head_inputs_from_data(mm_head *like, const mm_data *d, const char *of, mm_err *e);

/* Adds these label fields, or all (n 0), as outputs of like->task. MM_SKIP: a field that is not there, or with nothing
 * to tell apart. */
mm_status mm_head_outputs_from_data(mm_head *like, const mm_data *d, const char *const *field, int n, mm_err *e);

#endif
