#include "fuse/dataset.h"

#include "base/grow.h"
#include "base/hash.h"
#include "fuse/label_conflict.h"
#include "stream/object.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The rows that one record brought, as they wait for mm_dataset_finish. */
typedef struct {
    int32_t sample, order; /* order of arrival keeps the sort stable */
    int64_t rows;
    const float *x;
    uint64_t src; /* its hash */
} piece;

typedef struct {
    piece *p;
    int64_t n, cap;
} pieces;

/* One label of one sample. */
typedef struct {
    int32_t sample;
    const char *text, *src;
} mark;

typedef struct {
    mark *p;
    int64_t n, cap;
} marks;

struct mm_dataset {
    mm_data view;
    int32_t *slot; /* hash table of samples, −1: free */
    int64_t slots, key_cap;
    pieces piece[MM_MAX_MODALITIES];
    marks mark[MM_MAX_OUTPUTS];
    mm_arena arena;
};

mm_status mm_dataset_new(mm_dataset **out, mm_err *e)
{
    *out = calloc(1, sizeof **out);
    return *out ? MM_OK : mm_fail_memory(e);
}

void mm_dataset_free(mm_dataset *d)
{
    if (!d)
        return;
    for (int m = 0; m < MM_MAX_MODALITIES; m++)
        free(d->piece[m].p);
    for (int f = 0; f < MM_MAX_OUTPUTS; f++)
        free(d->mark[f].p);
    free(d->slot);
    free(d->view.key);
    mm_arena_free(&d->arena);
    free(d);
}

/* ---- samples by key ---- */

/* The slot where key is, or where it belongs. */
static int64_t slot_of(const mm_dataset *d, mm_str key)
{
    int64_t at = (int64_t)(mm_hash(key) & (uint64_t)(d->slots - 1));
    while (d->slot[at] >= 0 && !mm_str_is(key, d->view.key[d->slot[at]]))
        at = (at + 1) & (d->slots - 1);
    return at;
}

static mm_status rehash(mm_dataset *d, mm_err *e)
{
    int64_t slots = d->slots ? 2 * d->slots : 256;
    int32_t *slot = malloc((size_t)slots * sizeof *slot);
    if (!slot)
        return mm_fail_memory(e);
    free(d->slot);
    d->slot = slot;
    d->slots = slots;
    for (int64_t i = 0; i < slots; i++)
        slot[i] = -1;
    for (int i = 0; i < d->view.n; i++)
        slot[slot_of(d, mm_str_of(d->view.key[i]))] = i;
    return MM_OK;
}

static mm_status sample_of(mm_dataset *d, mm_str key, int32_t *sample, mm_err *e)
{
    mm_status s = 2 * (int64_t)d->view.n >= d->slots ? rehash(d, e) : MM_OK;
    if (s != MM_OK)
        return s;
    int64_t at = slot_of(d, key);
    if (d->slot[at] < 0) {
        char *own = mm_arena_strdup(&d->arena, key);
        if (!own || !mm_grow(&d->view.key, &d->key_cap, d->view.n))
            return mm_fail_memory(e);
        d->view.key[d->view.n] = own;
        d->slot[at] = d->view.n++;
    }
    *sample = d->slot[at];
    return MM_OK;
}

/* ---- labels ---- */

static mm_status field_of(mm_dataset *d, mm_str name, int *field, mm_err *e)
{
    for (int f = 0; f < d->view.fields; f++) {
        if (mm_str_is(name, d->view.field[f].name)) {
            *field = f;
            return MM_OK;
        }
    }
    if (d->view.fields == MM_MAX_OUTPUTS)
        return mm_fail(e, MM_FATAL, "more than %d label fields", MM_MAX_OUTPUTS);
    const char *own = mm_arena_strdup(&d->arena, name);
    if (!own)
        return mm_fail_memory(e);
    *field = d->view.fields++;
    d->view.field[*field].name = own;
    return MM_OK;
}

