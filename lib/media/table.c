#include "media/table.h"

#include "base/grow.h"

#include <jansson.h>
#include <stdlib.h>

enum { MAX_COLUMNS = 1 << 20, MAX_NAMES = 4096 }; /* names of JSON lines: looked up one by one in every row */

static mm_str first_line(mm_str text)
{
    const char *end = text.n ? memchr(text.p, '\n', text.n) : NULL;
    return (mm_str){text.p, end ? (size_t)(end - text.p) : text.n};
}

void mm_table_open(mm_table *t, mm_str text)
{
    mm_str line = first_line(text);
    size_t blank = 0;
    while (blank < line.n && (line.p[blank] == ' ' || line.p[blank] == '\t'))
        blank++;
    *t = (mm_table){.text = text, .kind = MM_TABLE_CSV};
    if (blank < line.n && line.p[blank] == '{')
        t->kind = MM_TABLE_JSONL;
    else if (line.n && memchr(line.p, '\t', line.n))
        t->kind = MM_TABLE_TSV;
}

void mm_table_close(mm_table *t)
{
    mm_arena_free(&t->keep);
    free(t->header);
    *t = (mm_table){0};
}

/* ---- cells of a row ---- */

typedef struct {
    mm_str *v;
    int n;
    int64_t cap;
    mm_arena *a;
} cells;

static mm_status add_cell(cells *c, mm_str s, mm_err *e)
{
    if (c->n == MAX_COLUMNS)
        return mm_fail(e, MM_SKIP, "a row of more than %d columns", MAX_COLUMNS);
    if (!mm_grow_in(c->a, &c->v, &c->cap, c->n))
        return mm_fail_memory(e);
    c->v[c->n++] = s;
    return MM_OK;
}

static mm_status tab_row(mm_table *t, cells *c, mm_err *e)
{
    mm_str line = first_line((mm_str){t->text.p + t->at, t->text.n - t->at});
    t->at += line.n + (t->at + line.n < t->text.n);
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    for (;;) {
        const char *tab = line.n ? memchr(line.p, '\t', line.n) : NULL;
        mm_str one = {line.p, tab ? (size_t)(tab - line.p) : line.n};
        mm_status s = add_cell(c, one, e);
        if (!tab || s != MM_OK)
            return s;
        line.p += one.n + 1;
        line.n -= one.n + 1;
    }
}

/* A quoted cell from behind its opening quote; *at ends behind the closing one, or at the end of the text. */
static mm_str quoted(mm_table *t, size_t *at, mm_arena *a, bool *closed)
{
    const char *p = t->text.p;
    size_t from = *at, i = from, doubled = 0;
    *closed = false;
    while (i < t->text.n) {
        if (p[i] != '"') {
            i++;
        } else if (i + 1 < t->text.n && p[i + 1] == '"') {
            doubled++;
            i += 2;
        } else {
            *closed = true;
            break;
        }
    }
    *at = i + *closed;
    if (!doubled)
        return (mm_str){p + from, i - from};
    char *out = mm_arena_alloc(a, i - from);
    size_t n = 0;
    for (size_t k = from; out && k < i; k++) {
        out[n++] = p[k];
        k += p[k] == '"';
    }
    return (mm_str){out, n};
}

static mm_status comma_row(mm_table *t, cells *c, mm_err *e)
{
    const char *p = t->text.p;
    size_t i = t->at, n = t->text.n;
    mm_status s = MM_OK;
    for (;;) {
        mm_str one;
        if (i < n && p[i] == '"') {
            bool closed;
            i++;
            one = quoted(t, &i, c->a, &closed);
            if (!one.p)
                return mm_fail_memory(e);
            if (!closed)
                s = mm_fail(e, MM_SKIP, "a quote that is never closed");
            size_t rest = i;
            while (i < n && p[i] != ',' && p[i] != '\n')
                i++;
            if (closed && i > rest + (rest < n && p[rest] == '\r'))
                s = mm_fail(e, MM_SKIP, "text behind a closing quote (quotes inside quotes are doubled)");
        } else {
            size_t from = i;
            while (i < n && p[i] != ',' && p[i] != '\n')
                i++;
            one = (mm_str){p + from, i - from};
            if (one.n && (i == n || p[i] == '\n') && one.p[one.n - 1] == '\r')
                one.n--;
        }
        mm_status added = add_cell(c, one, e);
        if (added == MM_FATAL)
            return added;
        if (added == MM_SKIP) { /* go on to the row's end: the next one may be good */
            c->n = 0;
            s = added;
        }
        bool more = i < n && p[i] == ',';
        i += i < n;
        if (!more)
            break;
    }
    t->at = i;
    return s;
}

