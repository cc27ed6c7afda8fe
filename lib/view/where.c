#include "view/where.h"

#include "base/suggest.h"
#include "view/field.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *sign;
    mm_relation relation;
} sign;

static const sign signs[] = {{"!=", MM_NE}, {"!~", MM_UNLIKE}, {"<=", MM_LE}, {">=", MM_GE}, {"==", MM_EQ},
                             {"=", MM_EQ},  {"~", MM_LIKE},    {"<", MM_LT},  {">", MM_GT}};

static const sign *sign_at(const char *p)
{
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (strncmp(p, signs[i].sign, strlen(signs[i].sign)) == 0)
            return &signs[i];
    return NULL;
}

static mm_status parse_value(mm_where *w, mm_err *e)
{
    char *end;
    char why[128];
    if (w->relation == MM_LIKE || w->relation == MM_UNLIKE) {
        int bad = regcomp(&w->regex, w->value, REG_EXTENDED | REG_NOSUB);
        if (!bad)
            return MM_OK;
        regerror(bad, &w->regex, why, sizeof why);
        return mm_fail(e, MM_SKIP, "'%s' is not a regular expression: %s", w->value, why);
    }
    w->number = strtod(w->value, &end);
    if (w->relation >= MM_LT && w->relation <= MM_GE && (end == w->value || *end))
        return mm_fail(e, MM_SKIP, "'%s' is not a number to compare with", w->value);
    return MM_OK;
}

static mm_status parse(mm_where *w, const char *text, mm_err *e)
{
    size_t n = strcspn(text, "=!~<>");
    const sign *s = text[n] ? sign_at(text + n) : NULL;
    *w = (mm_where){.relation = MM_HAS};
    size_t name = n; /* without blanks before the operator */
    while (s && name && text[name - 1] == ' ')
        name--;
    if (name == 0 || (text[n] && !s))
        return mm_fail(e, MM_SKIP, "'%s' is not a condition: FIELD=VALUE, !=, ~REGEX, !~, <, <=, >, >=", text);
    if (!s && strstr(text, " in "))
        return mm_fail(e, MM_SKIP, "'%s' is not a condition; for one of several values write 'FIELD~^(VALUE|VALUE)$'",
                       text);
    w->field = strndup(text, name);
    if (!w->field)
        return mm_fail_memory(e);
    if (!s)
        return MM_OK;
    w->relation = s->relation;
    w->value = text + n + strlen(s->sign);
    if (name < n)
        w->value += strspn(w->value, " ");
    mm_status st = parse_value(w, e);
    if (st != MM_OK) {
        free(w->field);
        w->field = NULL;
    }
    return st;
}

static void free_one(mm_where *w)
{
    if (w->field && (w->relation == MM_LIKE || w->relation == MM_UNLIKE))
        regfree(&w->regex);
    free(w->field);
    w->field = NULL;
}

bool mm_where_asks_presence(const mm_where *w)
{
    return w->relation == MM_HAS && strncmp(w->field, "meta.", strlen("meta.")) == 0;
}

static bool matches(const mm_where *w, mm_str text, mm_arena *a)
{
    char *z = mm_arena_strdup(a, text);
    return z && regexec(&w->regex, z, 0, NULL, 0) == 0;
}

static double number_of(mm_str text, mm_arena *a)
{
    char *z = mm_arena_strdup(a, text), *end;
    double v = z ? strtod(z, &end) : 0;
    return z && end != z && !*end ? v : (double)NAN;
}

/* "3" and "3.0" are equal as numbers. */
static bool equals(const mm_where *w, const msgpack_object *o, mm_str text, mm_arena *a)
{
    char *end;
    if (mm_str_is(text, w->value))
        return true;
    double v = strtod(w->value, &end);
    bool numbers = o->type == MSGPACK_OBJECT_FLOAT32 || o->type == MSGPACK_OBJECT_FLOAT64 ||
                   o->type == MSGPACK_OBJECT_POSITIVE_INTEGER || o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER;
    return numbers && end != w->value && !*end && number_of(text, a) == v;
}

static bool holds(const mm_where *w, const mm_record *rec, mm_arena *a)
{
    msgpack_object o;
    bool there = mm_field_get(&o, rec, w->field, a);
    if (!there || w->relation == MM_HAS)
        return there ? true : w->relation == MM_NE || w->relation == MM_UNLIKE;
    mm_str text = mm_field_text(&o, a);
    switch (w->relation) {
    case MM_EQ: return equals(w, &o, text, a);
    case MM_NE: return !equals(w, &o, text, a);
    case MM_LIKE: return matches(w, text, a);
    case MM_UNLIKE: return !matches(w, text, a);
    case MM_LT: return number_of(text, a) < w->number;
    case MM_LE: return number_of(text, a) <= w->number;
    case MM_GT: return number_of(text, a) > w->number;
    case MM_GE: return number_of(text, a) >= w->number;
    case MM_HAS: break;
    }
    return true;
}

mm_status mm_where_list_parse(mm_where_list *l, const char *const *text, int n, mm_err *e)
{
    mm_status s = MM_OK;
    l->v = mm_arena_zalloc(&l->arena, (size_t)n + 1, sizeof *l->v);
    l->values = mm_arena_zalloc(&l->arena, (size_t)n + 1, sizeof *l->values);
    if (!l->v || !l->values)
        return mm_fail_memory(e);
    for (int i = 0; s == MM_OK && i < n; i++) {
        s = parse(&l->v[i], text[i], e);
        l->n += s == MM_OK;
    }
    return s;
}

void mm_where_list_free(mm_where_list *l)
{
    for (int i = 0; i < l->n; i++)
        free_one(&l->v[i]);
    mm_arena_free(&l->arena);
}

bool mm_where_list_holds(const mm_where_list *l, const mm_record *rec, mm_arena *a)
{
    for (int i = 0; i < l->n; i++)
        if (!holds(&l->v[i], rec, a))
            return false;
    return true;
}

void mm_where_list_note(mm_where_list *l, const mm_record *rec, mm_arena *a)
{
    msgpack_object o;
    for (int i = 0; i < l->n; i++)
        if (l->v[i].relation == MM_EQ && mm_field_get(&o, rec, l->v[i].field, a))
            mm_seen_add(&l->values[i], mm_field_text(&o, a), &l->arena);
}

const char *mm_where_list_hint(const mm_where_list *l, int i, char *out, size_t size)
{
    const mm_seen *seen = &l->values[i];
    const mm_where *w = &l->v[i];
    mm_str wanted = mm_str_of(w->value ? w->value : "");
    char hint[200];
    if (!seen->n || seen->n == MM_MOST_SEEN || mm_seen_has(seen, wanted))
        return NULL;
    if (strcmp(w->field, "of") != 0 && !mm_suggest(wanted, seen->v, seen->n).p)
        return NULL;
    snprintf(out, size, "no record has %s=%.*s%s", w->field, MM_STRF(wanted),
             mm_suggest_text(hint, sizeof hint, wanted, seen->v, seen->n));
    return out;
}