/* The parts of one source say the same again and again. */
static bool said_just_now(const marks *list, int32_t sample, const char *text)
{
    const mark *last = list->n ? &list->p[list->n - 1] : NULL;
    return last && last->sample == sample && strcmp(last->text, text) == 0;
}

static mm_status add_mark(mm_dataset *d, int32_t sample, mm_str field, const msgpack_object *value, mm_str src,
                          mm_err *e)
{
    int f = 0;
    mm_str text = mm_object_text(value, &d->arena);
    if (!text.n) /* nor is an empty cell a label */
        return MM_OK;
    const char *own = mm_arena_strdup(&d->arena, text);
    mm_status s = own ? field_of(d, field, &f, e) : mm_fail_memory(e);
    if (s != MM_OK)
        return s;
    marks *list = &d->mark[f];
    if (said_just_now(list, sample, own))
        return MM_OK;
    const char *from = mm_arena_strdup(&d->arena, src);
    if (!from || !mm_grow(&list->p, &list->cap, list->n))
        return mm_fail_memory(e);
    list->p[list->n++] = (mark){sample, own, from};
    return MM_OK;
}

static mm_status add_label(mm_dataset *d, int32_t sample, const msgpack_object *label, mm_str src, mm_err *e)
{
    if (label->type != MSGPACK_OBJECT_MAP)
        return add_mark(d, sample, MM_STR("label"), label, src, e);
    mm_status s = MM_OK;
    for (uint32_t i = 0; s == MM_OK && i < label->via.map.size; i++) {
        const msgpack_object_kv *kv = &label->via.map.ptr[i];
        s = add_mark(d, sample, mm_object_as_str(&kv->key), &kv->val, src, e);
    }
    return s;
}

/* ---- features ---- */

static mm_status modality_of(mm_dataset *d, mm_str name, mm_str space, int64_t width, int *modality, mm_err *e)
{
    for (int m = 0; m < d->view.modalities; m++) {
        const mm_data_modality *have = &d->view.modality[m];
        if (!mm_str_is(name, have->name))
            continue;
        if (!mm_str_is(space, have->space))
            return mm_fail(e, MM_FATAL, "%s vectors of two spaces: %s and %.*s", have->name, have->space,
                           MM_STRF(space));
        if (width != have->width)
            return mm_fail(e, MM_FATAL, "%s vectors of two widths: %lld and %lld", have->name, (long long)have->width,
                           (long long)width);
        *modality = m;
        return MM_OK;
    }
    if (d->view.modalities == MM_MAX_MODALITIES)
        return mm_fail(e, MM_FATAL, "more than %d modalities", MM_MAX_MODALITIES);
    mm_data_modality one = {
        .name = mm_arena_strdup(&d->arena, name), .space = mm_arena_strdup(&d->arena, space), .width = width};
    if (!one.name || !one.space)
        return mm_fail_memory(e);
    *modality = d->view.modalities++;
    d->view.modality[*modality] = one;
    return MM_OK;
}

/* One NaN, or a number above what f32 holds, and every weight of a head would be NaN. */
static mm_status check_finite(mm_str key, mm_str of, const float *x, int64_t n, mm_err *e)
{
    bool finite = true;
    for (int64_t i = 0; i < n; i++)
        finite &= isfinite(x[i]) != 0;
    return finite ? MM_OK
                  : mm_fail(e, MM_FATAL, "%.*s: its vector of %.*s holds NaN or infinity, or more than f32 can",
                            MM_STRF(key), MM_STRF(of));
}

/* A new piece of `rows` rows whose values the caller fills. */
static mm_status add_piece(mm_dataset *d, int32_t sample, mm_str as, mm_str space, mm_str src, int64_t rows,
                           int64_t width, float **x, mm_err *e)
{
    int m = 0;
    mm_status s = modality_of(d, as, space, width, &m, e);
    if (s != MM_OK)
        return s;
    pieces *list = &d->piece[m];
    *x = mm_arena_alloc(&d->arena, (size_t)(rows * width) * sizeof **x);
    if (!*x || !mm_grow(&list->p, &list->cap, list->n))
        return mm_fail_memory(e);
    list->p[list->n] = (piece){sample, (int32_t)list->n, rows, *x, mm_hash(src)};
    list->n++;
    return MM_OK;
}

