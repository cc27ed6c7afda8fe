#include "eval/predictions.h"

#include "base/grow.h"
#include "base/key_group.h"
#include "base/names.h"
#include "base/suggest.h"
#include "stream/object.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    mm_prediction *p;
    int64_t n, cap;
} judged_list;

/* One true label of one id. */
typedef struct {
    const char *id, *field; /* field "": a label that is no map */
    const char *text;
} known;

typedef struct {
    known *p;
    int64_t n, cap;
} known_list;

struct mm_prediction_set {
    mm_arena arena;
    judged_list predicted;
    known_list target, carried; /* of --truth; of the predictions themselves */
    const char *field;
    mm_seen names;   /* fields that any record told of */
    mm_seen outputs; /* those of the predictions that count; p NULL: they do not tell */
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
    free(c->target.p);
    free(c->carried.p);
    mm_arena_free(&c->arena);
    free(c);
}

static mm_prediction *append(judged_list *l)
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

const char *mm_prediction_set_hint(const mm_prediction_set *c, char *out, size_t size)
{
    return mm_suggest_text(out, size, mm_str_of(c->field ? c->field : ""), c->names.v, c->names.n);
}

/* ---- what is true ---- */

static mm_status add_known(mm_prediction_set *c, known_list *l, const char *id, mm_str field,
                           const msgpack_object *value, mm_err *e)
{
    mm_str text = mm_object_text(value, &c->arena);
    if (!text.n) /* an empty cell tells nothing */
        return MM_OK;
    if (!mm_grow(&l->p, &l->cap, l->n))
        return mm_fail_memory(e);
    known k = {id, mm_arena_strdup(&c->arena, field.p ? field : MM_STR("")), mm_arena_strdup(&c->arena, text)};
    if (!k.id || !k.field || !k.text)
        return mm_fail_memory(e);
    if (field.p)
        mm_seen_add(&c->names, field, &c->arena);
    l->p[l->n++] = k;
    return MM_OK;
}

/* A true label, or each entry of one that is a map. */
static mm_status add_truth(mm_prediction_set *c, known_list *l, const char *id, const msgpack_object *o, mm_err *e)
{
    mm_status s = MM_OK;
    if (!o || o->type != MSGPACK_OBJECT_MAP)
        return o ? add_known(c, l, id, (mm_str){0}, o, e) : MM_OK;
    for (uint32_t i = 0; s == MM_OK && i < o->via.map.size; i++) {
        mm_str name = mm_object_as_str(&o->via.map.ptr[i].key);
        if (name.p)
            s = add_known(c, l, id, name, &o->via.map.ptr[i].val, e);
    }
    return s;
}

mm_status mm_prediction_set_add_truth(mm_prediction_set *c, const mm_record *rec, mm_err *e)
{
    if (rec->label.type == MSGPACK_OBJECT_NIL)
        return MM_OK;
    const char *id = mm_arena_strdup(&c->arena, rec->key);
    return id ? add_truth(c, &c->target, id, &rec->label, e) : mm_fail_memory(e);
}

/* ---- what was predicted ---- */

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
    mm_status s = add_truth(c, &c->carried, j->id, mm_map_get(&rec->meta, "truth"), e);
    j->carried = c->carried.n - j->first;
    if (s != MM_OK)
        return s;
    return rec->label.type == MSGPACK_OBJECT_MAP ? take_distribution(c, j, &rec->label, e)
                                                 : take_plain(c, j, &rec->label, e);
}

/* ---- both ---- */

static int by_id(const void *a, const void *b)
{
    return strcmp(((const mm_prediction *)a)->id, ((const mm_prediction *)b)->id);
}

static int by_known_id(const void *a, const void *b)
{
    return strcmp(((const known *)a)->id, ((const known *)b)->id);
}

static int by_id_and_field(const void *a, const void *b)
{
    int c = by_known_id(a, b);
    return c ? c : strcmp(((const known *)a)->field, ((const known *)b)->field);
}

