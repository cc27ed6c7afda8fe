#include "eval/metrics.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

void mm_confusion(int64_t *counts, const int32_t *target, const int32_t *predicted, int64_t n, int classes)
{
    memset(counts, 0, (size_t)classes * (size_t)classes * sizeof *counts);
    for (int64_t i = 0; i < n; i++)
        counts[(int64_t)target[i] * classes + predicted[i]]++;
}

static double ratio(int64_t part, int64_t whole)
{
    return whole ? (double)part / (double)whole : NAN;
}

mm_class_metrics mm_class_metrics_of(const int64_t *counts, int classes, int which)
{
    int64_t hit = counts[(int64_t)which * classes + which], target = 0, predicted = 0, all = 0;
    for (int i = 0; i < classes; i++) {
        target += counts[(int64_t)which * classes + i];
        predicted += counts[(int64_t)i * classes + which];
        for (int j = 0; j < classes; j++)
            all += counts[(int64_t)i * classes + j];
    }
    return (mm_class_metrics){
        .support = target,
        .precision = ratio(hit, predicted),
        .recall = ratio(hit, target),
        .specificity = ratio(all - target - predicted + hit, all - target),
        .f1 = ratio(2 * hit, target + predicted),
    };
}

double mm_accuracy(const int64_t *counts, int classes)
{
    int64_t hit = 0, all = 0;
    for (int i = 0; i < classes; i++) {
        hit += counts[(int64_t)i * classes + i];
        for (int j = 0; j < classes; j++)
            all += counts[(int64_t)i * classes + j];
    }
    return ratio(hit, all);
}

/* The mean recall, or F1, over the classes that have one. */
static double class_mean(const int64_t *counts, int classes, bool f1)
{
    double sum = 0;
    int present = 0;
    for (int i = 0; i < classes; i++) {
        mm_class_metrics r = mm_class_metrics_of(counts, classes, i);
        double x = f1 ? r.f1 : r.support ? r.recall : NAN;
        if (!isnan(x)) {
            sum += x;
            present++;
        }
    }
    return present ? sum / present : NAN;
}

double mm_balanced_accuracy(const int64_t *counts, int classes)
{
    return class_mean(counts, classes, false);
}

double mm_f1_macro(const int64_t *counts, int classes)
{
    return class_mean(counts, classes, true);
}

double mm_f1_weighted(const int64_t *counts, int classes)
{
    double sum = 0;
    int64_t all = 0;
    for (int i = 0; i < classes; i++) {
        mm_class_metrics r = mm_class_metrics_of(counts, classes, i);
        if (r.support)
            sum += (double)r.support * r.f1;
        all += r.support;
    }
    return all ? sum / (double)all : NAN;
}

double mm_log_loss(const int32_t *target, const double *prob, int64_t n, int classes)
{
    const double eps = 0x1p-52;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double row = 0;
        for (int c = 0; c < classes; c++)
            row += prob[i * classes + c];
        double p = prob[i * classes + target[i]] / row;
        sum -= log(fmin(fmax(p, eps), 1 - eps));
    }
    return n ? sum / (double)n : NAN;
}

double mm_calibration(mm_bin *bin, int bins, const int32_t *target, const int32_t *predicted, const double *confidence,
                      int64_t n)
{
    memset(bin, 0, (size_t)bins * sizeof *bin);
    for (int64_t i = 0; i < n; i++) {
        int at = (int)ceil(confidence[i] * bins) - 1; /* bins are open below, closed above */
        at = at < 0 ? 0 : at >= bins ? bins - 1 : at;
        bin[at].count++;
        bin[at].confidence += confidence[i];
        bin[at].accuracy += target[i] == predicted[i];
    }
    double error = 0;
    for (int b = 0; b < bins; b++) {
        bin[b].confidence /= (double)bin[b].count; /* 0/0 is the NaN of an empty bin */
        bin[b].accuracy /= (double)bin[b].count;
        if (bin[b].count)
            error += (double)bin[b].count / (double)n * fabs(bin[b].accuracy - bin[b].confidence);
    }
    return n ? error : NAN;
}
