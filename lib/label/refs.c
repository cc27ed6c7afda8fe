#include "label/refs.h"

#include "base/grow.h"
#include "label/vector.h"
#include "stream/object.h"

#include <math.h>
#include <stdlib.h>

/* realloc moves pages instead of copying them once there are gigabytes */
static mm_status grow(mm_refs *r, mm_err *e)
{
    int64_t rows = r->cap, labels = r->cap, sources = r->cap, texts = r->cap, parts = r->cap, times = r->cap;
    bool ok = mm_grow_rows(&r->row, &rows, r->n, r->stride) && mm_grow(&r->label, &labels, r->n) &&
              mm_grow(&r->src, &sources, r->n) && mm_grow(&r->text, &texts, r->n) && mm_grow(&r->part, &parts, r->n) &&
              mm_grow(&r->time, &times, r->n) && mm_grow(&r->key, &r->cap, r->n);
    return ok ? MM_OK : mm_fail_memory(e);
}

/* The first record says which space and dimension it is all about. */
static mm_status begin(mm_refs *r, const mm_record *rec, mm_err *e)
{
    mm_status s = mm_vector_dim(&r->dim, rec, e);
    if (s != MM_OK)
        return s;
    if (r->dim == 0)
        return mm_fail(e, MM_SKIP, "%.*s: a vector without elements", MM_STRF(rec->key));
    r->stride = mm_padded(r->dim);
    if (rec->space.p) {
        r->space = (mm_str){mm_arena_strdup(&r->arena, rec->space), rec->space.n};
        if (!r->space.p)
            return mm_fail_memory(e);
    }
    const msgpack_object *scale = mm_map_get(&rec->meta, "logit_scale");
    if (scale)
        mm_object_float(scale, &r->logit_scale);
    return MM_OK;
}

mm_status mm_refs_same_space(const mm_refs *r, const mm_record *rec, mm_err *e)
{
    static const mm_str none = {"(none)", 6};
    if (mm_str_eq(r->space, rec->space))
        return MM_OK;
    mm_str theirs = r->space.p ? r->space : none, its = rec->space.p ? rec->space : none;
    return mm_fail(e, MM_FATAL, "%.*s: vectors of space %.*s cannot be compared with vectors of space %.*s",
                   MM_STRF(rec->key), MM_STRF(its), MM_STRF(theirs));
}

mm_status mm_refs_add(mm_refs *r, const mm_record *rec, mm_str label, mm_err *e)
{
    mm_arena scratch = {0};
    mm_status s = r->dim ? mm_refs_same_space(r, rec, e) : begin(r, rec, e);
    if (s == MM_OK)
        s = grow(r, e);
    if (s == MM_OK)
        s = mm_vector_unit(r->row + r->n * r->stride, r->dim, rec, &scratch, e);
    if (s == MM_OK)
        s = mm_name_id(&r->names, label, &r->label[r->n], e);
    mm_arena_free(&scratch);
    if (s != MM_OK)
        return s;
    bool same = r->n && mm_str_eq(r->src[r->n - 1], rec->src); /* windows of a sound, rows of a table */
    r->key[r->n] = (mm_str){mm_arena_strdup(&r->arena, rec->key), rec->key.n};
    r->src[r->n] = same         ? r->src[r->n - 1]
                   : rec->src.p ? (mm_str){mm_arena_strdup(&r->arena, rec->src), rec->src.n}
                                : rec->src;
    r->text[r->n] = (mm_str){0};
    r->part[r->n] = rec->part;
    r->time[r->n][0] = rec->has_time ? rec->time[0] : NAN;
    r->time[r->n][1] = rec->has_time ? rec->time[1] : NAN;
    if (!r->key[r->n].p || !r->src[r->n].p != !rec->src.p)
        return mm_fail_memory(e);
    r->n++;
    return MM_OK;
}

mm_status mm_refs_set_text(mm_refs *r, mm_str text, mm_err *e)
{
    mm_str *to = &r->text[r->n - 1];
    *to = (mm_str){mm_arena_strdup(&r->arena, text), text.n};
    return to->p ? MM_OK : mm_fail_memory(e);
}

mm_status mm_refs_average(mm_refs *r, mm_err *e)
{
    int64_t n = r->names.n;
    float *mean = calloc((size_t)(n * r->stride), sizeof *mean);
    if (!mean)
        return mm_fail_memory(e);
    for (int64_t i = 0; i < r->n; i++)
        for (int64_t d = 0; d < r->dim; d++)
            mean[r->label[i] * r->stride + d] += r->row[i * r->stride + d];
    for (int32_t i = 0; i < n; i++) {
        mm_to_unit_length(mean + i * r->stride, mean + i * r->stride, r->dim);
        r->label[i] = i;
    }
    free(r->row);
    r->row = mean;
    r->n = r->cap = n;
    return MM_OK;
}

static int by_name(const void *a, const void *b, void *names)
{
    mm_str x = ((mm_str *)names)[*(const int32_t *)a], y = ((mm_str *)names)[*(const int32_t *)b];
    int d = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);
    return d ? d : (x.n > y.n) - (x.n < y.n);
}

mm_status mm_refs_sort_labels(mm_refs *r, mm_err *e)
{
    int32_t n = r->names.n;
    int32_t *order = malloc(2 * (size_t)n * sizeof *order + 1), *rank = order + n;
    mm_name_ids sorted = {0};
    if (!order)
        return mm_fail_memory(e);
    for (int32_t i = 0; i < n; i++)
        order[i] = i;
    qsort_r(order, (size_t)n, sizeof *order, by_name, r->names.name);
    mm_status s = MM_OK;
    for (int32_t i = 0, at; i < n && s == MM_OK; i++) {
        rank[order[i]] = i;
        s = mm_name_id(&sorted, r->names.name[order[i]], &at, e);
    }
    for (int64_t i = 0; i < r->n && s == MM_OK; i++)
        r->label[i] = rank[r->label[i]];
    mm_name_ids_free(s == MM_OK ? &r->names : &sorted);
    if (s == MM_OK)
        r->names = sorted;
    free(order);
    return s;
}

void mm_refs_free(mm_refs *r)
{
    free(r->row);
    free(r->label);
    free(r->key);
    free(r->src);
    free(r->text);
    free(r->part);
    free(r->time);
    mm_name_ids_free(&r->names);
    mm_arena_free(&r->arena);
    *r = (mm_refs){0};
}
