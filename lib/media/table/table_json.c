#include "media/table/table_json.h"

#include "media/table/label_studio.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_NAMES = 4096 }; /* looked up one by one in every row */

static mm_str line_at(const mm_table *t)
{
    mm_str rest = {t->text.p + t->at, t->text.n - t->at};
    const char *end = rest.n ? memchr(rest.p, t->end, rest.n) : NULL;
    return (mm_str){rest.p, end ? (size_t)(end - rest.p) : rest.n};
}

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
    char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(17));
    mm_str s = mm_str_of(text ? mm_arena_strdup(a, mm_str_of(text)) : NULL);
    free(text);
    return s;
}

/* Goes on to after the brace or bracket that closes the value; of a scalar, to a comma, a bracket or the line's end.
 * False: the text ends before. */
static bool scan_value(mm_json_scan *s, mm_str text)
{
    for (; s->at < text.n; s->at++) {
        char c = text.p[s->at];
        if (s->inside) {
            s->at += c == '\\';
            s->inside = c != '"';
        } else if (c == '"') {
            s->inside = true;
        } else if (c == '{' || c == '[') {
            s->depth++;
        } else if (s->depth && (c == '}' || c == ']')) {
            if (--s->depth == 0) {
                s->at++;
                return true;
            }
        } else if (!s->depth && (c == ',' || c == ']' || c == '\n')) {
            return true;
        }
    }
    return false;
}

/* The value that begins at `at`. */
static mm_str json_piece(mm_str text, size_t at)
{
    mm_json_scan s = {.at = at};
    scan_value(&s, text);
    return (mm_str){text.p + at, (s.at < text.n ? s.at : text.n) - at};
}

static json_t *parse(mm_str text, json_error_t *why)
{
    return json_loadb(text.p, text.n, JSON_ALLOW_NUL, why);
}

/* ---- objects over several lines ---- */

enum { TRIES = 16 }; /* objects in a row that never close: each costs a scan of the rest of the text */

static bool is_object(mm_str line)
{
    json_error_t ignored;
    json_t *o = line.n && *line.p == '{' ? parse(line, &ignored) : NULL;
    bool object = json_is_object(o);
    json_decref(o);
    return object;
}

/* Live: looks for the end of the object at t->at in the lines that are there. True: j->closed, or a line came that is
 * an object by itself, so that this one is broken. */
static bool look_on(const mm_table *t, mm_json_lines *j)
{
    mm_str rest = {t->text.p + t->at, t->text.n - t->at};
    while (!j->closed && j->line < rest.n) {
        const char *end = memchr(rest.p + j->line, t->end, rest.n - j->line);
        if (!end && !t->live->ended)
            return false;
        mm_str upto = {rest.p, end ? (size_t)(end - rest.p) : rest.n};
        j->closed = scan_value(&j->scan, upto);
        if (!j->closed && j->line && is_object((mm_str){rest.p + j->line, upto.n - j->line}))
            return true;
        j->line = j->closed ? j->line : upto.n + (end != NULL);
    }
    return j->closed;
}

static bool opens_object(mm_str line)
{
    line = mm_cell_trim(line);
    return line.n && *line.p == '{';
}

bool mm_json_row_is_here(const mm_table *t, mm_json_lines *j)
{
    return t->tries == TRIES || !opens_object(line_at(t)) || look_on(t, j);
}

/* The object at t->at, of several lines; n 0: it never ends. */
static mm_str object_of_lines(const mm_table *t)
{
    mm_json_lines j = {0};
    if (!t->live)
        return json_piece(t->text, t->at);
    look_on(t, &j);
    return (mm_str){t->text.p + t->at, j.closed ? j.scan.at : 0};
}

/* The next object of JSON lines: a line, or several when the object goes on. */
static json_t *next_line(mm_table *t, json_error_t *why)
{
    json_error_t ignored;
    mm_str line = line_at(t);
    json_t *o = parse(line, why);
    size_t from = t->at;
    if (!o && t->tries < TRIES && opens_object(line)) {
        t->tries++;
        mm_str piece = object_of_lines(t);
        if (piece.n > line.n && (o = parse(piece, &ignored))) {
            t->tries = 0;
            t->at += piece.n;
            line = line_at(t); /* something may follow on the object's last line */
            if (mm_cell_trim(line).n)
                return o;
            from = t->at;
        }
    }
    t->at = from + line.n + (from + line.n < t->text.n);
    return o;
}

static void skip_blanks(mm_table *t, bool commas)
{
    while (t->at < t->text.n && (mm_is_blank(t->text.p[t->at]) || (commas && t->text.p[t->at] == ',')))
        t->at++;
}

/* Moves past brackets that close an array and open the next. False: nothing, or something else, follows. */
static bool leave_arrays(mm_table *t)
{
    while (t->at < t->text.n && t->text.p[t->at] == ']') {
        t->at++;
        skip_blanks(t, false);
        if (t->at == t->text.n || t->text.p[t->at] != '[')
            return false;
        t->at++;
        skip_blanks(t, false);
    }
    return true;
}

/* The next element of an array, or of consecutive arrays. False at the end; *o NULL: it is not JSON. */
static bool next_element(mm_table *t, json_t **o, json_error_t *why)
{
    const size_t done = t->text.n + 1;
    *o = NULL;
    if (t->at == done)
        return false;
    skip_blanks(t, true);
    bool inside = leave_arrays(t);
    if (inside && t->at < t->text.n) {
        mm_str piece = json_piece(t->text, t->at);
        t->at += piece.n ? piece.n : 1;
        *o = parse(piece, why);
        return true;
    }
    snprintf(why->text, sizeof why->text, inside ? "the array is not closed" : "text after the array");
    bool broken = inside || t->at < t->text.n;
    t->at = done;
    return broken;
}

mm_status mm_json_expect(mm_table *t, const char *name, mm_err *e)
{
    return name_column(t, name) >= 0 ? MM_OK : mm_fail_memory(e);
}

static mm_status put_cells(mm_table *t, json_t *o, mm_cells *c, mm_err *e)
{
    const char *name;
    json_t *v;
    json_object_foreach(o, name, v)
    {
        int at = name_column(t, name);
        if (at < 0 && t->columns == MAX_NAMES)
            return mm_fail(e, MM_SKIP, "objects of more than %d different members", MAX_NAMES);
        if (at < 0)
            return mm_fail_memory(e);
        while (c->n <= at) {
            mm_status s = mm_cells_add(c, (mm_str){NULL, 0}, e);
            if (s != MM_OK)
                return s;
        }
        if (json_is_null(v))
            continue;
        c->v[at] = json_text(v, c->a);
        if (!c->v[at].p)
            return mm_fail_memory(e);
    }
    return MM_OK;
}

mm_status mm_json_row(mm_table *t, mm_cells *c, mm_err *e)
{
    json_error_t why = {.text = "another value"};
    json_t *o = NULL;
    if (t->kind == MM_TABLE_JSONL)
        o = next_line(t, &why);
    else if (!next_element(t, &o, &why))
        return MM_EOF;
    mm_status s = MM_OK;
    t->disputed = (mm_str){NULL, 0};
    if (mm_ls_is_task(o)) {
        json_t *flat;
        t->tasks = true;
        s = mm_ls_flatten(&flat, &t->disputed, c->a, o, e);
        json_decref(o);
        o = s == MM_OK ? flat : NULL;
    } else if (!json_is_object(o)) {
        s = mm_fail(e, MM_SKIP, "not a JSON object: %s", o ? "another value" : why.text);
    }
    if (s == MM_OK)
        s = put_cells(t, o, c, e);
    json_decref(o);
    return s;
}
