/* target_scale.h: numbers are learned in units of their own spread: a head that starts around zero need not first find
 * out that ages lie around forty. The head keeps the unit, in double. */
#ifndef MM_TRAIN_TARGET_SCALE_H
#define MM_TRAIN_TARGET_SCALE_H

#include "train/objective.h"

/* Means and deviations of the training samples' targets into o->target. */
void mm_target_scale_fit(mm_objective *o, const int32_t *sample, int n);
/* Has the head turn its outputs from (y − mean) / std into y. */
void mm_target_scale_store(mm_head *h, const mm_objective *o);

#endif
