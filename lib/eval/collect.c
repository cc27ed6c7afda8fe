#include "eval/collect.h"

#include "base/grow.h"
#include "stream/object.h"

#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    mm_judged *p;
    int64_t n, cap;
} judged_list;

struct mm_collection {
    mm_arena arena;
    judged_list guess, truth; /* truths are entries that carry nothing else */
    const char *field;
};

mm_status mm_collection_new(mm_collection **out, const char *field, mm_err *e)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return mm_fail_memory(e);
    (*out)->field = field;
    return MM_OK;
}

void mm_collection_free(mm_collection *c)
{
    if (!c)
        return;
    free(c->guess.p);
    free(c->truth.p);
    mm_arena_free(&c->arena);
    free(c);
}

static mm_judged *append(judged_list *l)
{
    if (!mm_grow(&l->p, &l->cap, l->n))
        return NULL;
    l->p[l->n] = (mm_judged){0};
    return &l->p[l->n++];
}

static const char *id_of(mm_arena *a, const mm_record *rec)
{
    return rec->part >= 0 ? mm_arena_printf(a, "%.*s:%lld", MM_STRF(rec->key), (long long)rec->part)
                          : mm_arena_strdup(a, rec->key);
}

/* A truth as text; NULL when it is none, or a map without the field. */
static const char *truth_text(mm_collection *c, const msgpack_object *o, mm_str field)
{
    if (!o)
        return NULL;
    if (o->type == MSGPACK_OBJECT_MAP) {
        if (!field.p && o->via.map.size == 1)
            return truth_text(c, &o->via.map.ptr[0].val, field);
        char name[128];
        snprintf(name, sizeof name, "%.*s", MM_STRF(field));
        return field.p ? truth_text(c, mm_map_get(o, name), (mm_str){NULL, 0}) : NULL;
    }
    mm_str s = mm_object_text(o, &c->arena);
    return s.p ? mm_arena_strdup(&c->arena, s) : NULL;
}

static mm_status take_distribution(mm_collection *c, mm_judged *j, const msgpack_object *map, mm_err *e)
{
    uint32_t n = map->via.map.size;
    j->name = mm_arena_zalloc(&c->arena, n + 1, sizeof *j->name);
    j->prob = mm_arena_zalloc(&c->arena, n + 1, sizeof *j->prob);
    if (!j->name || !j->prob)
        return mm_fail_memory(e);
    double best = -INFINITY;
    for (uint32_t i = 0; i < n; i++) {
        double p;
        mm_str name = mm_object_as_str(&map->via.map.ptr[i].key);
        if (!name.p || !mm_object_float(&map->via.map.ptr[i].val, &p))
            continue;
        j->name[j->n] = mm_arena_strdup(&c->arena, name);
        j->prob[j->n] = p;
        if (!j->name[j->n])
            return mm_fail_memory(e);
        if (p > best) {
            best = p;
            j->guess = j->name[j->n];
        }
        j->n++;
    }
    return MM_OK;
}

mm_status mm_collect_guess(mm_collection *c, const mm_record *rec, mm_err *e)
{
    if (rec->kind != MM_KIND_LABEL || rec->label.type == MSGPACK_OBJECT_NIL)
        return MM_OK;
    const msgpack_object *of = mm_map_get(&rec->meta, "field");
    mm_str field = of ? mm_object_as_str(of) : mm_str_of(c->field);
    if (of && c->field && !mm_str_is(field, c->field))
        return MM_OK; /* another output of the head */
    mm_judged *j = append(&c->guess);
    if (!j || !(j->id = id_of(&c->arena, rec)))
        return mm_fail_memory(e);
    j->truth = truth_text(c, mm_map_get(&rec->meta, "truth"), field);
    if (rec->label.type == MSGPACK_OBJECT_MAP)
        return take_distribution(c, j, &rec->label, e);
    j->number = mm_object_float(&rec->label, &j->value);
    j->guess = truth_text(c, &rec->label, field);
    return MM_OK;
}

mm_status mm_collect_truth(mm_collection *c, const mm_record *rec, mm_err *e)
{
    const char *text = truth_text(c, &rec->label, mm_str_of(c->field));
    if (!text)
        return MM_OK;
    mm_judged *j = append(&c->truth);
    if (!j || !(j->id = mm_arena_strdup(&c->arena, rec->key)))
        return mm_fail_memory(e);
    j->truth = text;
    return MM_OK;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const mm_judged *)a)->id, ((const mm_judged *)b)->id);
}

/* The truth that was given for an id, or for the key in front of its part. */
static const char *known_truth(const mm_judged *truth, int64_t n, const char *id)
{
    char key[1024];
    mm_judged want = {.id = id};
    const mm_judged *hit = n ? bsearch(&want, truth, (size_t)n, sizeof *truth, by_id) : NULL;
    const char *colon = strrchr(id, ':');
    if (hit || !colon || (size_t)(colon - id) >= sizeof key)
        return hit ? hit->truth : NULL;
    memcpy(key, id, (size_t)(colon - id));
    key[colon - id] = 0;
    want.id = key;
    hit = n ? bsearch(&want, truth, (size_t)n, sizeof *truth, by_id) : NULL;
    return hit ? hit->truth : NULL;
}

