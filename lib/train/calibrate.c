#include "train/calibrate.h"

#include <math.h>

/* Mean cross-entropy of logits · scale for n rows whose target is ≥ 0. */
static double scaled_loss(const float *logits, const int32_t *target, int n, int64_t classes, double scale)
{
    double sum = 0;
    int seen = 0;
    for (int i = 0; i < n; i++) {
        const float *x = logits + i * classes;
        if (target[i] < 0)
            continue;
        double top = -INFINITY, total = 0;
        for (int64_t c = 0; c < classes; c++)
            top = fmax(top, x[c] * scale);
        for (int64_t c = 0; c < classes; c++)
            total += exp(x[c] * scale - top);
        sum += top + log(total) - x[target[i]] * scale;
        seen++;
    }
    return seen ? sum / seen : 0;
}

/* The loss is convex in the scale 1/T: golden-section search over T in 1/20 .. 20, on the logarithm. */
float mm_best_temperature(const float *logits, const int32_t *target, int n, int64_t classes)
{
    const double ratio = 0.6180339887498949;
    double low = -3, high = 3;
    for (int i = 0; i < 60; i++) {
        double a = high - ratio * (high - low), b = low + ratio * (high - low);
        if (scaled_loss(logits, target, n, classes, exp(a)) < scaled_loss(logits, target, n, classes, exp(b)))
            high = b;
        else
            low = a;
    }
    return (float)exp(-(low + high) / 2);
}

mm_status mm_calibrate(mm_head *h, const mm_objective *o, const int32_t *sample, int n, mm_pool *pool, mm_err *e)
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
        const mm_data_field *field = &o->data->field[mm_data_field_of(o->data, h->output[i].name)];
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
