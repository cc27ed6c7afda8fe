#include "eval/compare.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    const uint8_t *right_a, *right_b;
    const double *target, *a, *b;
    double *buffer; /* [3, rows] */
    int64_t rows;
} pair;

/* Adds the difference of a metric, with its interval by the paired bootstrap. */
static mm_status add(mm_comparison *c, const char *name, double value, mm_statistic f, pair *p, int64_t n,
                     const int64_t *group, int rounds, uint64_t seed, mm_err *e)
{
    mm_metric *x = &c->difference[c->differences++];
    *x = (mm_metric){name, value, {NAN, NAN}};
    return rounds && !isnan(value) ? mm_bootstrap(&x->interval, f, p, n, group, rounds, seed, e) : MM_OK;
}

/* ---- classes ---- */

static double accuracy_difference(void *ctx, const int64_t *row, int64_t n)
{
    const pair *p = ctx;
    int64_t d = 0;
    for (int64_t i = 0; i < n; i++)
        d += p->right_a[row[i]] - p->right_b[row[i]];
    return n ? (double)d / (double)n : NAN;
}

mm_status mm_compare_classes(mm_comparison *c, const uint8_t *right_a, const uint8_t *right_b, int64_t n,
                             const int64_t *group, int rounds, uint64_t seed, mm_err *e)
{
    pair p = {.right_a = right_a, .right_b = right_b};
    *c = (mm_comparison){.classes = true};
    for (int64_t i = 0; i < n; i++) {
        c->both += right_a[i] && right_b[i];
        c->only_a += right_a[i] && !right_b[i];
        c->only_b += !right_a[i] && right_b[i];
        c->neither += !right_a[i] && !right_b[i];
    }
    c->p = mm_mcnemar(c->only_a, c->only_b);
    double difference = n ? (double)(c->only_a - c->only_b) / (double)n : NAN;
    return add(c, "accuracy", difference, accuracy_difference, &p, n, group, rounds, seed, e);
}

/* ---- numbers ---- */

/* The rows of target, a and b, concatenated; false when memory is out. */
static bool gather(pair *p, const int64_t *row, int64_t n)
{
    if (n > p->rows) {
        double *more = realloc(p->buffer, 3 * (size_t)n * sizeof *more);
        if (!more)
            return false;
        p->buffer = more;
        p->rows = n;
    }
    for (int64_t i = 0; i < n; i++) {
        p->buffer[i] = p->target[row[i]];
        p->buffer[n + i] = p->a[row[i]];
        p->buffer[2 * n + i] = p->b[row[i]];
    }
    return true;
}

static double mae_difference(void *ctx, const int64_t *row, int64_t n)
{
    pair *p = ctx;
    if (!gather(p, row, n))
        return NAN;
    return mm_mae(p->buffer, p->buffer + n, n) - mm_mae(p->buffer, p->buffer + 2 * n, n);
}

static double pearson_difference(void *ctx, const int64_t *row, int64_t n)
{
    pair *p = ctx;
    if (!gather(p, row, n))
        return NAN;
    return mm_pearson(p->buffer, p->buffer + n, n) - mm_pearson(p->buffer, p->buffer + 2 * n, n);
}

mm_status mm_compare_numbers(mm_comparison *c, const double *target, const double *a, const double *b, int64_t n,
                             const int64_t *group, int rounds, uint64_t seed, mm_err *e)
{
    pair p = {.target = target, .a = a, .b = b};
    *c = (mm_comparison){0};
    mm_status s =
        add(c, "MAE", mm_mae(target, a, n) - mm_mae(target, b, n), mae_difference, &p, n, group, rounds, seed, e);
    if (s == MM_OK)
        s = add(c, "Pearson", mm_pearson(target, a, n) - mm_pearson(target, b, n), pearson_difference, &p, n, group,
                rounds, seed, e);
    free(p.buffer);
    return s;
}
