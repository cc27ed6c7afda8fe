/* dataset_pack.c: what a dataset collected, packed into arrays: rows sample by sample, labels as class numbers. */
#include "fuse/dataset_state.h"
#include "fuse/label_conflict.h"

#include <math.h>
#include <stdlib.h>

static int by_sample(const void *a, const void *b)
{
    const mm_data_piece *x = a, *y = b;
    return x->sample != y->sample ? (x->sample > y->sample) - (x->sample < y->sample) : x->order - y->order;
}

/* Counts the record, and the sample as mixed when `before`, the previous piece, has another source. */
static void note_source(mm_data *d, const mm_data_piece *p, const mm_data_piece *before)
{
    bool more = before && before->sample == p->sample;
    d->records[p->sample]++;
    if (!more || before->src == p->src)
        return;
    if (!d->mixed++)
        d->mixed_key = d->key[p->sample];
}

static mm_status pack_modality(mm_dataset *d, int m, mm_err *e)
{
    mm_data_modality *out = &d->view.modality[m];
    mm_data_pieces *list = &d->piece[m];
    int64_t rows = 0;
    for (int64_t i = 0; i < list->n; i++)
        rows += list->p[i].rows;
    out->cu = mm_arena_zalloc(&d->arena, (size_t)d->view.n + 1, sizeof *out->cu);
    out->x = mm_arena_alloc(&d->arena, (size_t)(rows * out->width) * sizeof *out->x);
    if (!out->cu || !out->x)
        return mm_fail_memory(e);
    qsort(list->p, (size_t)list->n, sizeof *list->p, by_sample);
    float *to = out->x;
    for (int64_t i = 0; i < list->n; i++) {
        const mm_data_piece *p = &list->p[i];
        note_source(&d->view, p, i ? p - 1 : NULL);
        memcpy(to, p->x, (size_t)(p->rows * out->width) * sizeof *to);
        to += p->rows * out->width;
        out->cu[p->sample + 1] += p->rows;
    }
    for (int i = 0; i < d->view.n; i++)
        out->cu[i + 1] += out->cu[i];
    return MM_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static double number_of(const char *text)
{
    char *end;
    double x = strtod(text, &end);
    return end == text || *end || !isfinite(x) ? (double)NAN : x;
}

/* Notes that `now` and an earlier label of its sample differ. */
static mm_status note_conflict(mm_dataset *d, mm_data_field *out, const mm_data_labels *list, const mm_data_label *now,
                               mm_err *e)
{
    mm_err why;
    const mm_data_label *first = list->p;
    while (first->sample != now->sample)
        first++;
    mm_label_conflict_fail(mm_str_of(d->view.key[now->sample]), mm_str_of(out->name),
                           (mm_str[]){mm_str_of(first->text), mm_str_of(now->text)},
                           (mm_str[]){mm_str_of(first->src), mm_str_of(now->src)}, &why);
    out->conflict = mm_arena_strdup(&d->arena, mm_str_of(why.text));
    return out->conflict ? MM_OK : mm_fail_memory(e);
}

static mm_status pack_field(mm_dataset *d, int f, mm_err *e)
{
    mm_data_field *out = &d->view.field[f];
    const mm_data_labels *list = &d->label[f];
    size_t n = (size_t)d->view.n;
    const char **classes = mm_arena_zalloc(&d->arena, (size_t)list->n + 1, sizeof *classes);
    out->id = mm_arena_alloc(&d->arena, n * sizeof *out->id);
    out->number = mm_arena_alloc(&d->arena, n * sizeof *out->number);
    if (!classes || !out->id || !out->number)
        return mm_fail_memory(e);
    for (int64_t i = 0; i < list->n; i++)
        classes[i] = list->p[i].text;
    qsort(classes, (size_t)list->n, sizeof *classes, by_text);
    for (int64_t i = 0; i < list->n; i++)
        if (i == 0 || strcmp(classes[i], classes[out->count - 1]))
            classes[out->count++] = classes[i];
    for (size_t i = 0; i < n; i++) {
        out->id[i] = -1;
        out->number[i] = NAN;
    }
    mm_status s = MM_OK;
    for (int64_t i = 0; s == MM_OK && i < list->n; i++) {
        const mm_data_label *m = &list->p[i];
        const char **at = bsearch(&m->text, classes, (size_t)out->count, sizeof *classes, by_text);
        int32_t id = (int32_t)(at - classes), *has = &out->id[m->sample];
        if (*has >= 0 && *has != id && !out->conflict)
            s = note_conflict(d, out, list, m, e);
        if (*has >= 0)
            continue;
        *has = id;
        out->number[m->sample] = number_of(m->text);
    }
    out->classes = classes;
    return s;
}

mm_status mm_dataset_finish(mm_dataset *d, const mm_data **out, mm_err *e)
{
    d->view.records = mm_arena_zalloc(&d->arena, (size_t)d->view.n + 1, sizeof *d->view.records);
    mm_status s = d->view.records ? MM_OK : mm_fail_memory(e);
    for (int m = 0; s == MM_OK && m < d->view.modalities; m++)
        s = pack_modality(d, m, e);
    for (int f = 0; s == MM_OK && f < d->view.fields; f++)
        s = pack_field(d, f, e);
    if (s == MM_OK)
        *out = &d->view;
    return s;
}