static mm_status add_rows(mm_dataset *d, int32_t sample, const mm_record *rec, mm_str as, mm_err *e)
{
    float *x = NULL;
    const mm_shape *shape = &rec->tensor.s;
    if (shape->rank < 1 || shape->rank > 2)
        return mm_fail(e, MM_FATAL, "%.*s: a feature of %d dimensions", MM_STRF(rec->key), shape->rank);
    int64_t width = shape->dim[shape->rank - 1], rows = shape->rank == 2 ? shape->dim[0] : 1;
    mm_status s = add_piece(d, sample, as, rec->space, rec->src, rows, width, &x, e);
    if (s != MM_OK)
        return s;
    mm_to_f32(x, rec->tensor.data, shape->type, rows * width);
    return check_finite(rec->key, as, x, rows * width, e);
}

mm_status mm_dataset_add(mm_dataset *d, const mm_record *rec, const char *as, mm_err *e)
{
    int32_t sample = 0;
    bool feature = rec->kind == MM_KIND_FEATURE && rec->has_tensor, labelled = rec->label.type != MSGPACK_OBJECT_NIL;
    if (!feature && !labelled)
        return MM_OK;
    mm_status s = sample_of(d, rec->key, &sample, e);
    if (s == MM_OK && feature)
        s = add_rows(d, sample, rec, as ? mm_str_of(as) : mm_record_modality(rec), e);
    if (s == MM_OK && labelled)
        s = add_label(d, sample, &rec->label, rec->src, e);
    return s;
}

/* ---- finishing ---- */

static int by_sample(const void *a, const void *b)
{
    const piece *x = a, *y = b;
    return x->sample != y->sample ? (x->sample > y->sample) - (x->sample < y->sample) : x->order - y->order;
}

/* `before`: the piece in front of it in the order of samples. */
static void note_source(mm_data *d, const piece *p, const piece *before)
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
    pieces *list = &d->piece[m];
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
        const piece *p = &list->p[i];
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

/* The first mark of its sample and `now` give two values. */
static mm_status note_clash(mm_dataset *d, mm_data_field *out, const marks *list, const mark *now, mm_err *e)
{
    mm_err why;
    const mark *first = list->p;
    while (first->sample != now->sample)
        first++;
    mm_label_conflict_fail(mm_str_of(d->view.key[now->sample]), mm_str_of(out->name),
                           (mm_str[]){mm_str_of(first->text), mm_str_of(now->text)},
                           (mm_str[]){mm_str_of(first->src), mm_str_of(now->src)}, &why);
    out->clash = mm_arena_strdup(&d->arena, mm_str_of(why.text));
    return out->clash ? MM_OK : mm_fail_memory(e);
}

static mm_status pack_field(mm_dataset *d, int f, mm_err *e)
{
    mm_data_field *out = &d->view.field[f];
    const marks *list = &d->mark[f];
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
        const mark *m = &list->p[i];
        const char **at = bsearch(&m->text, classes, (size_t)out->count, sizeof *classes, by_text);
        int32_t id = (int32_t)(at - classes), *has = &out->id[m->sample];
        if (*has >= 0 && *has != id && !out->clash)
            s = note_clash(d, out, list, m, e);
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

int mm_data_modality_of(const mm_data *d, const char *name)
{
    for (int m = 0; m < d->modalities; m++)
        if (strcmp(d->modality[m].name, name) == 0)
            return m;
    return -1;
}

int mm_data_field_of(const mm_data *d, const char *name)
{
    for (int f = 0; f < d->fields; f++)
        if (strcmp(d->field[f].name, name) == 0)
            return f;
    return -1;
}
