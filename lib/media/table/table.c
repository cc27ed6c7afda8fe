#include "media/table/table.h"

#include "base/suggest.h"
#include "media/table/table_json.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_ROW = 32 << 20 }; /* bytes of a live text that are held for a row */

void mm_table_rewind(mm_table *t)
{
    t->at = t->first;
    t->row = 0;
    t->lost = false; /* a first row that is too long is found to be so again, and told of then */
}

void mm_table_close(mm_table *t)
{
    mm_arena_free(&t->keep);
    free(t->header);
    *t = (mm_table){0};
}

/* ---- cells of a row ---- */

/* A quoted cell from after its opening quote; *at moves past the closing one, or to the end of the text. */
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

static size_t end_of_cell(const mm_table *t, size_t i)
{
    while (i < t->text.n && t->text.p[i] != t->cut && t->text.p[i] != t->end)
        i++;
    return i;
}

/* The unquoted cell at *at, which moves to its end. */
static mm_str plain(mm_table *t, size_t *at)
{
    size_t i = end_of_cell(t, *at);
    mm_str cell = {t->text.p + *at, i - *at};
    if (cell.n && cell.p[cell.n - 1] == '\r' && (i == t->text.n || t->text.p[i] == t->end))
        cell.n--;
    t->in_quotes |= cell.n > 1 && *cell.p == '"' && cell.p[cell.n - 1] == '"';
    *at = i;
    return cell;
}

static mm_status cut_row(mm_table *t, mm_cells *c, mm_err *e)
{
    const char *p = t->text.p;
    size_t i = t->at, n = t->text.n;
    mm_status s = MM_OK;
    for (;;) {
        mm_str one;
        if (t->quotes && i < n && p[i] == '"') {
            bool closed;
            i++;
            one = quoted(t, &i, c->a, &closed);
            if (!one.p)
                return mm_fail_memory(e);
            if (!closed)
                s = mm_fail(e, MM_SKIP, "a quote that is never closed");
            size_t rest = i;
            i = end_of_cell(t, i);
            if (closed && i > rest + (rest < n && p[rest] == '\r'))
                s = mm_fail(e, MM_SKIP, "text after a closing quote (quotes inside quotes are doubled)");
        } else {
            one = plain(t, &i);
        }
        mm_status added = mm_cells_add(c, one, e);
        if (added == MM_FATAL)
            return added;
        if (added == MM_SKIP) { /* go on to the row's end: the next row may be good */
            c->n = 0;
            s = added;
        }
        bool more = i < n && p[i] == t->cut;
        i += i < n;
        if (!more)
            break;
    }
    t->at = i;
    return s;
}

/* ---- rows ---- */

static void skip_blank_lines(mm_table *t)
{
    while (t->at < t->text.n && (t->text.p[t->at] == t->end ||
                                 (t->text.p[t->at] == '\r' && t->at + 1 < t->text.n && t->text.p[t->at + 1] == t->end)))
        t->at++;
}

/* Waits for more. The rows that were read are not needed any more, but for the first, which may be read again. */
static mm_status wait_for_more(mm_table *t, mm_err *e)
{
    size_t n = t->row ? t->at : t->first;
    mm_live_text_drop(t->live, n);
    t->at -= n;
    t->first -= t->row ? t->first : n;
    mm_status s = mm_live_text_more(t->live, e);
    t->text = t->live->text;
    return s;
}

/* Whether the row is there that begins at t->at, from where r counts. */
static bool row_ends(const mm_table *t, mm_row_scan *r)
{
    mm_str rest = {t->text.p + t->at, t->text.n - t->at};
    if (!t->quotes || mm_table_names_itself(t)) {
        const char *end = memchr(rest.p + r->at, t->end, rest.n - r->at);
        r->at = end ? (size_t)(end - rest.p) : rest.n;
        return end;
    }
    while (mm_row_scan_on(r, rest, t->cut), r->at < rest.n && rest.p[r->at] != t->end) {
        r->closed = true; /* a CR in rows that end with LF, or the other way round, is part of a cell */
        r->at++;
    }
    return r->at < rest.n;
}

/* Lets the rest of a row that is too long go as it comes. */
static mm_status lose_row(mm_table *t, mm_err *e)
{
    mm_status s = MM_OK;
    while (s == MM_OK && !row_ends(t, &t->rest)) {
        t->at = t->text.n;
        t->rest.at = 0;
        s = wait_for_more(t, e);
    }
    if (s != MM_OK)
        return s;
    t->at += t->rest.at + 1;
    t->lost = false;
    return MM_OK;
}

/* Live: waits until the next row is there, or the end. MM_SKIP: it is too long. */
static mm_status wait_for_row(mm_table *t, mm_err *e)
{
    mm_status s = t->lost ? lose_row(t, e) : MM_OK;
    mm_row_scan r = {0};
    mm_json_lines json = {0};
    while (s == MM_OK) {
        size_t from = t->at;
        skip_blank_lines(t);
        if (t->at > from)
            r = (mm_row_scan){0};
        if (!t->row)
            t->first = t->at;
        bool there = row_ends(t, &r), too_long = t->text.n - t->at > MAX_ROW;
        if (there && (t->kind != MM_TABLE_JSONL || too_long || mm_json_row_is_here(t, &json)))
            return MM_OK;
        if (!there && too_long) {
            t->lost = true;
            t->rest = r;
            return mm_fail(e, MM_SKIP, "a row of more than 32 MiB");
        }
        s = wait_for_more(t, e);
    }
    return s == MM_EOF ? MM_OK : s;
}

