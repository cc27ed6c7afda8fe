/* calibrate.h: temperature scaling, which calibrates the probabilities of a classifier (Guo et al., "On Calibration of
 * Modern Neural Networks", 2017). */
#ifndef MM_TRAIN_CALIBRATE_H
#define MM_TRAIN_CALIBRATE_H

#include "train/objective.h"

/* The T in 1/20 .. 20 that minimises the cross-entropy of logits [n, classes] / T; targets below 0 do not count. If all
 * samples are right, a smaller T is always better; therefore the target probability of a sample's own class is (n + 1)
 * / (n + 2) for n samples, and the other classes share the rest (Platt, "Probabilistic Outputs for Support Vector
 * Machines", 1999). */
float mm_best_temperature(const float *logits, const int32_t *target, int n, int64_t classes);
/* Whether it is at a bound of this range. */
bool mm_temperature_is_bound(float temperature);

/* Fits the temperature of each classification output on these samples. */
mm_status mm_calibrate(mm_head *h, const mm_objective *o, const int32_t *sample, int n, mm_threads *pool, mm_err *e);

#endif
