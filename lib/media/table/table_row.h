/* table_row.h: a row of a table on its way into cells. Internal to table.c and table_json.c. */
#ifndef MM_MEDIA_TABLE_TABLE_ROW_H
#define MM_MEDIA_TABLE_TABLE_ROW_H

#include "media/table/table.h"

typedef struct {
    mm_str *v; /* [n] */
    int n;
    int64_t cap;
    mm_arena *a; /* holds v, and cells that are no part of the text */
} mm_cells;

/* MM_SKIP: the row has too many. */
mm_status mm_cells_add(mm_cells *c, mm_str s, mm_err *e);
/* table_json.c: the next row of JSON. The table's header gets the names that come up. */
mm_status mm_json_row(mm_table *t, mm_cells *c, mm_err *e);

static inline bool mm_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

#endif
