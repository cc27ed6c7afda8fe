/* compare.h: two sets of predictions of the same samples: is one better, or is it chance? */
#ifndef MM_EVAL_COMPARE_H
#define MM_EVAL_COMPARE_H

#include "eval/report.h"

typedef struct {
    /* classes: how many samples each set has right, and McNemar's exact test on those that only one has right */
    bool classes;
    int64_t both, only_a, only_b, neither;
    double p;
    /* a's metrics minus b's, with intervals by the paired bootstrap: both use the same resamples */
    mm_metric difference[2];
    int differences;
} mm_comparison;

/* Accuracy. right_a, right_b [n]: 1 where that set has the sample right, else 0. */
mm_status mm_compare_classes(mm_comparison *c, const uint8_t *right_a, const uint8_t *right_b, int64_t n,
                             const int64_t *group, int rounds, uint64_t seed, mm_err *e);
/* Mean absolute error and Pearson's correlation of a and of b [n] with the target. */
mm_status mm_compare_numbers(mm_comparison *c, const double *target, const double *a, const double *b, int64_t n,
                             const int64_t *group, int rounds, uint64_t seed, mm_err *e);

#endif
