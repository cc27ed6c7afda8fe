/* head_from_data.h: the inputs and outputs of a new head, from the samples that it will learn. */
#ifndef MM_FUSE_HEAD_FROM_DATA_H
#define MM_FUSE_HEAD_FROM_DATA_H

#include "fuse/dataset.h"

/* Adds the data's modalities as inputs, in the order of the comma-separated list `of`, or (NULL) image, text, audio,
 * video, others. MM_SKIP: there are none. */
mm_status mm_head_inputs_from_data(mm_head *like, const mm_data *d, const char *of, mm_err *e);

/* Adds these label fields, or all (n 0), as outputs of like->task. MM_SKIP: a field does not exist or cannot be
 * learned. */
mm_status mm_head_outputs_from_data(mm_head *like, const mm_data *d, const char *const *field, int n, mm_err *e);

#endif
