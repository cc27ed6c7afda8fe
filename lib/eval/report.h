/* report.h: all metrics of one set of predictions with 95 % bootstrap intervals, and its diagrams. */
#ifndef MM_EVAL_REPORT_H
#define MM_EVAL_REPORT_H

#include "base/arena.h"
#include "eval/metrics.h"

#include <stdio.h>

/* low and high are NaN where no interval is wanted or none is defined. */
typedef struct {
    const char *name; /* "accuracy" */
    double value;
    mm_interval interval;
} mm_metric;

/* Predictions of a classifier. */
typedef struct {
    int64_t n;
    int classes;
    const char *const *name;           /* [classes] */
    const int32_t *target, *predicted; /* [n] */
    const double *prob;                /* [n, classes]; NULL: only the predicted classes are known */
    const int64_t *group;              /* [n] for the bootstrap; NULL: every sample its own */
} mm_class_predictions;

/* Predictions of numbers. */
typedef struct {
    int64_t n;
    const double *target, *predicted; /* [n] */
    const int64_t *group;
} mm_number_predictions;

/* Vectors of two modalities in pairs; several rows of b may belong to one row of a. */
typedef struct {
    int64_t na, nb, width;
    const float *a, *b;   /* [na, width], [nb, width], L2-normalised */
    const int64_t *owner; /* [nb] row of a */
    const char *name_a, *name_b;
} mm_pairs;

enum { MM_MAX_METRICS = 16, MM_CALIBRATION_BINS = 15 };

typedef struct {
    mm_metric metric[MM_MAX_METRICS];
    int metrics;
    /* classification only */
    const mm_class_predictions *p;
    int64_t *confusion; /* [classes, classes] */
    mm_bin bin[MM_CALIBRATION_BINS];
    bool calibrated; /* the predictions have probabilities, and bin is filled */
    int64_t n;
} mm_report;

/* rounds 0: no intervals. Memory from the arena. */
mm_status mm_report_classes(mm_report *r, const mm_class_predictions *p, int rounds, uint64_t seed, mm_arena *a,
                            mm_err *e);
mm_status mm_report_numbers(mm_report *r, const mm_number_predictions *p, int rounds, uint64_t seed, mm_arena *a,
                            mm_err *e);
/* Recall@1/5/10 and median rank, a→b (the best rank among the right rows) and b→a. */
mm_status mm_report_pairs(mm_report *r, const mm_pairs *p, int rounds, uint64_t seed, mm_arena *a, mm_err *e);

/* The confusion matrix and, with probabilities, the reliability diagram side by side. Classification only. */
void mm_report_svg(const mm_report *r, FILE *f);

#endif
