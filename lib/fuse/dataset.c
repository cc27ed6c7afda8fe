#include "fuse/dataset.h"

#include "base/grow.h"
#include "base/hash.h"
#include "fuse/dataset_state.h"
#include "stream/object.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

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
        free(d->label[f].p);
    mm_name_ids_free(&d->keys);
    free(d->view.key);
    mm_arena_free(&d->arena);
    free(d);
}

/* ---- samples by key ---- */

static mm_status sample_of(mm_dataset *d, mm_str key, int32_t *sample, mm_err *e)
{
    mm_status s = mm_name_id(&d->keys, key, sample, e);
    if (s != MM_OK || d->view.n == d->keys.n)
        return s;
    if (!mm_grow(&d->view.key, &d->key_cap, d->view.n))
        return mm_fail_memory(e);
    d->view.key[d->view.n++] = d->keys.name[*sample].p;
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

/* The parts of one source repeat its label. */
static bool is_repeated(const mm_data_labels *list, int32_t sample, const char *text)
{
    const mm_data_label *last = list->n ? &list->p[list->n - 1] : NULL;
    return last && last->sample == sample && strcmp(last->text, text) == 0;
}

static mm_status add_value(mm_dataset *d, int32_t sample, mm_str field, const msgpack_object *value, mm_str src,
                           mm_err *e)
{
    int f = 0;
    mm_str text = mm_object_text(value, &d->arena);
    if (!text.n) /* an empty cell is not a label */
        return MM_OK;
    const char *own = mm_arena_strdup(&d->arena, text);
    mm_status s = own ? field_of(d, field, &f, e) : mm_fail_memory(e);
    if (s != MM_OK)
        return s;
    mm_data_labels *list = &d->label[f];
    if (is_repeated(list, sample, own))
        return MM_OK;
    const char *from = mm_arena_strdup(&d->arena, src);
    if (!from || !mm_grow(&list->p, &list->cap, list->n))
        return mm_fail_memory(e);
    list->p[list->n++] = (mm_data_label){sample, own, from};
    return MM_OK;
}

static mm_status add_label(mm_dataset *d, int32_t sample, const msgpack_object *label, mm_str src, mm_err *e)
{
    if (label->type != MSGPACK_OBJECT_MAP)
        return add_value(d, sample, MM_STR("label"), label, src, e);
    mm_status s = MM_OK;
    for (uint32_t i = 0; s == MM_OK && i < label->via.map.size; i++) {
        const msgpack_object_kv *kv = &label->via.map.ptr[i];
        s = add_value(d, sample, mm_object_as_str(&kv->key), &kv->val, src, e);
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

/* A single NaN or infinity (a number too large for f32 becomes one) would turn every weight of a head into NaN. */
static mm_status check_finite(mm_str key, mm_str of, const float *x, int64_t n, mm_err *e)
{
    bool finite = true;
    for (int64_t i = 0; i < n; i++)
        finite &= isfinite(x[i]) != 0;
    return finite ? MM_OK
                  : mm_fail(e, MM_FATAL, "%.*s: its vector of %.*s holds NaN, infinity or a number too large for f32",
                            MM_STRF(key), MM_STRF(of));
}

/* A new piece of `rows` rows; the caller fills in the values. */
static mm_status add_piece(mm_dataset *d, int32_t sample, mm_str as, mm_str space, mm_str src, int64_t rows,
                           int64_t width, float **x, mm_err *e)
{
    int m = 0;
    mm_status s = modality_of(d, as, space, width, &m, e);
    if (s != MM_OK)
        return s;
    mm_data_pieces *list = &d->piece[m];
    *x = mm_arena_alloc(&d->arena, (size_t)(rows * width) * sizeof **x);
    if (!*x || !mm_grow(&list->p, &list->cap, list->n))
        return mm_fail_memory(e);
    list->p[list->n] = (mm_data_piece){sample, (int32_t)list->n, rows, *x, mm_hash(src)};
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

/* ---- lookups ---- */

const mm_data_modality *mm_data_modality_of(const mm_data *d, const char *name)
{
    for (int m = 0; m < d->modalities; m++)
        if (strcmp(d->modality[m].name, name) == 0)
            return &d->modality[m];
    return NULL;
}

const mm_data_field *mm_data_field_of(const mm_data *d, const char *name)
{
    for (int f = 0; f < d->fields; f++)
        if (strcmp(d->field[f].name, name) == 0)
            return &d->field[f];
    return NULL;
}
