/* standardise.h: input columns in units of their own standard deviation, so that a table in metres is learned like one
 * in kilometres; and regression targets likewise, so that a head that starts around zero need not first learn that ages
 * are around forty. */
#ifndef MM_TRAIN_STANDARDISE_H
#define MM_TRAIN_STANDARDISE_H

#include "train/objective.h"
#include "train/split.h"

/* Sets mean and std of h's inputs from the training samples' rows (memory of the head). A column that does not vary
 * gets an infinite standard deviation, so that it is 0 whatever it holds later. */
mm_status mm_standardise(mm_head *h, const mm_data *d, const mm_split *s, mm_err *e);

/* Sets o->target to mean and standard deviation of the training samples' targets. */
void mm_target_scale_fit(mm_objective *o, const int32_t *sample, int n);
/* Stores them in the head, in double, which then turns its outputs (y − mean) / std into y. */
void mm_target_scale_store(mm_head *h, const mm_objective *o);

#endif