static mm_status read_row(mm_table *t, mm_cells *c, mm_err *e)
{
    if (t->kind == MM_TABLE_JSON)
        return mm_json_row(t, c, e);
    if (t->live) {
        mm_status s = wait_for_row(t, e);
        if (s != MM_OK)
            return s;
    }
    skip_blank_lines(t);
    if (t->at >= t->text.n)
        return MM_EOF;
    return t->kind == MM_TABLE_JSONL ? mm_json_row(t, c, e) : cut_row(t, c, e);
}

/* The names of a live table's columns, which its text will not hold for long. */
static mm_status keep_names(mm_table *t, mm_err *e)
{
    for (int i = 0; i < t->columns; i++) {
        t->header[i].p = mm_arena_strdup(&t->keep, t->header[i]);
        if (!t->header[i].p)
            return mm_fail_memory(e);
    }
    return MM_OK;
}

mm_status mm_table_take_header(mm_table *t, mm_err *e)
{
    mm_cells c = {.a = &t->keep};
    if (mm_table_names_itself(t))
        return MM_OK;
    mm_status s = read_row(t, &c, e);
    if (s != MM_OK)
        return s;
    t->header = malloc((size_t)c.n * sizeof *t->header);
    if (!t->header)
        return mm_fail_memory(e);
    for (int i = 0; i < c.n; i++)
        t->header[i] = mm_cell_trim(c.v[i]);
    t->columns = c.n;
    return t->live ? keep_names(t, e) : MM_OK;
}

/* A cell too many, as from a comma in an unquoted text, would put all later cells under wrong names. */
static mm_status check_width(const mm_table *t, const mm_cells *c, mm_err *e)
{
    for (int i = t->columns; t->header && !mm_table_names_itself(t) && i < c->n; i++)
        if (mm_cell_trim(c->v[i]).n)
            return mm_fail(e, MM_SKIP, "%d cells, more than the %d that have names", c->n, t->columns);
    return MM_OK;
}

mm_status mm_table_next(mm_table *t, mm_arena *a, mm_str **cell, int *n, mm_err *e)
{
    mm_cells c = {.a = a};
    mm_status s = read_row(t, &c, e);
    if (s == MM_OK || s == MM_SKIP)
        t->row++;
    if (s == MM_OK)
        s = check_width(t, &c, e);
    *cell = c.v;
    *n = c.n;
    return s;
}

int mm_table_column(const mm_table *t, const char *text, int columns)
{
    char *end;
    mm_str name = mm_cell_trim(mm_str_of(text));
    for (int c = 0; c < t->columns; c++)
        if (mm_str_eq(t->header[c], name))
            return c;
    long number = strtol(text, &end, 10);
    if (end == text || *end || number == 0)
        return -1;
    number = number < 0 ? columns + number : number - 1;
    return number >= 0 && number < columns ? (int)number : -1;
}

/* Reads on until a row has a member of that name (NULL: to the end), then goes back. */
static mm_status look_ahead(mm_table *t, const char *name, mm_err *e)
{
    mm_arena a = {0};
    mm_str *cell;
    int n;
    const size_t at = t->at;
    const int64_t row = t->row;
    mm_status s = MM_OK;
    while (s != MM_EOF && s != MM_FATAL && !(name && mm_table_column(t, name, 0) >= 0)) {
        s = mm_table_next(t, &a, &cell, &n, e);
        mm_arena_reset(&a);
    }
    mm_arena_free(&a);
    t->at = at;
    t->row = row;
    return s == MM_FATAL ? s : MM_OK;
}

/* Live: the names in the first row, and this one, which a later row may have. */
static mm_status look_at_first(mm_table *t, const char *name, mm_err *e)
{
    mm_arena a = {0};
    mm_str *cell;
    int n;
    mm_status s = t->columns ? MM_OK : mm_table_next(t, &a, &cell, &n, e);
    mm_arena_free(&a);
    mm_table_rewind(t);
    if (s != MM_FATAL && mm_table_column(t, name, t->columns) < 0)
        s = mm_json_expect(t, name, e);
    return s == MM_FATAL ? s : MM_OK;
}

mm_status mm_table_learn_names(mm_table *t, mm_err *e)
{
    return mm_table_names_itself(t) ? look_ahead(t, NULL, e) : mm_table_take_header(t, e);
}

mm_status mm_table_find(mm_table *t, const char *text, int columns, int *at, mm_err *e)
{
    char more[160];
    bool ahead = mm_table_names_itself(t);
    if (ahead && (t->kind == MM_TABLE_JSONL && t->live ? look_at_first : look_ahead)(t, text, e) != MM_OK)
        return MM_FATAL;
    *at = mm_table_column(t, text, mm_table_names_itself(t) ? t->columns : columns);
    if (*at >= 0)
        return MM_OK;
    if (!t->header)
        return mm_fail(e, MM_SKIP, "no column %s: the table is read without a row of names, its columns are 1 to %d",
                       text, columns);
    return mm_fail(e, MM_SKIP, "no column %s%s", text,
                   mm_suggest_text(more, sizeof more, mm_str_of(text), t->header, t->columns));
}
