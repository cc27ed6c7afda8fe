#include "fuse/retrieval.h"

#include <math.h>

/* y = x / ‖x‖, [width] */
static void normalise(float *y, const float *x, int64_t width)
{
    double sum = 0;
    for (int64_t k = 0; k < width; k++)
        sum += (double)x[k] * x[k];
    for (int64_t k = 0; k < width; k++)
        y[k] = (float)(x[k] / (sum > 0 ? sqrt(sum) : 1));
}

/* The normalised rows of the paired samples, and for each row the number of its pair; pair [d->n], −1: not paired. */
static float *rows_of(const mm_data *d, const mm_data_modality *x, const int32_t *pair, int64_t *n, int64_t **owner,
                      mm_arena *a)
{
    float *rows = mm_arena_alloc(a, (size_t)(x->cu[d->n] * x->width) * sizeof *rows);
    *owner = mm_arena_alloc(a, (size_t)x->cu[d->n] * sizeof **owner);
    *n = 0;
    for (int i = 0; rows && *owner && i < d->n; i++) {
        for (int64_t r = x->cu[i]; pair[i] >= 0 && r < x->cu[i + 1]; r++) {
            normalise(rows + *n * x->width, x->x + r * x->width, x->width);
            (*owner)[(*n)++] = pair[i];
        }
    }
    return *owner ? rows : NULL;
}

mm_status mm_retrieval_pairs(mm_pairs *out, const mm_data *d, const char *a, const char *b, mm_arena *arena, mm_err *e)
{
    const mm_data_modality *x = mm_data_modality_of(d, a), *y = mm_data_modality_of(d, b);
    if (!x || !y)
        return mm_fail(e, MM_SKIP, "no features of %s", !x ? a : b);
    if (strcmp(x->space, y->space) != 0 || x->width != y->width)
        return mm_fail_hint(e, MM_SKIP, MM_HINT_ALIGN, "%s and %s are in two spaces: %s and %s", a, b, x->space,
                            y->space);
    int32_t *pair = mm_arena_alloc(arena, (size_t)(d->n + 1) * sizeof *pair), pairs = 0;
    if (!pair)
        return mm_fail_memory(e);
    for (int i = 0; i < d->n; i++)
        pair[i] = mm_data_rows(x, i) == 1 && mm_data_rows(y, i) > 0 ? pairs++ : -1;
    if (!pairs)
        return mm_fail(e, MM_SKIP, "no key has one vector of %s and some of %s", a, b);
    int64_t *owner_a, *owner_b;
    *out = (mm_pairs){.width = x->width, .name_a = a, .name_b = b};
    out->a = rows_of(d, x, pair, &out->na, &owner_a, arena);
    out->b = rows_of(d, y, pair, &out->nb, &owner_b, arena);
    out->owner = owner_b;
    return out->a && out->b ? MM_OK : mm_fail_memory(e);
}
