/* calibrate.h: the temperature that makes probabilities out of logits honest (Guo et al., "On Calibration of Modern
 * Neural Networks", 2017). */
#ifndef MM_TRAIN_CALIBRATE_H
#define MM_TRAIN_CALIBRATE_H

#include "train/objective.h"

/* The T in 1/20 .. 20 at which the cross-entropy of logits [n, classes] / T is lowest; targets below 0 do not count.
 * Samples that are all right would have any T sharper still, so with n of them a sample is (n + 1) / (n + 2) sure of
 * its class, and the others share the rest (Platt, "Probabilistic Outputs for Support Vector Machines", 1999). */
float mm_best_temperature(const float *logits, const int32_t *target, int n, int64_t classes);
/* Whether it lies at an end of its range. */
bool mm_temperature_is_bound(float temperature);

/* Fits the temperature of each classification output on these samples. */
mm_status mm_calibrate(mm_head *h, const mm_objective *o, const int32_t *sample, int n, mm_threads *pool, mm_err *e);

#endif
