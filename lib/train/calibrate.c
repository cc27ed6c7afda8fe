#include "train/calibrate.h"

#include <math.h>

/* logarithms of the bounds of 1/T */
static const double LOW = -3, HIGH = 3;

/* The sum of the logits [classes] · scale, and the logarithm of the sum of their exponentials. */
static double log_sum(double *sum, const float *logits, int64_t classes, double scale)
{
    double top = -INFINITY, total = 0;
    *sum = 0;
    for (int64_t c = 0; c < classes; c++) {
        top = fmax(top, logits[c] * scale);
        *sum += logits[c] * scale;
    }
    for (int64_t c = 0; c < classes; c++)
        total += exp(logits[c] * scale - top);
    return top + log(total);
}

/* The summed cross-entropy of logits · scale; a sample's own class has target probability `sure`, the others share the
 * rest. */
static double scaled_loss(const float *logits, const int32_t *target, int n, int64_t classes, double sure, double scale)
{
    double loss = 0, other = (1 - sure) / (double)(classes - 1);
    for (int i = 0; i < n; i++) {
        const float *row = logits + i * classes;
        if (target[i] < 0)
            continue;
        double sum, total = log_sum(&sum, row, classes, scale), own = row[target[i]] * scale;
        loss += total - sure * own - other * (sum - own);
    }
    return loss;
}

static int count(const int32_t *target, int n)
{
    int seen = 0;
    for (int i = 0; i < n; i++)
        seen += target[i] >= 0;
    return seen;
}

/* The loss is convex in the scale 1/T: golden-section search on the logarithm. */
float mm_best_temperature(const float *logits, const int32_t *target, int n, int64_t classes)
{
    const double ratio = 0.6180339887498949;
    double low = LOW, high = HIGH, seen = count(target, n), sure = (seen + 1) / (seen + 2);
    if (seen == 0 || classes < 2)
        return 1;
    for (int i = 0; i < 60; i++) {
        double a = high - ratio * (high - low), b = low + ratio * (high - low);
        if (scaled_loss(logits, target, n, classes, sure, exp(a)) <
            scaled_loss(logits, target, n, classes, sure, exp(b)))
            high = b;
        else
            low = a;
    }
    return (float)exp(-(low + high) / 2);
}

bool mm_temperature_is_bound(float temperature)
{
    double at = log((double)temperature);
    return at < LOW + 1e-3 || at > HIGH - 1e-3;
}

mm_status mm_calibrate(mm_head *h, const mm_objective *o, const int32_t *sample, int n, mm_threads *pool, mm_err *e)
{
    mm_tape *t;
    mm_arena a = {0};
    mm_fuse_batch b;
    mm_fused f;
    if (h->task != MM_TASK_CLASSIFY || !n)
        return MM_OK;
    mm_status s = mm_tape_new(&t, pool, false, e);
    if (s != MM_OK)
        return s;
    s = mm_objective_forward(o, t, sample, n, NULL, &a, &b, &f, e);
    int64_t at = 0;
    for (int i = 0; s == MM_OK && i < h->outputs; at += h->output[i++].width) {
        const mm_data_field *field = mm_data_field_of(o->data, h->output[i].name);
        mm_node *part = mm_t_columns(t, f.out, at, h->output[i].width);
        int32_t *target = mm_tape_scratch(t, (size_t)n * sizeof *target);
        for (int r = 0; target && r < n; r++)
            target[r] = field->id[sample[r]];
        s = mm_tape_error(t, e);
        if (s == MM_OK)
            h->output[i].temperature = mm_best_temperature(mm_value(part), target, n, h->output[i].width);
    }
    mm_tape_free(t);
    mm_arena_free(&a);
    return s;
}
