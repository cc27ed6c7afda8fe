/* batch.c: gathers the rows of some samples, standardised, in the order of a head's inputs. */
#include "fuse/dataset.h"

/* The rows [*from, *to) of a modality that `pick` leaves of a sample. */
static void rows_of(const mm_data_modality *x, int32_t sample, int32_t pick, int64_t *from, int64_t *to)
{
    *from = x ? x->cu[sample] : 0;
    *to = x ? x->cu[sample + 1] : 0;
    if (pick == MM_NO_ROWS || (pick >= 0 && pick >= *to - *from)) {
        *to = *from;
    } else if (pick >= 0) {
        *from += pick;
        *to = *from + 1;
    }
}

/* Modality m of the head: its rows [cu[samples], width], and cu. */
static mm_status gather(mm_fuse_batch *out, int m, const mm_data_modality *from, const mm_head *h,
                        const int32_t *sample, const int32_t *pick, mm_arena *a, mm_err *e)
{
    const mm_head_input *in = &h->input[m];
    int64_t *cu = mm_arena_zalloc(a, (size_t)out->n + 1, sizeof *cu), lo, hi;
    if (!cu)
        return mm_fail_memory(e);
    for (int i = 0; i < out->n; i++) {
        rows_of(from, sample[i], pick ? pick[i * h->inputs + m] : MM_ALL_ROWS, &lo, &hi);
        cu[i + 1] = cu[i] + hi - lo;
    }
    float *x = mm_arena_alloc(a, (size_t)(cu[out->n] * in->width) * sizeof *x), *to = x;
    if (!x)
        return mm_fail_memory(e);
    for (int i = 0; i < out->n; i++) {
        rows_of(from, sample[i], pick ? pick[i * h->inputs + m] : MM_ALL_ROWS, &lo, &hi);
        if (hi > lo)
            mm_head_standardise(in, to, from->x + lo * in->width, hi - lo);
        to += (hi - lo) * in->width;
    }
    out->x[m] = x;
    out->cu[m] = cu;
    return MM_OK;
}

mm_status mm_data_batch(mm_fuse_batch *out, const mm_data *d, const mm_head *h, const int32_t *sample, int samples,
                        const int32_t *pick, mm_arena *a, mm_err *e)
{
    mm_status s = MM_OK;
    out->n = samples;
    for (int m = 0; s == MM_OK && m < h->inputs; m++) {
        const mm_data_modality *from = mm_data_modality_of(d, h->input[m].name);
        if (from && from->width != h->input[m].width)
            return mm_fail(e, MM_FATAL, "the head takes %s vectors of width %lld, these have %lld", h->input[m].name,
                           (long long)h->input[m].width, (long long)from->width);
        s = gather(out, m, from, h, sample, pick, a, e);
    }
    return s;
}
