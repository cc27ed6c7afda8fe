#include "media/table.h"

#include "base/grow.h"
#include "base/suggest.h"
#include "media/label_studio.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { MAX_COLUMNS = 1 << 20, MAX_NAMES = 4096 }; /* names of JSON lines: looked up one by one in every row */

mm_table_kind mm_table_kind_of(const char *name)
{
    static const char *const NAMES[] = {NULL, "csv", "semicolon", "tsv", "quoted-tsv", "jsonl", "json"};
    for (int i = 1; name && i < (int)(sizeof NAMES / sizeof *NAMES); i++)
        if (strcmp(name, NAMES[i]) == 0)
            return (mm_table_kind)i;
    return MM_TABLE_ANY;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

mm_str mm_cell_trim(mm_str cell)
{
    while (cell.n && is_blank(*cell.p)) {
        cell.p++;
        cell.n--;
    }
    while (cell.n && is_blank(cell.p[cell.n - 1]))
        cell.n--;
    return cell;
}

static mm_str line_at(const mm_table *t)
{
    mm_str rest = {t->text.p + t->at, t->text.n - t->at};
    const char *end = rest.n ? memchr(rest.p, t->end, rest.n) : NULL;
    return (mm_str){rest.p, end ? (size_t)(end - rest.p) : rest.n};
}

/* ---- what kind of table it is ---- */

/* Where the row at `at` ends: at LF or CR outside of quotes. *n is how many cells `cut` makes of it. */
static size_t end_of_row(mm_str text, size_t at, char cut, int *n)
{
    bool inside = false, opens = true; /* in quotes; where a quote would open some */
    *n = 1;
    for (; at < text.n; at++) {
        char c = text.p[at];
        if (c == '"' && (inside || opens))
            inside = !inside;
        else if (!inside && (c == '\n' || c == '\r'))
            break;
        *n += !inside && c == cut;
        opens = !inside && (c == cut || c == '"'); /* "" goes on */
    }
    return at;
}

/* The cells of the row at *at, which becomes the start of the next one. */
static int cells_of_row(mm_str text, size_t *at, char cut)
{
    int n;
    *at = end_of_row(text, *at, cut, &n);
    while (*at < text.n && (text.p[*at] == '\n' || text.p[*at] == '\r'))
        ++*at;
    return n;
}

/* Whether `cut` makes two or more cells of each of the first rows, of all as many. */
static bool cuts_evenly(mm_str text, char cut)
{
    enum { ROWS = 100 };
    size_t at = 0;
    int columns = cells_of_row(text, &at, cut), rows = 1;
    for (; at < text.n && rows < ROWS; rows++)
        if (cells_of_row(text, &at, cut) != columns)
            return false;
    return columns > 1 && rows > 1;
}

static mm_table_kind kind_of_text(mm_str text)
{
    size_t at = 0, next;
    while (at < text.n && is_blank(text.p[at]))
        at++;
    for (next = at + 1; next < text.n && is_blank(text.p[next]);)
        next++;
    if (at < text.n && text.p[at] == '{')
        return MM_TABLE_JSONL;
    if (at < text.n && text.p[at] == '[' && next < text.n && strchr("{[]\"", text.p[next]))
        return MM_TABLE_JSON;
    at = 0;
    if (cells_of_row(text, &at, '\t') > 1)
        return MM_TABLE_TSV;
    return cuts_evenly(text, ';') && !cuts_evenly(text, ',') ? MM_TABLE_SEMICOLON : MM_TABLE_CSV;
}

/* Excel's first line "sep=;", which is no row: takes it. */
static void take_sep(mm_table *t)
{
    mm_str line = t->text;
    bool quoted = line.n && *line.p == '"';
    size_t i = quoted;
    if (line.n < i + 5 || strncasecmp(line.p + i, "sep=", 4) != 0)
        return;
    char cut = line.p[i + 4];
    i += 5;
    i += quoted && i < line.n && line.p[i] == '"';
    if (i < line.n && line.p[i] != '\r' && line.p[i] != '\n')
        return;
    i += i < line.n && line.p[i] == '\r';
    i += i < line.n && line.p[i] == '\n';
    t->kind = cut == '\t' ? MM_TABLE_QUOTED_TSV : MM_TABLE_CSV;
    t->cut = cut;
    t->first = i;
}

/* CR where the first row ends with one alone. */
static char end_of_rows(mm_str text, char cut)
{
    int n;
    size_t at = end_of_row(text, 0, cut, &n);
    return at < text.n && text.p[at] == '\r' && (at + 1 == text.n || text.p[at + 1] != '\n') ? '\r' : '\n';
}

void mm_table_open(mm_table *t, mm_str text, mm_table_kind kind)
{
    *t = (mm_table){.text = text, .kind = kind, .cut = ','};
    if (kind <= MM_TABLE_SEMICOLON)
        take_sep(t);
    if (t->kind == MM_TABLE_ANY)
        t->kind = kind_of_text(text);
    if (t->kind == MM_TABLE_SEMICOLON && !t->first)
        t->cut = ';';
    if (t->kind == MM_TABLE_TSV || t->kind == MM_TABLE_QUOTED_TSV)
        t->cut = '\t';
    t->quotes = t->kind != MM_TABLE_TSV;
    t->end = end_of_rows((mm_str){text.p + t->first, text.n - t->first}, t->cut);
    if (t->kind == MM_TABLE_JSON) {
        const char *open = text.n ? memchr(text.p, '[', text.n) : NULL;
        t->first = open ? (size_t)(open - text.p) + 1 : 0;
    }
    t->at = t->first;
}

bool mm_table_names_itself(const mm_table *t)
{
    return t->kind == MM_TABLE_JSONL || t->kind == MM_TABLE_JSON;
}

void mm_table_rewind(mm_table *t)
{
    t->at = t->first;
    t->row = 0;
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

/* A quoted cell after its opening quote; *at becomes what follows the closing one, or the end of the text. */
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

/* A cell without quotes at *at, which becomes its end. */
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

static mm_status cut_row(mm_table *t, cells *c, mm_err *e)
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
        mm_status added = add_cell(c, one, e);
        if (added == MM_FATAL)
            return added;
        if (added == MM_SKIP) { /* go on to the row's end: the next one may be good */
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

/* ---- JSON ---- */

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

/* The value that begins at *at, up to the brace or bracket that closes it; a value without those up to a comma, a
 * bracket or the line's end. */
static mm_str json_piece(mm_str text, size_t at)
{
    int64_t depth = 0;
    bool inside = false;
    size_t i = at;
    for (; i < text.n; i++) {
        char c = text.p[i];
        if (inside) {
            i += c == '\\';
            inside = c != '"';
        } else if (c == '"') {
            inside = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (depth && (c == '}' || c == ']')) {
            if (--depth == 0)
                return (mm_str){text.p + at, i + 1 - at};
        } else if (!depth && (c == ',' || c == ']' || c == '\n')) {
            break;
        }
    }
    return (mm_str){text.p + at, (i < text.n ? i : text.n) - at};
}

static json_t *parse(mm_str text, json_error_t *why)
{
    return json_loadb(text.p, text.n, JSON_ALLOW_NUL, why);
}

/* The next object of JSON lines: a line, or several when the object that it begins goes on. */
static json_t *next_line(mm_table *t, json_error_t *why)
{
    enum { TRIES = 16 }; /* objects in a row that never close: each costs a look at the rest of the text */
    json_error_t ignored;
    mm_str line = line_at(t);
    json_t *o = parse(line, why);
    size_t from = t->at;
    if (!o && t->tries < TRIES && mm_cell_trim(line).n && *mm_cell_trim(line).p == '{') {
        t->tries++;
        mm_str piece = json_piece(t->text, from + (size_t)(mm_cell_trim(line).p - line.p));
        if (piece.p + piece.n > line.p + line.n && (o = parse(piece, &ignored))) {
            t->tries = 0;
            t->at = (size_t)(piece.p + piece.n - t->text.p);
            line = line_at(t); /* what may follow on the object's last line */
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
    while (t->at < t->text.n && (is_blank(t->text.p[t->at]) || (commas && t->text.p[t->at] == ',')))
        t->at++;
}

/* Goes past the brackets that close arrays and open the next. False: nothing, or something else, follows. */
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

/* The next element of an array, or of those that follow one another. False at the end of the last; *o is NULL when it
 * is no JSON. */
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

static mm_status json_cells(mm_table *t, json_t *o, cells *c, mm_err *e)
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
            mm_status s = add_cell(c, (mm_str){NULL, 0}, e);
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

static mm_status json_row(mm_table *t, cells *c, mm_err *e)
{
    json_error_t why = {.text = "another value"};
    json_t *o = NULL;
    if (t->kind == MM_TABLE_JSONL)
        o = next_line(t, &why);
    else if (!next_element(t, &o, &why))
        return MM_EOF;
    mm_status s = MM_OK;
    if (mm_ls_is_task(o)) {
        json_t *flat;
        s = mm_ls_flatten(&flat, o, e);
        json_decref(o);
        o = s == MM_OK ? flat : NULL;
    } else if (!json_is_object(o)) {
        s = mm_fail(e, MM_SKIP, "not a JSON object: %s", o ? "another value" : why.text);
    }
    if (s == MM_OK)
        s = json_cells(t, o, c, e);
    json_decref(o);
    return s;
}

/* ---- rows ---- */

static void skip_blank_lines(mm_table *t)
{
    while (t->at < t->text.n && (t->text.p[t->at] == t->end ||
                                 (t->text.p[t->at] == '\r' && t->at + 1 < t->text.n && t->text.p[t->at + 1] == t->end)))
        t->at++;
}

static mm_status read_row(mm_table *t, cells *c, mm_err *e)
{
    if (t->kind == MM_TABLE_JSON)
        return json_row(t, c, e);
    skip_blank_lines(t);
    if (t->at >= t->text.n)
        return MM_EOF;
    return t->kind == MM_TABLE_JSONL ? json_row(t, c, e) : cut_row(t, c, e);
}

mm_status mm_table_take_header(mm_table *t, mm_err *e)
{
    cells c = {.a = &t->keep};
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
    return MM_OK;
}

/* A cut too many, as by a comma in a text without quotes, would put all later cells under wrong names. */
static mm_status check_width(const mm_table *t, const cells *c, mm_err *e)
{
    for (int i = t->columns; t->header && !mm_table_names_itself(t) && i < c->n; i++)
        if (mm_cell_trim(c->v[i]).n)
            return mm_fail(e, MM_SKIP, "%d cells, more than the %d that have names", c->n, t->columns);
    return MM_OK;
}

mm_status mm_table_next(mm_table *t, mm_arena *a, mm_str **cell, int *n, mm_err *e)
{
    cells c = {.a = a};
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

/* Reads on until a row has a member of that name (NULL: to the end), and goes back to where it was. */
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

mm_status mm_table_learn_names(mm_table *t, mm_err *e)
{
    return mm_table_names_itself(t) ? look_ahead(t, NULL, e) : mm_table_take_header(t, e);
}

mm_status mm_table_find(mm_table *t, const char *text, int columns, int *at, mm_err *e)
{
    char more[160];
    if (mm_table_names_itself(t) && look_ahead(t, text, e) != MM_OK)
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
