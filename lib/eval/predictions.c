#include "eval/predictions.h"

#include "base/grow.h"
#include "base/name_list.h"
#include "base/suggest.h"
#include "stream/object.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    mm_prediction *p;
    int64_t n, cap;
} prediction_list;

/* The ground truth of one id. */
typedef struct {
    const char *id, *field; /* field "": the label is not a map */
    const char *text;
} true_label;

typedef struct {
    true_label *p;
    int64_t n, cap;
} true_labels;

struct mm_prediction_set {
    mm_arena arena;
    prediction_list predicted;
    true_labels given, carried; /* from a stream of their own; from the records of the predictions */
    const char *field;
    mm_seen names;   /* the label fields of all records */
    mm_seen outputs; /* … of the predictions to evaluate; p NULL: not stated */
};

mm_status mm_prediction_set_new(mm_prediction_set **out, const char *field, mm_err *e)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return mm_fail_memory(e);
    (*out)->field = field;
    return MM_OK;
}

void mm_prediction_set_free(mm_prediction_set *c)
{
    if (!c)
        return;
    free(c->predicted.p);
    free(c->given.p);
    free(c->carried.p);
    mm_arena_free(&c->arena);
    free(c);
}

static mm_prediction *append(prediction_list *l)
{
    if (!mm_grow(&l->p, &l->cap, l->n))
        return NULL;
    l->p[l->n] = (mm_prediction){0};
    return &l->p[l->n++];
}

static const char *id_of(mm_arena *a, const mm_record *rec)
{
    return rec->part >= 0 ? mm_arena_printf(a, "%.*s:%lld", MM_STRF(rec->key), (long long)rec->part)
                          : mm_arena_strdup(a, rec->key);
}

/* ---- label fields ---- */

int mm_prediction_set_fields(const mm_prediction_set *c, const mm_str **field)
{
    *field = c->outputs.v;
    return c->outputs.n;
}

bool mm_prediction_set_has_field(const mm_prediction_set *c, const char *field)
{
    return c->names.n ? mm_seen_has(&c->names, mm_str_of(field)) : strcmp(field, "label") == 0;
}

const char *mm_prediction_set_hint(const mm_prediction_set *c, char *out, size_t size)
{
    return mm_suggest_text(out, size, mm_str_of(c->field ? c->field : ""), c->names.v, c->names.n);
}

/* ---- ground truth ---- */

static mm_status add_one(mm_prediction_set *c, true_labels *l, const char *id, mm_str field,
                         const msgpack_object *value, mm_err *e)
{
    mm_str text = mm_object_text(value, &c->arena);
    if (!text.n) /* an empty cell is not a label */
        return MM_OK;
    if (!mm_grow(&l->p, &l->cap, l->n))
        return mm_fail_memory(e);
    true_label k = {id, mm_arena_strdup(&c->arena, field.p ? field : MM_STR("")), mm_arena_strdup(&c->arena, text)};
    if (!k.id || !k.field || !k.text)
        return mm_fail_memory(e);
    if (field.p)
        mm_seen_add(&c->names, field, &c->arena);
    l->p[l->n++] = k;
    return MM_OK;
}

/* A label, or each entry of a label that is a map. */
static mm_status add_true_labels(mm_prediction_set *c, true_labels *l, const char *id, const msgpack_object *o,
                                 mm_err *e)
{
    mm_status s = MM_OK;
    if (!o || o->type != MSGPACK_OBJECT_MAP)
        return o ? add_one(c, l, id, (mm_str){0}, o, e) : MM_OK;
    for (uint32_t i = 0; s == MM_OK && i < o->via.map.size; i++) {
        mm_str name = mm_object_as_str(&o->via.map.ptr[i].key);
        if (name.p)
            s = add_one(c, l, id, name, &o->via.map.ptr[i].val, e);
    }
    return s;
}

mm_status mm_prediction_set_add_ground_truth(mm_prediction_set *c, const mm_record *rec, mm_err *e)
{
    if (rec->label.type == MSGPACK_OBJECT_NIL)
        return MM_OK;
    const char *id = mm_arena_strdup(&c->arena, rec->key);
    return id ? add_true_labels(c, &c->given, id, &rec->label, e) : mm_fail_memory(e);
}

/* ---- predictions ---- */

static mm_status take_distribution(mm_prediction_set *c, mm_prediction *j, const msgpack_object *map, mm_err *e)
{
    uint32_t n = map->via.map.size;
    j->name = mm_arena_zalloc(&c->arena, n + 1, sizeof *j->name);
    j->prob = mm_arena_zalloc(&c->arena, n + 1, sizeof *j->prob);
    if (!j->name || !j->prob)
        return mm_fail_memory(e);
    double best = -INFINITY;
    for (uint32_t i = 0; i < n; i++) {
        double p;
        mm_str name = mm_object_text(&map->via.map.ptr[i].key, &c->arena);
        if (!name.p || !mm_object_float(&map->via.map.ptr[i].val, &p) || !isfinite(p))
            continue;
        j->name[j->n] = mm_arena_strdup(&c->arena, name);
        j->prob[j->n] = p;
        if (!j->name[j->n])
            return mm_fail_memory(e);
        if (p > best) {
            best = p;
            j->predicted = j->name[j->n];
        }
        j->n++;
    }
    return MM_OK;
}

static mm_status take_plain(mm_prediction_set *c, mm_prediction *j, const msgpack_object *label, mm_err *e)
{
    mm_str text = mm_object_text(label, &c->arena);
    j->number = mm_object_float(label, &j->value);
    if (!text.p)
        return MM_OK;
    j->predicted = mm_arena_strdup(&c->arena, text);
    return j->predicted ? MM_OK : mm_fail_memory(e);
}

