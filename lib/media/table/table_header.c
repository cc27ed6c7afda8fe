/* table_header.c: whether the first row of a table names its columns or is data. */
#include "base/utf8.h"
#include "media/table/table.h"

#include <ctype.h>
#include <stdlib.h>

/* The first row, in the arena; the table is rewound. Returns its number of cells; 0: it is broken or missing. */
static int first_row(mm_table *t, mm_arena *a, mm_str **cell)
{
    int n;
    mm_err ignored;
    mm_status s = mm_table_next(t, a, cell, &n, &ignored);
    mm_table_rewind(t);
    return s == MM_OK ? n : 0;
}

int mm_table_width(mm_table *t)
{
    mm_arena a = {0};
    mm_str *cell;
    int n = first_row(t, &a, &cell);
    mm_arena_free(&a);
    return n;
}

/* Whether it is a number and not a name: 2019 is a name where the first row has such a cell and fewer cells. */
static bool is_number(const char *asked, const mm_str *cell, int n)
{
    char *end;
    long number = strtol(asked, &end, 10);
    if (end == asked || *end)
        return false;
    for (int c = 0; number > n && c < n; c++)
        if (mm_str_is(mm_cell_trim(cell[c]), asked))
            return false;
    return true;
}

bool mm_table_is_nameless(mm_table *t, const char *const *asked, int n)
{
    mm_arena a = {0};
    mm_str *cell;
    int columns = mm_table_names_itself(t) ? 0 : first_row(t, &a, &cell), numbers = 0;
    bool nameless = columns > 0;
    for (int i = 0; nameless && i < n; i++) {
        numbers += asked[i] != NULL;
        nameless = !asked[i] || is_number(asked[i], cell, columns);
    }
    mm_arena_free(&a);
    return nameless && numbers > 0;
}

/* ---- names that were read as data ---- */

static bool is_word(mm_str cell)
{
    enum { LONGEST = 40 };
    bool word = cell.n && cell.n <= LONGEST && (isalpha((uint8_t)*cell.p) || *cell.p == '_' || *cell.p & 0x80);
    for (size_t i = 0; word && i < cell.n; i++)
        word = !strchr("./\\:;,!?", cell.p[i]);
    return word;
}

/* Has what texts, paths and numbers have and names mostly lack. */
static bool has_mark(mm_str cell)
{
    for (size_t i = 0; i < cell.n; i++)
        if (strchr(" ./\\:,", cell.p[i]) || isdigit((uint8_t)cell.p[i]))
            return true;
    return false;
}

/* Whether `first`, the cell in the first row, differs from those below: −1: a row repeats it; 1: all of them have a
 * mark and it has none; 0: neither. */
static int stands_apart(mm_table *t, int column, mm_str first)
{
    enum { ROWS = 100 };
    mm_arena a = {0};
    mm_str *cell;
    int n, rows = 0, marked = 0, again = 0;
    mm_err ignored;
    mm_table_next(t, &a, &cell, &n, &ignored);
    for (; rows < ROWS && mm_table_next(t, &a, &cell, &n, &ignored) == MM_OK; rows++) {
        mm_str here = column < n ? mm_cell_trim(cell[column]) : MM_STR("");
        again += mm_str_eq(here, first);
        marked += has_mark(here);
        mm_arena_reset(&a);
    }
    mm_arena_free(&a);
    mm_table_rewind(t);
    return again || !rows ? -1 : marked == rows && !has_mark(first);
}

mm_str mm_table_likely_names(mm_table *t, mm_arena *a)
{
    mm_str *cell, text = MM_STR("");
    enum { WIDEST = 32 }; /* each column takes a pass of its own */
    int n = first_row(t, a, &cell), apart = 0;
    for (int c = 0; n <= WIDEST && c < n; c++) {
        mm_str name = mm_cell_trim(cell[c]);
        int here = is_word(name) ? stands_apart(t, c, name) : -1;
        if (here < 0)
            return (mm_str){NULL, 0};
        apart += here;
        text = mm_str_of(mm_arena_printf(a, "%.*s%s%.*s", MM_STRF(text), c ? ", " : "", MM_STRF(name)));
        if (!text.p)
            return text;
    }
    return apart ? text : (mm_str){NULL, 0};
}
