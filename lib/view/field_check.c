#include "view/field_check.h"

#include "base/grow.h"
#include "base/suggest.h"
#include "view/field.h"
#include "view/value_counts.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_NAMES = 64 }; /* to compare with and to list */

typedef struct {
    const char *path;
    bool settled;          /* a record has it, or it may be absent */
    mm_str level;          /* the longest prefix of path that a record has; n 0: none */
    mm_value_counts there; /* the names that exist, in the records or in the map at `level` */
} checked_field;

struct mm_field_check {
    checked_field *v;
    int64_t n, cap;
};

mm_status mm_field_check_new(mm_field_check **out, mm_err *e)
{
    *out = calloc(1, sizeof **out);
    return *out ? MM_OK : mm_fail_memory(e);
}

void mm_field_check_free(mm_field_check *k)
{
    if (!k)
        return;
    for (int64_t i = 0; i < k->n; i++)
        mm_value_counts_free(&k->v[i].there);
    free(k->v);
    free(k);
}

static bool is_standard(mm_str name)
{
    for (int i = 0; mm_field_names[i]; i++)
        if (mm_str_is(name, mm_field_names[i]))
            return true;
    return mm_str_is(name, "shape") || mm_str_is(name, "data");
}

static mm_str first_step(const char *path)
{
    return (mm_str){path, strcspn(path, ".")};
}

mm_status mm_field_check_add(mm_field_check *k, const char *path, mm_err *e)
{
    mm_str first = first_step(path);
    if (!mm_grow(&k->v, &k->cap, k->n))
        return mm_fail_memory(e);
    k->v[k->n++] = (checked_field){.path = path, .settled = is_standard(first) && !path[first.n]};
    return MM_OK;
}

/* ---- what there is instead ---- */

static mm_status note_entries(checked_field *x, const msgpack_object *map, mm_err *e)
{
    mm_status s = MM_OK;
    for (uint32_t i = 0; s == MM_OK && map->type == MSGPACK_OBJECT_MAP && i < map->via.map.size; i++) {
        mm_str key = mm_object_as_str(&map->via.map.ptr[i].key);
        if (key.p)
            s = mm_value_counts_add(&x->there, key, e);
    }
    return s;
}

/* The fields of mm-stream(5) and the other fields of the record. */
static mm_status note_fields(checked_field *x, const mm_record *rec, mm_err *e)
{
    mm_status s = MM_OK;
    for (int i = 0; s == MM_OK && mm_field_names[i]; i++)
        s = mm_value_counts_add(&x->there, mm_str_of(mm_field_names[i]), e);
    return s == MM_OK ? note_entries(x, &rec->others, e) : s;
}

/* Notes the names at the longest prefix of the path that any record has: one of them may have been meant. */
static mm_status note_level(checked_field *x, const mm_record *rec, mm_arena *a, mm_err *e)
{
    msgpack_object level;
    mm_str first = first_step(x->path);
    for (size_t n = strlen(x->path); n > first.n && n > x->level.n; n--) {
        if (x->path[n - 1] != '.')
            continue;
        char *prefix = mm_arena_strdup(a, (mm_str){x->path, n - 1});
        if (!prefix)
            return mm_fail_memory(e);
        if (!mm_field_get(&level, rec, prefix, a))
            continue;
        if (n - 1 > x->level.n) {
            mm_value_counts_free(&x->there);
            x->level = (mm_str){x->path, n - 1};
        }
        return note_entries(x, &level, e);
    }
    return x->level.n || is_standard(first) ? MM_OK : note_fields(x, rec, e);
}

mm_status mm_field_check_record(mm_field_check *k, const mm_record *rec, mm_arena *a, mm_err *e)
{
    mm_status s = MM_OK;
    msgpack_object unused;
    for (int64_t i = 0; s == MM_OK && i < k->n; i++) {
        checked_field *x = &k->v[i];
        if (x->settled)
            continue;
        x->settled = mm_field_get(&unused, rec, x->path, a);
        if (!x->settled)
            s = note_level(x, rec, a, e);
    }
    return s;
}

/* ---- the verdict ---- */

/* Complains about the first step of the path that no record has; what comes before it is right. */
static mm_status complain(checked_field *x, mm_err *e)
{
    mm_str name[MOST_NAMES];
    char rest[512];
    int n = 0;
    size_t right = x->level.n ? x->level.n + 1 : 0;
    mm_value_counts_sort(&x->there);
    for (; (size_t)n < x->there.used && n < MOST_NAMES; n++)
        name[n] = (mm_str){x->there.slot[n].text, x->there.slot[n].n};
    mm_str wrong = mm_str_of(x->path + right);
    if (mm_str_is(first_step(x->path), "meta") && !mm_suggest(wrong, name, n).p)
        return MM_OK;
    mm_suggest_text(rest, sizeof rest, wrong, name, n);
    return x->level.n
               ? mm_fail(e, MM_SKIP, "no record has a field \"%s\" in \"%.*s\"%s", wrong.p, MM_STRF(x->level), rest)
               : mm_fail(e, MM_SKIP, "no record has a field \"%s\"%s", x->path, rest);
}

mm_status mm_field_check_end(mm_field_check *k, mm_err *e)
{
    mm_status s = MM_OK;
    for (int64_t i = 0; s == MM_OK && i < k->n; i++)
        if (!k->v[i].settled && k->v[i].there.used)
            s = complain(&k->v[i], e);
    return s;
}
