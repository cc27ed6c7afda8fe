#include "eval/report.h"

#include <math.h>
#include <stdlib.h>

static const mm_interval NO_INTERVAL = {NAN, NAN};

/* Adds a metric with its interval; f computes it over any rows of ctx, from 0..n-1. */
static mm_status add(mm_report *r, const char *name, mm_statistic f, void *ctx, int64_t n, const int64_t *group,
                     int rounds, uint64_t seed, mm_arena *a, mm_err *e)
{
    int64_t *all = mm_arena_alloc(a, (size_t)n * sizeof *all);
    if (!all)
        return mm_fail_memory(e);
    for (int64_t i = 0; i < n; i++)
        all[i] = i;
    mm_metric *x = &r->metric[r->metrics++];
    *x = (mm_metric){name, f(ctx, all, n), NO_INTERVAL};
    return rounds && !isnan(x->value) ? mm_bootstrap(&x->interval, f, ctx, n, group, rounds, seed, e) : MM_OK;
}

/* ---- classification ---- */

typedef enum { ACCURACY, BALANCED_ACCURACY, MACRO_F1, WEIGHTED_F1, AUROC, LOG_LOSS } class_metric;

/* A resample of the predictions, in memory that is reused from round to round. */
typedef struct {
    const mm_class_predictions *p;
    class_metric which;
    int32_t *target, *predicted;
    double *prob;
    int64_t *confusion, cap;
} resample;

static bool draw(resample *s, const int64_t *row, int64_t n)
{
    int k = s->p->classes;
    if (n > s->cap) { /* with groups of unequal size a resample may have more rows than the sample */
        free(s->target);
        free(s->predicted);
        free(s->prob);
        s->cap = 2 * n;
        s->target = malloc((size_t)s->cap * sizeof *s->target);
        s->predicted = malloc((size_t)s->cap * sizeof *s->predicted);
        s->prob = s->p->prob ? malloc((size_t)s->cap * (size_t)k * sizeof *s->prob) : NULL;
    }
    if (!s->target || !s->predicted || (s->p->prob && !s->prob))
        return false;
    for (int64_t i = 0; i < n; i++) {
        s->target[i] = s->p->target[row[i]];
        s->predicted[i] = s->p->predicted[row[i]];
        if (s->prob)
            memcpy(s->prob + i * k, s->p->prob + row[i] * k, (size_t)k * sizeof *s->prob);
    }
    mm_confusion(s->confusion, s->target, s->predicted, n, k);
    return true;
}

/* The metric s->which over a resample; NaN when memory is out. */
static double over_resample(void *ctx, const int64_t *row, int64_t n)
{
    resample *s = ctx;
    int k = s->p->classes;
    double area;
    if (!draw(s, row, n))
        return NAN;
    switch (s->which) {
    case ACCURACY: return mm_accuracy(s->confusion, k);
    case BALANCED_ACCURACY: return mm_balanced_accuracy(s->confusion, k);
    case MACRO_F1: return mm_f1_macro(s->confusion, k);
    case WEIGHTED_F1: return mm_f1_weighted(s->confusion, k);
    case AUROC: return mm_auroc_ovr(&area, s->target, s->prob, n, k, NULL) == MM_OK ? area : NAN;
    case LOG_LOSS: return mm_log_loss(s->target, s->prob, n, k);
    }
    return NAN;
}

static double confidence_of(const mm_class_predictions *p, int64_t i)
{
    double sum = 0, best = 0;
    for (int c = 0; c < p->classes; c++) {
        sum += p->prob[i * p->classes + c];
        best = fmax(best, p->prob[i * p->classes + c]);
    }
    return sum > 0 ? best / sum : 0;
}

static mm_status calibration(mm_report *r, const mm_class_predictions *p, mm_arena *a, mm_err *e)
{
    double *confidence = mm_arena_alloc(a, (size_t)p->n * sizeof *confidence);
    if (!confidence)
        return mm_fail_memory(e);
    for (int64_t i = 0; i < p->n; i++)
        confidence[i] = confidence_of(p, i);
    double error = mm_calibration(r->bin, MM_CALIBRATION_BINS, p->target, p->predicted, confidence, p->n);
    r->metric[r->metrics++] = (mm_metric){"calibration error", error, NO_INTERVAL};
    r->calibrated = true;
    return MM_OK;
}

