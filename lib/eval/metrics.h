/* metrics.h: how good predictions are. Pure functions over arrays; the caller owns everything.
 *
 * Definitions are scikit-learn's and SciPy's (and agree with them to 1e-9), named beside each function. A
 * metric that is undefined for the data (a class that never occurs, a constant variable) is NaN, never a made-up 0. */
#ifndef MM_EVAL_METRICS_H
#define MM_EVAL_METRICS_H

#include "base/status.h"

#include <stdint.h>

/* ---- classification: target and predicted in 0..classes-1 ---- */

/* counts[target * classes + predicted] (sklearn.metrics.confusion_matrix) */
void mm_confusion(int64_t *counts, const int32_t *target, const int32_t *predicted, int64_t n, int classes);

typedef struct {
    int64_t support;          /* samples of this class */
    double precision, recall; /* recall is sensitivity; NaN: never predicted, or no samples */
    double specificity;       /* the fraction of the other samples that is not predicted as this class */
    double f1;                /* 0 when the class occurs but is never right */
} mm_class_metrics;

/* The metrics of one class from a confusion matrix. */
mm_class_metrics mm_class_metrics_of(const int64_t *counts, int classes, int which);

double mm_accuracy(const int64_t *counts, int classes);
double mm_balanced_accuracy(const int64_t *counts, int classes); /* mean recall over the classes that occur */
/* Over the classes that occur in target or predicted; undefined values count 0 (f1_score, zero_division=0). */
double mm_f1_macro(const int64_t *counts, int classes);
double mm_f1_weighted(const int64_t *counts, int classes);

/* Area under the ROC curve of score for target = 1 against target = 0, ties counted half (Mann–Whitney U / (n₁ n₀)).
 * NaN unless both occur; MM_FATAL when memory is out. */
mm_status mm_auroc(double *area, const uint8_t *target, const double *score, int64_t n, mm_err *e);
/* Mean of the one-vs-rest areas over the classes that occur; prob is [n, classes] (roc_auc_score, multi_class="ovr",
 * which is undefined where a class has no sample: the report says so, while a resample may miss one). With two classes:
 * the area of class 1's probability. */
mm_status mm_auroc_ovr(double *area, const int32_t *target, const double *prob, int64_t n, int classes, mm_err *e);

/* −mean log p(target), rows normalised to 1, p clipped to [2.2e-16, 1 − 2.2e-16] (sklearn.metrics.log_loss). */
double mm_log_loss(const int32_t *target, const double *prob, int64_t n, int classes);

/* One bin of the reliability diagram; the confidence is that of the predicted class. */
typedef struct {
    int64_t count;
    double confidence, accuracy; /* means; NaN in an empty bin */
} mm_bin;

/* Fills `bins` bins of equal width over (0, 1] and returns the expected calibration error, Σ count/n · |accuracy −
 * confidence| (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, eq. 3). */
double mm_calibration(mm_bin *bin, int bins, const int32_t *target, const int32_t *predicted, const double *confidence,
                      int64_t n);

/* ---- regression ---- */

double mm_mae(const double *target, const double *predicted, int64_t n);
double mm_rmse(const double *target, const double *predicted, int64_t n);
double mm_r2(const double *target, const double *predicted, int64_t n);
double mm_pearson(const double *x, const double *y, int64_t n);
/* Pearson's correlation of the ranks, ties sharing their mean rank (scipy.stats.spearmanr). */
mm_status mm_spearman(double *rho, const double *x, const double *y, int64_t n, mm_err *e);
/* Ranks 1..n, ties sharing their mean (scipy.stats.rankdata). */
mm_status mm_ranks(double *rank, const double *x, int64_t n, mm_err *e);

/* ---- uncertainty and comparison ---- */

/* A metric over a resample: rows row[0] .. row[n-1]. */
typedef double (*mm_statistic)(void *ctx, const int64_t *row, int64_t n);

typedef struct {
    double low, high;
} mm_interval;

/* The percentile bootstrap (Efron 1979): the 2.5 % and 97.5 % quantiles (linear interpolation, numpy's default) of the
 * statistic over `rounds` resamples. group (NULL: every row its own) is resampled whole: rows of one speaker or patient
 * are not independent. Rounds whose metric is NaN are left out. */
mm_status mm_bootstrap(mm_interval *out, mm_statistic f, void *ctx, int64_t n, const int64_t *group, int rounds,
                       uint64_t seed, mm_err *e);

/* McNemar's exact test: the two-sided binomial probability of a split as uneven as (only_a, only_b) under 1/2. */
double mm_mcnemar(int64_t only_a, int64_t only_b);

/* The q-quantile of x, which is sorted, with linear interpolation (numpy.quantile). */
double mm_quantile_sorted(const double *x, int64_t n, double q);

#endif
