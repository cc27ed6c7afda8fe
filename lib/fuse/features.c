#include "fuse/features.h"

#include "fuse/label_conflict.h"

const mm_modality_rows *mm_features_find(const mm_features *j, mm_str of)
{
    for (int m = 0; m < j->n; m++)
        if (mm_str_eq(j->of[m].of, of))
            return &j->of[m];
    return NULL;
}

void mm_feature_size(const mm_record *r, int64_t *rows, int64_t *width)
{
    const mm_shape *s = &r->tensor.s;
    *width = s->rank ? s->dim[s->rank - 1] : 1;
    *rows = s->rank == 2 ? s->dim[0] : 1;
}

mm_status mm_features_modality(mm_features *out, const mm_record *r, mm_modality_rows **part, mm_err *e)
{
    int64_t rows, width;
    mm_str of = mm_record_modality(r);
    mm_feature_size(r, &rows, &width);
    if (r->tensor.s.rank > 2)
        return mm_fail(e, MM_SKIP, "%.*s: a feature of %d dimensions", MM_STRF(r->key), r->tensor.s.rank);
    mm_modality_rows *p = (mm_modality_rows *)mm_features_find(out, of);
    if (!p) {
        if (out->n == MM_MAX_MODALITIES)
            return mm_fail(e, MM_SKIP, "%.*s: more than %d modalities", MM_STRF(r->key), MM_MAX_MODALITIES);
        p = &out->of[out->n++];
        *p = (mm_modality_rows){.of = of, .space = r->space, .src = r->src, .width = width};
    }
    if (!out->mixed.p && !mm_str_eq(p->src, r->src))
        out->mixed = r->src;
    if (p->width != width || !mm_str_eq(p->space, r->space))
        return mm_fail(e, MM_SKIP, "%.*s: %.*s vectors of two spaces: %.*s and %.*s", MM_STRF(r->key), MM_STRF(of),
                       MM_STRF(p->space), MM_STRF(r->space));
    *part = p;
    return MM_OK;
}

void mm_features_identity(mm_features *out, const mm_sample *s)
{
    *out = (mm_features){.key = s->key, .part = -1, .label = {.type = MSGPACK_OBJECT_NIL}};
    for (int i = 0; i < s->n; i++) {
        if (!out->src.p)
            out->src = s->rec[i].src;
        if (out->label.type == MSGPACK_OBJECT_NIL)
            out->label = s->rec[i].label;
    }
    const msgpack_object *text = s->n == 1 ? mm_map_get(&s->rec[0].meta, "text") : NULL;
    if (text)
        out->text = mm_object_as_str(text);
}

mm_status mm_sample_check_labels(mm_sample *s, mm_err *e)
{
    mm_sourced_label first = {0};
    mm_status st = MM_OK;
    for (int i = 0; st == MM_OK && i < s->n; i++) {
        const mm_sourced_label one = {s->rec[i].src, s->rec[i].label};
        if (one.label.type == MSGPACK_OBJECT_NIL)
            continue;
        if (first.label.type == MSGPACK_OBJECT_NIL)
            first = one;
        st = mm_label_conflict_check(s->key, &first, &one, &s->arena, e);
    }
    return st;
}

mm_status mm_features_of_sample(mm_features *out, mm_sample *s, mm_err *e)
{
    mm_modality_rows *p;
    int64_t rows, width;
    if (mm_sample_check_labels(s, e) != MM_OK)
        return MM_SKIP;
    mm_features_identity(out, s);
    for (int i = 0; i < s->n; i++) {
        if (!mm_record_is_feature(&s->rec[i]))
            continue;
        mm_status status = mm_features_modality(out, &s->rec[i], &p, e);
        if (status != MM_OK)
            return status;
        mm_feature_size(&s->rec[i], &rows, &width);
        p->rows += rows;
    }
    for (int m = 0; m < out->n; m++) {
        p = &out->of[m];
        float *x = mm_arena_alloc(&s->arena, (size_t)(p->rows * p->width) * sizeof *x);
        if (!x)
            return mm_fail_memory(e);
        p->x = x;
        for (int i = 0; i < s->n; i++) {
            const mm_record *r = &s->rec[i];
            if (!mm_record_is_feature(r) || !mm_str_eq(mm_record_modality(r), p->of))
                continue;
            int64_t count = mm_shape_count(&r->tensor.s);
            mm_to_f32(x, r->tensor.data, r->tensor.s.type, count);
            x += count;
        }
    }
    return MM_OK;
}

/* ---- records ---- */

mm_status mm_features_record(mm_record *out, const mm_features *f, mm_kind kind, mm_arena *a, mm_err *e)
{
    *out = mm_record_new(kind);
    out->key = f->key;
    out->src = f->src;
    out->part = f->part;
    out->has_time = f->has_time;
    out->time[0] = f->time[0];
    out->time[1] = f->time[1];
    return f->text.p ? mm_meta_put_str(out, a, "text", f->text, e) : MM_OK;
}

mm_status mm_features_vector(mm_record *out, const mm_features *f, const float *x, int64_t width, mm_arena *a,
                             mm_err *e)
{
    mm_status s = mm_features_record(out, f, MM_KIND_FEATURE, a, e);
    out->label = f->label;
    out->has_tensor = true;
    out->tensor.data = x;
    return s == MM_OK ? mm_shape_make(&out->tensor.s, MM_F32, 1, &width, e) : s;
}