/* Whether every class has a sample: otherwise scikit-learn defines no area under the ROC curve. */
static bool all_occur(const mm_class_predictions *p, const int64_t *confusion)
{
    bool all = true;
    for (int c = 0; all && c < p->classes; c++)
        all = mm_class_metrics_of(confusion, p->classes, c).support > 0;
    return all;
}

mm_status mm_report_classes(mm_report *r, const mm_class_predictions *p, int rounds, uint64_t seed, mm_arena *a,
                            mm_err *e)
{
    static const struct {
        const char *name;
        bool needs_prob, needs_all;
    } all[] = {[ACCURACY] = {"accuracy", false, false}, [BALANCED_ACCURACY] = {"balanced accuracy", false, false},
               [MACRO_F1] = {"macro F1", false, false}, [WEIGHTED_F1] = {"weighted F1", false, false},
               [AUROC] = {"AUROC", true, true},         [LOG_LOSS] = {"log loss", true, false}};
    size_t square = (size_t)p->classes * (size_t)p->classes;
    resample s = {.p = p, .confusion = mm_arena_alloc(a, square * sizeof *s.confusion)};
    *r = (mm_report){.p = p, .n = p->n, .confusion = mm_arena_alloc(a, square * sizeof *r->confusion)};
    mm_status status = s.confusion && r->confusion ? MM_OK : mm_fail_memory(e);
    if (status == MM_OK)
        mm_confusion(r->confusion, p->target, p->predicted, p->n, p->classes);
    for (size_t i = 0; status == MM_OK && i < sizeof all / sizeof *all; i++) {
        if (all[i].needs_prob && !p->prob)
            continue;
        s.which = (class_metric)i;
        if (all[i].needs_all && !all_occur(p, r->confusion))
            r->metric[r->metrics++] = (mm_metric){all[i].name, NAN, NO_INTERVAL};
        else
            status = add(r, all[i].name, over_resample, &s, p->n, p->group, rounds, seed, a, e);
    }
    if (status == MM_OK && p->prob)
        status = calibration(r, p, a, e);
    free(s.target);
    free(s.predicted);
    free(s.prob);
    return status;
}

/* ---- numbers ---- */

typedef struct {
    const mm_number_predictions *p;
    double *target, *predicted;
    int64_t cap;
    double (*f)(const double *target, const double *predicted, int64_t n);
} number_sample;

static double over_rows(void *ctx, const int64_t *row, int64_t n)
{
    number_sample *s = ctx;
    if (n > s->cap) {
        free(s->target);
        free(s->predicted);
        s->cap = 2 * n;
        s->target = malloc((size_t)s->cap * sizeof *s->target);
        s->predicted = malloc((size_t)s->cap * sizeof *s->predicted);
    }
    if (!s->target || !s->predicted)
        return NAN;
    for (int64_t i = 0; i < n; i++) {
        s->target[i] = s->p->target[row[i]];
        s->predicted[i] = s->p->predicted[row[i]];
    }
    return s->f(s->target, s->predicted, n);
}

static double spearman(const double *x, const double *y, int64_t n)
{
    double rho;
    return mm_spearman(&rho, x, y, n, NULL) == MM_OK ? rho : NAN;
}

mm_status mm_report_numbers(mm_report *r, const mm_number_predictions *p, int rounds, uint64_t seed, mm_arena *a,
                            mm_err *e)
{
    static const struct {
        const char *name;
        double (*f)(const double *, const double *, int64_t);
    } all[] = {{"MAE", mm_mae}, {"RMSE", mm_rmse}, {"R2", mm_r2}, {"Pearson", mm_pearson}, {"Spearman", spearman}};
    number_sample s = {.p = p};
    mm_status status = MM_OK;
    *r = (mm_report){.n = p->n};
    for (size_t i = 0; status == MM_OK && i < sizeof all / sizeof *all; i++) {
        s.f = all[i].f;
        status = add(r, all[i].name, over_rows, &s, p->n, p->group, rounds, seed, a, e);
    }
    free(s.target);
    free(s.predicted);
    return status;
}