mm_status mm_collected(const mm_collection *c, mm_judged **out, int64_t *n, int64_t *without, mm_arena *a, mm_err *e)
{
    mm_judged *list = mm_arena_alloc(a, (size_t)(c->guess.n + 1) * sizeof *list);
    mm_judged *truth = mm_arena_alloc(a, (size_t)(c->truth.n + 1) * sizeof *truth);
    if (!list || !truth)
        return mm_fail_memory(e);
    if (c->truth.n)
        memcpy(truth, c->truth.p, (size_t)c->truth.n * sizeof *truth);
    qsort(truth, (size_t)c->truth.n, sizeof *truth, by_id);
    *n = *without = 0;
    for (int64_t i = 0; i < c->guess.n; i++) {
        mm_judged j = c->guess.p[i];
        if (c->truth.n)
            j.truth = known_truth(truth, c->truth.n, j.id);
        if (j.truth && j.guess)
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
static mm_status group_numbers(int64_t **out, const mm_judged *j, int64_t n, const char *pattern, mm_arena *a,
                               mm_err *e)
{
    regex_t re;
    *out = NULL;
    if (!pattern)
        return MM_OK;
    if (regcomp(&re, pattern, REG_EXTENDED) != 0)
        return mm_fail(e, MM_FATAL, "not a regular expression: %s", pattern);
    const char **group = mm_arena_alloc(a, (size_t)n * sizeof *group),
               **sorted = mm_arena_alloc(a, (size_t)n * sizeof *sorted);
    *out = mm_arena_alloc(a, (size_t)n * sizeof **out);
    for (int64_t i = 0; group && sorted && *out && i < n; i++) {
        regmatch_t m[2];
        mm_str s = mm_str_of(j[i].id);
        if (regexec(&re, j[i].id, 2, m, 0) == 0) {
            regmatch_t hit = m[1].rm_so >= 0 ? m[1] : m[0];
            s = (mm_str){j[i].id + hit.rm_so, (size_t)(hit.rm_eo - hit.rm_so)};
        }
        group[i] = sorted[i] = mm_arena_strdup(a, s);
    }
    regfree(&re);
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

static const char **all_names(const mm_judged *j, int64_t n, int *classes, mm_arena *a)
{
    int64_t most = 0, have = 0;
    for (int64_t i = 0; i < n; i++)
        most += j[i].n + 2;
    const char **name = mm_arena_alloc(a, (size_t)(most + 1) * sizeof *name);
    for (int64_t i = 0; name && i < n; i++) {
        name[have++] = j[i].truth;
        name[have++] = j[i].guess;
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

mm_status mm_as_classes(mm_predictions *out, const mm_judged *j, int64_t n, const char *group, mm_arena *a, mm_err *e)
{
    bool distributions = n > 0;
    for (int64_t i = 0; i < n; i++) {
        if (j[i].number)
            return mm_fail(e, MM_SKIP, "the guesses are numbers");
        distributions &= j[i].n > 1;
    }
    *out = (mm_predictions){.n = n};
    out->name = all_names(j, n, &out->classes, a);
    int32_t *truth = mm_arena_alloc(a, (size_t)n * sizeof *truth),
            *guess = mm_arena_alloc(a, (size_t)n * sizeof *guess);
    double *prob = distributions ? mm_arena_zalloc(a, (size_t)n * (size_t)out->classes, sizeof *prob) : NULL;
    if (!out->name || !truth || !guess || (distributions && !prob))
        return mm_fail_memory(e);
    for (int64_t i = 0; i < n; i++) {
        truth[i] = index_of(out->name, out->classes, j[i].truth);
        guess[i] = index_of(out->name, out->classes, j[i].guess);
        for (int c = 0; prob && c < j[i].n; c++)
            prob[i * out->classes + index_of(out->name, out->classes, j[i].name[c])] = j[i].prob[c];
    }
    out->truth = truth;
    out->guess = guess;
    out->prob = prob;
    int64_t *numbers;
    mm_status s = group_numbers(&numbers, j, n, group, a, e);
    out->group = numbers;
    return s;
}

mm_status mm_as_numbers(mm_numbers *out, const mm_judged *j, int64_t n, const char *group, mm_arena *a, mm_err *e)
{
    double *truth = mm_arena_alloc(a, (size_t)n * sizeof *truth), *guess = mm_arena_alloc(a, (size_t)n * sizeof *guess);
    if (!truth || !guess)
        return mm_fail_memory(e);
    for (int64_t i = 0; i < n; i++) {
        char *end;
        truth[i] = strtod(j[i].truth, &end);
        guess[i] = j[i].value;
        if (!j[i].number || end == j[i].truth || *end)
            return mm_fail(e, MM_SKIP, "%s: \"%s\" against \"%s\" are not two numbers", j[i].id, j[i].guess,
                           j[i].truth);
    }
    int64_t *numbers;
    mm_status s = group_numbers(&numbers, j, n, group, a, e);
    *out = (mm_numbers){.n = n, .truth = truth, .guess = guess, .group = numbers};
    return s;
}