/* ---- JSON lines ---- */

static int name_column(mm_table *t, const char *name)
{
    for (int c = 0; c < t->columns; c++)
        if (mm_str_is(t->header[c], name))
            return c;
    mm_str *v = t->columns < MAX_NAMES ? realloc(t->header, (size_t)(t->columns + 1) * sizeof *v) : NULL;
    char *own = v ? mm_arena_strdup(&t->keep, mm_str_of(name)) : NULL;
    if (v)
        t->header = v;
    if (!own)
        return -1;
    t->header[t->columns] = mm_str_of(own);
    return t->columns++;
}

static mm_str json_text(const json_t *v, mm_arena *a)
{
    if (json_is_string(v)) {
        mm_str s = {json_string_value(v), json_string_length(v)};
        return (mm_str){mm_arena_strdup(a, s), s.n};
    }
    if (json_is_null(v))
        return MM_STR("");
    char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(17));
    mm_str s = mm_str_of(text ? mm_arena_strdup(a, mm_str_of(text)) : NULL);
    free(text);
    return s;
}

static mm_status json_row(mm_table *t, cells *c, mm_err *e)
{
    mm_str line = first_line((mm_str){t->text.p + t->at, t->text.n - t->at});
    json_error_t why;
    const char *name;
    json_t *v;
    t->at += line.n + (t->at + line.n < t->text.n);
    json_t *o = json_loadb(line.p, line.n, JSON_ALLOW_NUL, &why);
    if (!json_is_object(o)) {
        json_decref(o);
        return mm_fail(e, MM_SKIP, "not a JSON object: %s", o ? "another value" : why.text);
    }
    mm_status s = MM_OK;
    json_object_foreach(o, name, v)
    {
        int at = name_column(t, name);
        if (at < 0 && t->columns == MAX_NAMES)
            s = mm_fail(e, MM_SKIP, "objects of more than %d different members", MAX_NAMES);
        else if (at < 0)
            s = mm_fail_memory(e);
        while (s == MM_OK && c->n <= at)
            s = add_cell(c, (mm_str){NULL, 0}, e);
        mm_str text = s == MM_OK ? json_text(v, c->a) : (mm_str){NULL, 0};
        if (s == MM_OK && !text.p)
            s = mm_fail_memory(e);
        if (s != MM_OK)
            break;
        c->v[at] = text;
    }
    json_decref(o);
    return s;
}

/* ---- rows ---- */

static void skip_blank_lines(mm_table *t)
{
    while (t->at < t->text.n && (t->text.p[t->at] == '\n' ||
                                 (t->text.p[t->at] == '\r' && t->at + 1 < t->text.n && t->text.p[t->at + 1] == '\n')))
        t->at++;
}

static mm_status read_row(mm_table *t, cells *c, mm_err *e)
{
    skip_blank_lines(t);
    if (t->at >= t->text.n)
        return MM_EOF;
    switch (t->kind) {
    case MM_TABLE_TSV: return tab_row(t, c, e);
    case MM_TABLE_JSONL: return json_row(t, c, e);
    default: return comma_row(t, c, e);
    }
}

mm_status mm_table_take_header(mm_table *t, mm_err *e)
{
    cells c = {.a = &t->keep};
    if (t->kind == MM_TABLE_JSONL)
        return MM_OK;
    mm_status s = read_row(t, &c, e);
    if (s != MM_OK)
        return s;
    t->header = malloc((size_t)c.n * sizeof *t->header);
    if (!t->header)
        return mm_fail_memory(e);
    memcpy(t->header, c.v, (size_t)c.n * sizeof *t->header);
    t->columns = c.n;
    return MM_OK;
}

mm_status mm_table_next(mm_table *t, mm_arena *a, mm_str **cell, int *n, mm_err *e)
{
    cells c = {.a = a};
    mm_status s = read_row(t, &c, e);
    if (s == MM_OK || s == MM_SKIP)
        t->row++;
    *cell = c.v;
    *n = c.n;
    return s;
}

int mm_table_column(const mm_table *t, const char *text, int columns)
{
    char *end;
    for (int c = 0; c < t->columns; c++)
        if (mm_str_is(t->header[c], text))
            return c;
    long number = strtol(text, &end, 10);
    if (end == text || *end || number == 0)
        return -1;
    number = number < 0 ? columns + number : number - 1;
    return number >= 0 && number < columns ? (int)number : -1;
}