/* Of sorted truths: that no id has two in one field. */
static mm_status check_truths(const known_list *l, mm_err *e)
{
    for (int64_t i = 1; i < l->n; i++)
        if (by_id_and_field(&l->p[i - 1], &l->p[i]) == 0 && strcmp(l->p[i - 1].text, l->p[i].text) != 0)
            return mm_fail(e, MM_SKIP, "--truth has two labels for key %s: %s and %s", l->p[i].id, l->p[i - 1].text,
                           l->p[i].text);
    return MM_OK;
}

/* The one of k[n], all of one id, that tells of a field: its entry; or a label that is no map, where predictions are
 * of one field, or of the field that training calls it; or, for a prediction that does not tell, the only entry. */
static const char *truth_of(const mm_prediction_set *c, const known *k, int64_t n, const char *field)
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

/* The same for an id among all of --truth, or for the key in front of its part. */
static const char *known_truth(const mm_prediction_set *c, const char *id, const char *field)
{
    char key[1024];
    const known want = {.id = id}, *k = c->target.p;
    const known *hit = bsearch(&want, k, (size_t)c->target.n, sizeof *k, by_known_id);
    const char *colon = strrchr(id, ':');
    if (!hit && colon && (size_t)(colon - id) < sizeof key) {
        memcpy(key, id, (size_t)(colon - id));
        key[colon - id] = 0;
        hit = bsearch(&(known){.id = key}, k, (size_t)c->target.n, sizeof *k, by_known_id);
    }
    if (!hit)
        return NULL;
    int64_t from = hit - k, to = from;
    while (from > 0 && strcmp(k[from - 1].id, hit->id) == 0)
        from--;
    while (to < c->target.n && strcmp(k[to].id, hit->id) == 0)
        to++;
    return truth_of(c, k + from, to - from, field);
}

mm_status mm_prediction_set_matched(const mm_prediction_set *c, mm_str field, mm_prediction **out, int64_t *n,
                                    int64_t *without, mm_arena *a, mm_err *e)
{
    mm_prediction *list = mm_arena_alloc(a, (size_t)(c->predicted.n + 1) * sizeof *list);
    if (!list)
        return mm_fail_memory(e);
    if (c->target.n)
        qsort(c->target.p, (size_t)c->target.n, sizeof *c->target.p, by_id_and_field);
    if (check_truths(&c->target, e) != MM_OK)
        return MM_SKIP;
    *n = *without = 0;
    for (int64_t i = 0; i < c->predicted.n; i++) {
        mm_prediction j = c->predicted.p[i];
        if (!j.field != !field.p || (j.field && !mm_str_is(field, j.field)))
            continue;
        j.target =
            c->target.n ? known_truth(c, j.id, j.field) : truth_of(c, c->carried.p + j.first, j.carried, j.field);
        if (j.target && j.predicted)
            list[(*n)++] = j;
        else
            (*without)++;
    }
    qsort(list, (size_t)*n, sizeof *list, by_id);
    *out = list;
    return MM_OK;
}

/* ---- as arrays ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int32_t index_of(const char *const *name, int n, const char *text)
{
    const char *const *at = bsearch(&text, name, (size_t)n, sizeof *name, by_text);
    return (int32_t)(at - name);
}

/* Each sample's group as a number: the number of the first sample of that group. */
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

mm_status mm_predictions_as_classes(mm_class_predictions *out, const mm_prediction *j, int64_t n, const char *group,
                                    mm_arena *a, mm_err *e)
{
    bool distributions = n > 0;
    for (int64_t i = 0; i < n; i++) {
        if (j[i].number)
            return mm_fail(e, MM_SKIP, "the guesses are numbers");
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

mm_status mm_predictions_as_numbers(mm_number_predictions *out, const mm_prediction *j, int64_t n, const char *group,
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
