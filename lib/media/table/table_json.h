/* table_json.h: rows of JSON lines and of arrays of objects: an object is a row, its members are the cells. */
#ifndef MM_MEDIA_TABLE_TABLE_JSON_H
#define MM_MEDIA_TABLE_TABLE_JSON_H

#include "media/table/table.h"

/* The next row. Names that are new go into the table's header. MM_OK, MM_EOF, MM_SKIP, MM_FATAL as mm_table_next. */
mm_status mm_json_row(mm_table *t, mm_cells *c, mm_err *e);

#endif
