#include "fuse/features.h"

#include "fuse/label_conflict.h"

#include <math.h>

const mm_modality_rows *mm_features_find(const mm_features *j, mm_str of)
{
    for (int m = 0; m < j->n; m++)
        if (mm_str_eq(j->of[m].of, of))
            return &j->of[m];
    return NULL;
}

static bool is_feature(const mm_record *r)
{
    return r->kind == MM_KIND_FEATURE && r->has_tensor;
}

static void size_of(const mm_record *r, int64_t *rows, int64_t *width)
{
    const mm_shape *s = &r->tensor.s;
    *width = s->rank ? s->dim[s->rank - 1] : 1;
    *rows = s->rank == 2 ? s->dim[0] : 1;
}

/* The modality of r, added if r is its first record. */
static mm_status modality_of(mm_features *out, const mm_record *r, mm_modality_rows **part, mm_err *e)
{
    int64_t rows, width;
    mm_str of = mm_record_modality(r);
    size_of(r, &rows, &width);
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

/* Key, source and label (of the first record that has them), and the text of a single record. */
static void identity(mm_features *out, const mm_sample *s)
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

/* Checks that the labels of its records do not conflict. */
static mm_status check_labels(mm_sample *s, mm_err *e)
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
    if (check_labels(s, e) != MM_OK)
        return MM_SKIP;
    identity(out, s);
    for (int i = 0; i < s->n; i++) {
        if (!is_feature(&s->rec[i]))
            continue;
        mm_status status = modality_of(out, &s->rec[i], &p, e);
        if (status != MM_OK)
            return status;
        size_of(&s->rec[i], &rows, &width);
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
            if (!is_feature(r) || !mm_str_eq(mm_record_modality(r), p->of))
                continue;
            int64_t count = mm_shape_count(&r->tensor.s);
            mm_to_f32(x, r->tensor.data, r->tensor.s.type, count);
            x += count;
        }
    }
    return MM_OK;
}

/* ---- windows ---- */

/* How many seconds of [a, b) are in [from, to); an instant counts as a millisecond. */
static double overlap(double a, double b, double from, double to)
{
    if (b - a < 1e-3)
        return a >= from && a < to ? 1e-3 : 0;
    double lo = fmax(a, from), hi = fmin(b, to);
    return hi > lo ? hi - lo : 0;
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
    size_of(r, &rows, &width);
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

static mm_status fill_window(mm_features *out, mm_sample *s, const float *const *x, mm_err *e)
{
    double weight[MM_MAX_MODALITIES] = {0};
    mm_modality_rows *p;
    for (int i = 0; i < s->n; i++) {
        if (!is_feature(&s->rec[i]))
            continue;
        mm_status status = modality_of(out, &s->rec[i], &p, e);
        if (status != MM_OK)
            return status;
        float *sum = (float *)p->x;
        if (!sum)
            p->x = sum = mm_arena_zalloc(&s->arena, (size_t)p->width, sizeof *sum);
        if (!sum)
            return mm_fail_memory(e);
        weight[p - out->of] += pool_into(sum, &s->rec[i], x[i], out->time[0], out->time[1]);
    }
    for (int m = 0; m < out->n; m++) {
        p = &out->of[m];
        p->rows = weight[m] > 0;
        for (int64_t c = 0; p->rows && c < p->width; c++)
            ((float *)p->x)[c] /= (float)weight[m];
    }
    return MM_OK;
}

mm_status mm_features_of_windows(mm_features **out, int *n, mm_sample *s, double window, double hop, mm_err *e)
{
    enum { MOST = 1 << 20 };
    double end = 0;
    if (check_labels(s, e) != MM_OK)
        return MM_SKIP;
    const float **x = mm_arena_zalloc(&s->arena, (size_t)s->n, sizeof *x);
    for (int i = 0; x && i < s->n; i++) {
        if (!is_feature(&s->rec[i]))
            continue;
        x[i] = mm_tensor_f32(&s->arena, &s->rec[i].tensor);
        if (!x[i])
            return mm_fail_memory(e);
        if (s->rec[i].has_time)
            end = fmax(end, fmax(s->rec[i].time[1], s->rec[i].time[0] + 1e-3));
    }
    double count = end > 0 ? ceil(end / hop - 1e-9) : 1;
    if (!(count <= MOST))
        return mm_fail(e, MM_SKIP, "%.*s: more than a million windows", MM_STRF(s->key));
    *n = (int)count;
    *out = mm_arena_zalloc(&s->arena, (size_t)*n, sizeof **out);
    if (!x || !*out)
        return mm_fail_memory(e);
    mm_status status = MM_OK;
    for (int k = 0; status == MM_OK && k < *n; k++) {
        mm_features *w = &(*out)[k];
        identity(w, s);
        w->part = k;
        w->has_time = true;
        w->time[0] = k * hop;
        w->time[1] = k * hop + window;
        status = fill_window(w, s, x, e);
    }
    return status;
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
