/* table_json.h: rows of JSON lines and of arrays of objects: an object is a row, its members are the cells. */
#ifndef MM_MEDIA_TABLE_TABLE_JSON_H
#define MM_MEDIA_TABLE_TABLE_JSON_H

#include "media/table/table.h"

/* A value that is looked through for its end. */
typedef struct {
    size_t at;
    int64_t depth;
    bool inside; /* a string */
} mm_json_scan;

/* An object that goes on over lines, looked through line by line. */
typedef struct {
    mm_json_scan scan;
    size_t line; /* where the line at hand begins */
    bool closed;
} mm_json_lines;

/* Live, JSON lines: whether the row at t->at, whose first line is there, is there. From an earlier call for the same
 * row, j knows how far it was looked through. */
bool mm_json_row_is_here(const mm_table *t, mm_json_lines *j);
/* Makes name a column before a row has it. */
mm_status mm_json_expect(mm_table *t, const char *name, mm_err *e);

/* The next row. Names that are new go into the table's header. MM_OK, MM_EOF, MM_SKIP, MM_FATAL as mm_table_next. */
mm_status mm_json_row(mm_table *t, mm_cells *c, mm_err *e);

#endif
