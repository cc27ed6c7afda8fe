/* table_cell.h: the cells of a table's row. */
#ifndef MM_MEDIA_TABLE_TABLE_CELL_H
#define MM_MEDIA_TABLE_TABLE_CELL_H

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

#include <stdint.h>

typedef struct {
    mm_str *v; /* [n] */
    int n;
    int64_t cap;
    mm_arena *a; /* holds v, and cells that are not part of the text */
} mm_cells;

/* MM_SKIP: the row has too many. */
mm_status mm_cells_add(mm_cells *c, mm_str s, mm_err *e);

/* The cell without the blanks (space, tab, line ends) around it. */
mm_str mm_cell_trim(mm_str cell);

/* A cell as a number: an empty one, and "nan", are NaN. False: it is not a number. */
bool mm_cell_number(mm_str cell, double *x);

static inline bool mm_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

#endif
