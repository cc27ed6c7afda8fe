/* table.h: rows of CSV, TSV and JSON lines, one after the other, over a text in memory. */
#ifndef MM_MEDIA_TABLE_H
#define MM_MEDIA_TABLE_H

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

#include <stdint.h>

typedef enum {
    MM_TABLE_CSV,   /* RFC 4180: commas, "quotes" doubled inside, newlines inside quotes */
    MM_TABLE_TSV,   /* tabs; a quote is a plain character (IANA text/tab-separated-values, GLUE's files) */
    MM_TABLE_JSONL, /* one JSON object a line; its members are the cells */
} mm_table_kind;

typedef struct {
    mm_str text;
    size_t at; /* where the next row starts */
    mm_table_kind kind;
    int64_t row;    /* data rows so far */
    mm_str *header; /* names of columns; NULL: there are none */
    int columns;
    mm_arena keep; /* of the header */
} mm_table;

/* Tells the kind by the first line: an object is JSON lines, a tab makes it TSV, else CSV. */
void mm_table_open(mm_table *t, mm_str text);
void mm_table_close(mm_table *t);
/* Takes the next row as the names of the columns (JSON lines name their cells themselves: nothing is taken). */
mm_status mm_table_take_header(mm_table *t, mm_err *e);

/* The next row that is not blank; cells from the arena or parts of the text (p NULL: a member that this object lacks).
 * With JSON lines cells are in the order of the first object's members, later new names are added to the header. MM_OK,
 * MM_EOF, MM_SKIP (a row that is no row; the next may be), MM_FATAL when memory is out. */
mm_status mm_table_next(mm_table *t, mm_arena *a, mm_str **cell, int *n, mm_err *e);

/* The column that text names: a name of the header, or a number (1 is the first, −1 the last). −1: there is none. */
int mm_table_column(const mm_table *t, const char *text, int columns);

#endif