mm_status mm_prediction_set_add(mm_prediction_set *c, const mm_record *rec, mm_err *e)
{
    if (rec->kind != MM_KIND_LABEL || rec->label.type == MSGPACK_OBJECT_NIL)
        return MM_OK;
    const msgpack_object *of = mm_map_get(&rec->meta, "field");
    mm_str field = of ? mm_object_as_str(of) : mm_str_of(c->field);
    if (of)
        mm_seen_add(&c->names, field, &c->arena);
    if (of && c->field && !mm_str_is(field, c->field))
        return MM_OK; /* another output of the head */
    mm_seen_add(&c->outputs, field, &c->arena);
    mm_prediction *j = append(&c->predicted);
    if (!j || !(j->id = id_of(&c->arena, rec)))
        return mm_fail_memory(e);
    if (field.p && !(j->field = mm_arena_strdup(&c->arena, field)))
        return mm_fail_memory(e);
    j->first = c->carried.n;
    mm_status s = add_true_labels(c, &c->carried, j->id, mm_map_get(&rec->meta, "truth"), e);
    j->carried = c->carried.n - j->first;
    if (s != MM_OK)
        return s;
    return rec->label.type == MSGPACK_OBJECT_MAP ? take_distribution(c, j, &rec->label, e)
                                                 : take_plain(c, j, &rec->label, e);
}

/* ---- matching ---- */

static int by_id(const void *a, const void *b)
{
    return strcmp(((const mm_prediction *)a)->id, ((const mm_prediction *)b)->id);
}

static int by_label_id(const void *a, const void *b)
{
    return strcmp(((const true_label *)a)->id, ((const true_label *)b)->id);
}

static int by_id_and_field(const void *a, const void *b)
{
    int c = by_label_id(a, b);
    return c ? c : strcmp(((const true_label *)a)->field, ((const true_label *)b)->field);
}

/* Checks that no id has two labels in one field; the list is sorted. */
static mm_status check_unique(const true_labels *l, mm_err *e)
{
    for (int64_t i = 1; i < l->n; i++)
        if (by_id_and_field(&l->p[i - 1], &l->p[i]) == 0 && strcmp(l->p[i - 1].text, l->p[i].text) != 0)
            return mm_fail(e, MM_SKIP, "the ground truth has two labels for key %s: %s and %s", l->p[i].id,
                           l->p[i - 1].text, l->p[i].text);
    return MM_OK;
}

/* The label of a field among k[n], all of one id: its own entry; or a plain label, if all predictions are of one field,
 * or the field is called "label" (as training calls plain labels); or the only entry, if the prediction names no field.
 */
static const char *label_of_field(const mm_prediction_set *c, const true_label *k, int64_t n, const char *field)
{
    const char *plain = NULL;
    for (int64_t i = 0; i < n; i++) {
        if (field && strcmp(k[i].field, field) == 0)
            return k[i].text;
        if (!*k[i].field && !plain)
            plain = k[i].text;
    }
    if (plain && (!field || c->outputs.n == 1 || strcmp(field, "label") == 0))
        return plain;
    return !field && n == 1 ? k[0].text : NULL;
}

/* The same for an id among the labels of a stream of their own; "key:part" falls back to "key". */
static const char *label_of_id(const mm_prediction_set *c, const char *id, const char *field)
{
    char key[1024];
    const true_label want = {.id = id}, *k = c->given.p;
    const true_label *hit = bsearch(&want, k, (size_t)c->given.n, sizeof *k, by_label_id);
    const char *colon = strrchr(id, ':');
    if (!hit && colon && (size_t)(colon - id) < sizeof key) {
        memcpy(key, id, (size_t)(colon - id));
        key[colon - id] = 0;
        hit = bsearch(&(true_label){.id = key}, k, (size_t)c->given.n, sizeof *k, by_label_id);
    }
    if (!hit)
        return NULL;
    int64_t from = hit - k, to = from;
    while (from > 0 && strcmp(k[from - 1].id, hit->id) == 0)
        from--;
    while (to < c->given.n && strcmp(k[to].id, hit->id) == 0)
        to++;
    return label_of_field(c, k + from, to - from, field);
}

mm_status mm_prediction_set_matched(const mm_prediction_set *c, mm_str field, mm_prediction **out, int64_t *n,
                                    int64_t *without, mm_arena *a, mm_err *e)
{
    mm_prediction *list = mm_arena_alloc(a, (size_t)(c->predicted.n + 1) * sizeof *list);
    if (!list)
        return mm_fail_memory(e);
    if (c->given.n)
        qsort(c->given.p, (size_t)c->given.n, sizeof *c->given.p, by_id_and_field);
    if (check_unique(&c->given, e) != MM_OK)
        return MM_SKIP;
    *n = *without = 0;
    for (int64_t i = 0; i < c->predicted.n; i++) {
        mm_prediction j = c->predicted.p[i];
        if (!j.field != !field.p || (j.field && !mm_str_is(field, j.field)))
            continue;
        j.target =
            c->given.n ? label_of_id(c, j.id, j.field) : label_of_field(c, c->carried.p + j.first, j.carried, j.field);
        if (j.target && j.predicted)
            list[(*n)++] = j;
        else
            (*without)++;
    }
    qsort(list, (size_t)*n, sizeof *list, by_id);
    *out = list;
    return MM_OK;
}

int64_t mm_predictions_intersect(mm_prediction *a, int64_t na, mm_prediction *b, int64_t nb)
{
    int64_t n = 0;
    for (int64_t i = 0, j = 0; i < na && j < nb;) {
        int order = strcmp(a[i].id, b[j].id);
        if (order == 0) {
            a[n] = a[i++];
            b[n++] = b[j++];
        } else if (order < 0) {
            i++;
        } else {
            j++;
        }
    }
    return n;
}
