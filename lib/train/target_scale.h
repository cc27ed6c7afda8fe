/* target_scale.h: regression targets are learned in units of their own standard deviation from their mean, so that a
 * head that starts around zero need not first learn that ages are around forty. The head keeps mean and unit, in
 * double. */
#ifndef MM_TRAIN_TARGET_SCALE_H
#define MM_TRAIN_TARGET_SCALE_H

#include "train/objective.h"

/* Sets o->target to mean and standard deviation of the training samples' targets. */
void mm_target_scale_fit(mm_objective *o, const int32_t *sample, int n);
/* Stores them in the head, which then turns its outputs (y − mean) / std into y. */
void mm_target_scale_store(mm_head *h, const mm_objective *o);

#endif
