/* evaluate.c: predictions as arrays of class numbers or values, and from these to a report and a comparison. */
#include "base/key_group.h"
#include "eval/predictions.h"

#include <math.h>
#include <stdlib.h>

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int32_t index_of(const char *const *name, int n, const char *text)
{
    const char *const *at = bsearch(&text, name, (size_t)n, sizeof *name, by_text);
    return (int32_t)(at - name);
}

/* Each sample's group as a number. */
static mm_status group_numbers(int64_t **out, const mm_prediction *j, int64_t n, const char *pattern, mm_arena *a,
                               mm_err *e)
{
    mm_grouper grouper;
    *out = NULL;
    if (!pattern)
        return MM_OK;
    if (mm_grouper_open(&grouper, pattern, e) != MM_OK)
        return MM_FATAL;
    const char **group = mm_arena_alloc(a, (size_t)n * sizeof *group),
               **sorted = mm_arena_alloc(a, (size_t)n * sizeof *sorted);
    *out = mm_arena_alloc(a, (size_t)n * sizeof **out);
    for (int64_t i = 0; group && sorted && *out && i < n; i++)
        group[i] = sorted[i] = mm_arena_strdup(a, mm_group_of(&grouper, j[i].id));
    mm_grouper_close(&grouper);
    if (!group || !sorted || !*out)
        return mm_fail_memory(e);
    qsort(sorted, (size_t)n, sizeof *sorted, by_text);
    int64_t kinds = 0;
    for (int64_t i = 0; i < n; i++)
        if (i == 0 || strcmp(sorted[i], sorted[kinds - 1]))
            sorted[kinds++] = sorted[i];
    for (int64_t i = 0; i < n; i++)
        (*out)[i] = index_of(sorted, (int)kinds, group[i]);
    return MM_OK;
}

static const char **all_names(const mm_prediction *j, int64_t n, int *classes, mm_arena *a)
{
    int64_t most = 0, have = 0;
    for (int64_t i = 0; i < n; i++)
        most += j[i].n + 2;
    const char **name = mm_arena_alloc(a, (size_t)(most + 1) * sizeof *name);
    for (int64_t i = 0; name && i < n; i++) {
        name[have++] = j[i].target;
        name[have++] = j[i].predicted;
        for (int c = 0; c < j[i].n; c++)
            name[have++] = j[i].name[c];
    }
    *classes = 0;
    if (name)
        qsort(name, (size_t)have, sizeof *name, by_text);
    for (int64_t i = 0; name && i < have; i++)
        if (i == 0 || strcmp(name[i], name[*classes - 1]))
            name[(*classes)++] = name[i];
    return name;
}

/* As class numbers over the union of all names, sorted. MM_SKIP: the predictions are numbers. */
static mm_status as_classes(mm_class_predictions *out, const mm_prediction *j, int64_t n, const char *group,
                            mm_arena *a, mm_err *e)
{
    bool distributions = n > 0;
    for (int64_t i = 0; i < n; i++) {
        if (j[i].number)
            return mm_fail(e, MM_SKIP, "the predictions are numbers");
        distributions &= j[i].n > 1;
    }
    *out = (mm_class_predictions){.n = n};
    out->name = all_names(j, n, &out->classes, a);
    int32_t *target = mm_arena_alloc(a, (size_t)n * sizeof *target),
            *predicted = mm_arena_alloc(a, (size_t)n * sizeof *predicted);
    double *prob = distributions ? mm_arena_zalloc(a, (size_t)n * (size_t)out->classes, sizeof *prob) : NULL;
    if (!out->name || !target || !predicted || (distributions && !prob))
        return mm_fail_memory(e);
    for (int64_t i = 0; i < n; i++) {
        target[i] = index_of(out->name, out->classes, j[i].target);
        predicted[i] = index_of(out->name, out->classes, j[i].predicted);
        for (int c = 0; prob && c < j[i].n; c++)
            prob[i * out->classes + index_of(out->name, out->classes, j[i].name[c])] = j[i].prob[c];
    }
    out->target = target;
    out->predicted = predicted;
    out->prob = prob;
    int64_t *numbers;
    mm_status s = group_numbers(&numbers, j, n, group, a, e);
    out->group = numbers;
    return s;
}

/* MM_SKIP: a prediction or its ground truth is not a number. */
static mm_status as_numbers(mm_number_predictions *out, const mm_prediction *j, int64_t n, const char *group,
                            mm_arena *a, mm_err *e)
{
    double *target = mm_arena_alloc(a, (size_t)n * sizeof *target),
           *predicted = mm_arena_alloc(a, (size_t)n * sizeof *predicted);
    if (!target || !predicted)
        return mm_fail_memory(e);
    for (int64_t i = 0; i < n; i++) {
        char *end;
        target[i] = strtod(j[i].target, &end);
        predicted[i] = j[i].value;
        if (!j[i].number || end == j[i].target || *end || !isfinite(target[i]) || !isfinite(predicted[i]))
            return mm_fail(e, MM_SKIP, "%s: \"%s\" against \"%s\" are not two numbers", j[i].id, j[i].predicted,
                           j[i].target);
    }
    int64_t *numbers;
    mm_status s = group_numbers(&numbers, j, n, group, a, e);
    *out = (mm_number_predictions){.n = n, .target = target, .predicted = predicted, .group = numbers};
    return s;
}

static mm_status evaluate_numbers(mm_report *report, mm_comparison *comparison, const mm_prediction *p,
                                  const mm_prediction *other, int64_t n, const mm_resampling *b, mm_arena *a, mm_err *e)
{
    mm_number_predictions x, y;
    mm_status s = as_numbers(&x, p, n, b->group, a, e);
    if (s == MM_OK)
        s = mm_report_numbers(report, &x, b->rounds, b->seed, a, e);
    if (s != MM_OK || !other)
        return s;
    if (!other[0].number)
        return mm_fail(e, MM_SKIP, "the predictions to compare with are not numbers");
    s = as_numbers(&y, other, n, NULL, a, e);
    return s == MM_OK
               ? mm_compare_numbers(comparison, x.target, x.predicted, y.predicted, n, x.group, b->rounds, b->seed, e)
               : s;
}

static mm_status evaluate_classes(mm_report *report, mm_comparison *comparison, const mm_prediction *p,
                                  const mm_prediction *other, int64_t n, const mm_resampling *b, mm_arena *a, mm_err *e)
{
    mm_class_predictions *x = mm_arena_alloc(a, sizeof *x); /* the report refers to them */
    uint8_t *right = mm_arena_alloc(a, 2 * (size_t)n);
    mm_status s = x && right ? as_classes(x, p, n, b->group, a, e) : mm_fail_memory(e);
    if (s == MM_OK)
        s = mm_report_classes(report, x, b->rounds, b->seed, a, e);
    if (s != MM_OK || !other)
        return s;
    for (int64_t i = 0; i < n; i++) {
        right[i] = strcmp(p[i].predicted, p[i].target) == 0;
        right[n + i] = strcmp(other[i].predicted, other[i].target) == 0;
    }
    return mm_compare_classes(comparison, right, right + n, n, x->group, b->rounds, b->seed, e);
}

mm_status mm_predictions_evaluate(mm_report *report, mm_comparison *comparison, const mm_prediction *p,
                                  const mm_prediction *other, int64_t n, const mm_resampling *b, mm_arena *a, mm_err *e)
{
    return (p[0].number ? evaluate_numbers : evaluate_classes)(report, comparison, p, other, n, b, a, e);
}
