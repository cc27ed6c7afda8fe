#include "media/table/table_cell.h"

#include "base/grow.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_COLUMNS = 1 << 20 };

mm_status mm_cells_add(mm_cells *c, mm_str s, mm_err *e)
{
    if (c->n == MAX_COLUMNS)
        return mm_fail(e, MM_SKIP, "a row of more than %d columns", MAX_COLUMNS);
    if (!mm_grow_in(c->a, &c->v, &c->cap, c->n))
        return mm_fail_memory(e);
    c->v[c->n++] = s;
    return MM_OK;
}

mm_str mm_cell_trim(mm_str cell)
{
    while (cell.n && mm_is_blank(*cell.p)) {
        cell.p++;
        cell.n--;
    }
    while (cell.n && mm_is_blank(cell.p[cell.n - 1]))
        cell.n--;
    return cell;
}

bool mm_cell_number(mm_str cell, double *x)
{
    char text[64], *end;
    cell = mm_cell_trim(cell);
    *x = NAN;
    if (cell.n == 0)
        return true;
    if (cell.n >= sizeof text)
        return false;
    memcpy(text, cell.p, cell.n);
    text[cell.n] = 0;
    *x = strtod(text, &end);
    return *end == 0;
}
