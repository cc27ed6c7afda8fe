/* table_kind.c: what kind of table a text is, by its first rows. */
#include "media/table/table.h"
#include "media/table/table_cell.h"

#include <string.h>
#include <strings.h>

enum {
    LIVE_ROWS = 2,         /* rows, and … */
    MAX_TELLING = 1 << 20, /* bytes of a live text that decide what kind of table it is, */
};
static const size_t MAX_LIVE_ARRAY = (size_t)1 << 30; /* … and that are held for an array */

void mm_row_scan_on(mm_row_scan *r, mm_str text, char cut)
{
    for (; r->at < text.n; r->at++) {
        char c = text.p[r->at];
        if (c == '"' && (r->inside || !r->closed))
            r->inside = !r->inside;
        else if (!r->inside && (c == '\n' || c == '\r'))
            break;
        r->cuts += !r->inside && c == cut;
        r->closed = r->inside || (c != cut && c != '"'); /* "" goes on */
    }
}

/* Where the row at `at` ends: at LF or CR outside quotes. *n: the number of cells into which `cut` divides it. */
static size_t end_of_row(mm_str text, size_t at, char cut, int *n)
{
    mm_row_scan r = {.at = at};
    mm_row_scan_on(&r, text, cut);
    *n = r.cuts + 1;
    return r.at;
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

/* Whether `cut` divides each of the first rows, at most `most`, into the same number of cells, two or more. */
static bool cuts_evenly(mm_str text, char cut, int most)
{
    size_t at = 0;
    int columns = cells_of_row(text, &at, cut), rows = 1;
    for (; at < text.n && rows < most; rows++)
        if (cells_of_row(text, &at, cut) != columns)
            return false;
    return columns > 1 && rows > 1;
}

static mm_table_kind kind_of_text(mm_str text, int rows)
{
    size_t at = 0, next;
    while (at < text.n && mm_is_blank(text.p[at]))
        at++;
    for (next = at + 1; next < text.n && mm_is_blank(text.p[next]);)
        next++;
    if (at < text.n && text.p[at] == '{')
        return MM_TABLE_JSONL;
    if (at < text.n && text.p[at] == '[' && next < text.n && strchr("{[]\"", text.p[next]))
        return MM_TABLE_JSON;
    at = 0;
    if (cells_of_row(text, &at, '\t') > 1)
        return MM_TABLE_TSV;
    return cuts_evenly(text, ';', rows) && !cuts_evenly(text, ',', rows) ? MM_TABLE_SEMICOLON : MM_TABLE_CSV;
}

/* Takes Excel's first line "sep=;", which is not a row. */
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

/* Where the line at `at` ends, quotes or not. */
static size_t end_of_line(mm_str text, size_t at)
{
    while (at < text.n && text.p[at] != '\n' && text.p[at] != '\r')
        at++;
    return at;
}

/* Where the first row ends. */
static size_t end_of_first(const mm_table *t)
{
    int n;
    bool plain = !t->quotes || mm_table_names_itself(t);
    return plain ? end_of_line(t->text, t->first) : end_of_row(t->text, t->first, t->cut, &n);
}

/* CR where the first row ends with CR alone. */
static char end_of_rows(const mm_table *t)
{
    size_t at = end_of_first(t);
    return at < t->text.n && t->text.p[at] == '\r' && (at + 1 == t->text.n || t->text.p[at + 1] != '\n') ? '\r' : '\n';
}

/* rows: how many may be looked at. */
static void open_text(mm_table *t, mm_str text, mm_table_kind kind, int rows)
{
    *t = (mm_table){.text = text, .kind = kind, .cut = ','};
    if (kind <= MM_TABLE_SEMICOLON)
        take_sep(t);
    if (t->kind == MM_TABLE_ANY)
        t->kind = kind_of_text(text, rows);
    if (t->kind == MM_TABLE_SEMICOLON && !t->first)
        t->cut = ';';
    if (t->kind == MM_TABLE_TSV || t->kind == MM_TABLE_QUOTED_TSV)
        t->cut = '\t';
    t->quotes = t->kind != MM_TABLE_TSV;
    t->end = end_of_rows(t);
    if (t->kind == MM_TABLE_JSON) {
        const char *open = text.n ? memchr(text.p, '[', text.n) : NULL;
        t->first = open ? (size_t)(open - text.p) + 1 : 0;
    }
    t->at = t->first;
}

void mm_table_open(mm_table *t, mm_str text, mm_table_kind kind)
{
    enum { ROWS = 100 };
    open_text(t, text, kind, ROWS);
}

/* ---- a live text ---- */

/* Whether a line end at `at` is there, with the byte after a CR, which tells whether it is CR LF. */
static bool has_end(mm_str text, size_t at)
{
    return at < text.n && (text.p[at] == '\n' || at + 1 < text.n);
}

/* Whether the first rows, as many as kind_of_text looks at, are there. */
static bool has_rows(mm_str text, char cut)
{
    int cells;
    size_t end = end_of_row(text, 0, cut, &cells), next = 0;
    if (!has_end(text, end) || cells == 1 || cut != ';')
        return has_end(text, end);
    cells_of_row(text, &next, cut);
    return has_end(text, end_of_row(text, next, cut, &cells));
}

/* Whether more text would not change what open_text sees in it. */
static bool tells_kind(mm_str text, mm_table_kind kind)
{
    mm_table t;
    mm_str begin = mm_cell_trim(text);
    bool bracket = begin.n == 1 && *begin.p == '['; /* what comes after it tells */
    if (text.n > MAX_TELLING)
        return true;
    open_text(&t, text, kind, LIVE_ROWS);
    if (t.kind == MM_TABLE_JSON)
        return true;
    if (kind == MM_TABLE_ANY && t.kind != MM_TABLE_JSONL &&
        (bracket || !has_rows(text, '\t') || !has_rows(text, ';') || !has_rows(text, ',')))
        return false;
    return begin.n && has_end(text, end_of_first(&t));
}

mm_status mm_table_open_live(mm_table *t, mm_live_text *live, mm_table_kind kind, mm_err *e)
{
    mm_status s = MM_OK;
    while (s == MM_OK && !live->ended && !tells_kind(live->text, kind))
        s = mm_live_text_more(live, e);
    open_text(t, live->text, kind, LIVE_ROWS);
    while (s == MM_OK && t->kind == MM_TABLE_JSON && !live->ended && live->text.n <= MAX_LIVE_ARRAY)
        s = mm_live_text_more(live, e);
    t->live = live;
    t->text = live->text;
    return s;
}

bool mm_table_names_itself(const mm_table *t)
{
    return t->kind == MM_TABLE_JSONL || t->kind == MM_TABLE_JSON;
}
