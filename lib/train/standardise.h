/* standardise.h: input columns in units of their own standard deviation, so that a table in metres is learned like one
 * in kilometres. */
#ifndef MM_TRAIN_STANDARDISE_H
#define MM_TRAIN_STANDARDISE_H

#include "train/split.h"

/* Sets mean and std of h's inputs from the training samples' rows (memory of the head). A column that does not vary
 * gets an infinite standard deviation, so that it is 0 whatever it holds later. */
mm_status mm_standardise(mm_head *h, const mm_data *d, const mm_split *s, mm_err *e);

#endif
