#include "fuse/windows.h"

#include <math.h>

#define INSTANT 1e-3 /* seconds that a record without a length counts */

double mm_window_record_end(const mm_record *r)
{
    return fmax(r->time[1], r->time[0] + INSTANT);
}

double mm_window_count(mm_window_grid g, double end)
{
    return fmax(ceil((end - MM_WINDOW_ROUNDING) / g.hop), 1);
}

/* How many seconds of [a, b) are in [from, to). */
static double overlap(double a, double b, double from, double to)
{
    if (b - a < INSTANT)
        return a >= from && a < to ? INSTANT : 0;
    double lo = fmax(a, from), hi = fmin(b, to);
    return hi - lo > MM_WINDOW_ROUNDING ? hi - lo : 0;
}

/* The time of row k of r, which has a time: the rows of a sequence are grid.step apart. */
static void row_time(const mm_record *r, int64_t rows, int64_t k, double *from, double *to)
{
    *from = r->time[0];
    *to = r->time[1];
    if (rows > 1) {
        double step = r->has_grid && r->grid.step > 0 ? r->grid.step : (*to - *from) / (double)rows;
        int64_t at = k - (r->has_grid ? r->grid.prefix : 0);
        *from += (double)(at < 0 ? 0 : at) * step;
        *to = at < 0 ? r->time[1] : *from + step; /* a token without a position (CLS) covers all of it */
    }
}

/* Adds the rows of r in the window, weighted, to sum[width]; returns the sum of the weights. */
static double pool_into(float *sum, const mm_record *r, const float *x, double from, double to)
{
    int64_t rows, width;
    double total = 0, a, b;
    mm_feature_size(r, &rows, &width);
    for (int64_t k = 0; k < rows; k++) {
        double w = 1;
        if (r->has_time) {
            row_time(r, rows, k, &a, &b);
            w = overlap(a, b, from, to);
        }
        for (int64_t c = 0; w > 0 && c < width; c++)
            sum[c] += (float)(w * x[k * width + c]);
        total += w;
    }
    return total;
}

mm_status mm_window_fill(mm_features *out, mm_window_grid g, int64_t k, const mm_record *const *rec,
                         const float *const *x, int n, mm_arena *a, mm_err *e)
{
    double weight[MM_MAX_MODALITIES] = {0};
    mm_modality_rows *p;
    out->part = k;
    out->has_time = true;
    out->time[0] = (double)k * g.hop;
    out->time[1] = (double)k * g.hop + g.window;
    for (int i = 0; i < n; i++) {
        mm_status status = mm_features_modality(out, rec[i], &p, e);
        if (status != MM_OK)
            return status;
        float *sum = (float *)p->x;
        if (!sum)
            p->x = sum = mm_arena_zalloc(a, (size_t)p->width, sizeof *sum);
        if (!sum)
            return mm_fail_memory(e);
        weight[p - out->of] += pool_into(sum, rec[i], x[i], out->time[0], out->time[1]);
    }
    for (int m = 0; m < out->n; m++) {
        p = &out->of[m];
        p->rows = weight[m] > 0;
        for (int64_t c = 0; p->rows && c < p->width; c++)
            ((float *)p->x)[c] /= (float)weight[m];
    }
    return MM_OK;
}

/* The feature records of a sample and their vectors, in order; how many; −1: memory is out. */
static int features_in(mm_sample *s, const mm_record **rec, const float **x)
{
    int n = 0;
    for (int i = 0; i < s->n; i++) {
        if (!mm_record_is_feature(&s->rec[i]))
            continue;
        rec[n] = &s->rec[i];
        x[n] = mm_tensor_f32(&s->arena, &s->rec[i].tensor);
        if (!x[n++])
            return -1;
    }
    return n;
}

mm_status mm_features_of_windows(mm_features **out, int *n, mm_sample *s, mm_window_grid g, mm_err *e)
{
    enum { MOST = 1 << 20 };
    double end = 0;
    if (mm_sample_check_labels(s, e) != MM_OK)
        return MM_SKIP;
    const mm_record **rec = mm_arena_zalloc(&s->arena, (size_t)s->n, sizeof *rec);
    const float **x = mm_arena_zalloc(&s->arena, (size_t)s->n, sizeof *x);
    int there = rec && x ? features_in(s, rec, x) : -1;
    if (there < 0)
        return mm_fail_memory(e);
    for (int i = 0; i < there; i++)
        if (rec[i]->has_time)
            end = fmax(end, mm_window_record_end(rec[i]));
    double count = mm_window_count(g, end);
    if (!(count <= MOST))
        return mm_fail(e, MM_SKIP, "%.*s: more than a million windows", MM_STRF(s->key));
    *n = (int)count;
    *out = mm_arena_zalloc(&s->arena, (size_t)*n, sizeof **out);
    if (!*out)
        return mm_fail_memory(e);
    mm_status status = MM_OK;
    for (int k = 0; status == MM_OK && k < *n; k++) {
        mm_features_identity(&(*out)[k], s);
        status = mm_window_fill(&(*out)[k], g, k, rec, x, there, &s->arena, e);
    }
    return status;
}