/* ---- retrieval ---- */

/* The ranks of the right answers (1: best); metrics are over queries. */
typedef struct {
    const int64_t *rank;
    int64_t most; /* recall@most; 0: the median */
} rank_sample;

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double over_ranks(void *ctx, const int64_t *row, int64_t n)
{
    const rank_sample *s = ctx;
    int64_t hits = 0;
    if (s->most) {
        for (int64_t i = 0; i < n; i++)
            hits += s->rank[row[i]] <= s->most;
        return n ? (double)hits / (double)n : NAN;
    }
    int64_t *sorted = malloc((size_t)(n + 1) * sizeof *sorted);
    for (int64_t i = 0; sorted && i < n; i++)
        sorted[i] = s->rank[row[i]];
    double median = NAN;
    if (sorted && n) {
        qsort(sorted, (size_t)n, sizeof *sorted, ascending);
        median = (double)(sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
    }
    free(sorted);
    return median;
}

static float dot(const float *a, const float *b, int64_t n)
{
    float sum = 0;
    for (int64_t c = 0; c < n; c++)
        sum += a[c] * b[c];
    return sum;
}

/* The rank of the best right answer among m candidates: 1 + those that beat it. */
static int64_t rank_of(const float *score, const bool *right, int64_t m)
{
    float best = -INFINITY;
    int64_t above = 0;
    for (int64_t j = 0; j < m; j++)
        if (right[j] && score[j] > best)
            best = score[j];
    for (int64_t j = 0; j < m; j++)
        above += score[j] > best || (score[j] == best && !right[j]); /* a tie does not count as a hit */
    return above + 1;
}

static mm_status direction(mm_report *r, const mm_pairs *p, bool forward, int rounds, uint64_t seed, mm_arena *a,
                           mm_err *e)
{
    int64_t queries = forward ? p->na : p->nb, m = forward ? p->nb : p->na;
    const int64_t *group = forward ? NULL : p->owner; /* captions of one photo are not independent */
    int64_t *rank = mm_arena_alloc(a, (size_t)queries * sizeof *rank);
    float *score = mm_arena_alloc(a, (size_t)m * sizeof *score);
    bool *right = mm_arena_alloc(a, (size_t)m * sizeof *right);
    if (!rank || !score || !right)
        return mm_fail_memory(e);
    for (int64_t q = 0; q < queries; q++) {
        const float *x = (forward ? p->a : p->b) + q * p->width;
        for (int64_t j = 0; j < m; j++) {
            score[j] = dot(x, (forward ? p->b : p->a) + j * p->width, p->width);
            right[j] = forward ? p->owner[j] == q : p->owner[q] == j;
        }
        rank[q] = rank_of(score, right, m);
    }
    static const int64_t most[] = {1, 5, 10, 0};
    mm_status s = MM_OK;
    for (int i = 0; s == MM_OK && i < 4; i++) {
        rank_sample sample = {rank, most[i]};
        const char *from = forward ? p->name_a : p->name_b, *to = forward ? p->name_b : p->name_a;
        char *name = most[i] ? mm_arena_printf(a, "%s→%s R@%d", from, to, (int)most[i])
                             : mm_arena_printf(a, "%s→%s median rank", from, to);
        s = name ? add(r, name, over_ranks, &sample, queries, group, rounds, seed, a, e) : mm_fail_memory(e);
    }
    return s;
}

mm_status mm_report_pairs(mm_report *r, const mm_pairs *p, int rounds, uint64_t seed, mm_arena *a, mm_err *e)
{
    *r = (mm_report){.n = p->na};
    mm_status s = direction(r, p, true, rounds, seed, a, e);
    return s == MM_OK ? direction(r, p, false, rounds, seed, a, e) : s;
}
