/* table.h: rows of CSV, TSV and JSON, one after the other, over a text in memory. */
#ifndef MM_MEDIA_TABLE_TABLE_H
#define MM_MEDIA_TABLE_TABLE_H

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

#include <stdint.h>

typedef enum {
    MM_TABLE_ANY,        /* the text tells, see mm_table_open */
    MM_TABLE_CSV,        /* RFC 4180: commas, "quotes" doubled inside, newlines inside quotes */
    MM_TABLE_SEMICOLON,  /* the same with semicolons, as Excel writes it where the comma is the decimal point */
    MM_TABLE_TSV,        /* tabs; a quote is a plain character (IANA text/tab-separated-values, GLUE's files) */
    MM_TABLE_QUOTED_TSV, /* tabs, quotes as in CSV (pandas, csv.writer) */
    MM_TABLE_JSONL,      /* JSON objects one after the other; their members are the cells */
    MM_TABLE_JSON,       /* an array of objects; tasks of Label Studio are flattened (label_studio.h) */
} mm_table_kind;

/* The kinds after MM_TABLE_ANY, as choices of an option. */
#define MM_TABLE_KINDS "csv|semicolon|tsv|quoted-tsv|jsonl|json"

typedef struct {
    mm_str text;
    size_t at; /* where the next row starts */
    mm_table_kind kind;
    char cut, end;  /* what ends a cell, what ends a row */
    bool quotes;    /* a cell may stand in quotes */
    bool in_quotes; /* a cell did, where quotes are plain characters */
    int64_t row;    /* data rows so far */
    mm_str *header; /* names of columns; NULL: there are none */
    int columns;
    bool tasks;      /* rows were tasks of Label Studio */
    mm_str disputed; /* the column that two annotations of the last row disagree about; p NULL: none */
    size_t first;    /* where the first row starts */
    int tries;       /* JSON lines: objects that went on for more than a line and were none */
    mm_arena keep;   /* of the header */
} mm_table;

/* With MM_TABLE_ANY the first row tells the kind: an object is JSON lines, an array JSON; a tab outside of quotes makes
 * it TSV; semicolons that cut every one of the first rows into as many cells, where commas do not, SEMICOLON; else it
 * is CSV. A first line `sep=;` (Excel's) names the character. Rows end with LF, CR LF or CR, as the first one does. */
void mm_table_open(mm_table *t, mm_str text, mm_table_kind kind);
void mm_table_close(mm_table *t);
/* Back to the first row. */
void mm_table_rewind(mm_table *t);
/* Whether objects name their cells themselves, so that there is no row of names. */
bool mm_table_names_itself(const mm_table *t);
/* Takes the next row as the names of the columns, without blanks around them (JSON: nothing is taken). */
mm_status mm_table_take_header(mm_table *t, mm_err *e);
/* The same; of JSON, the names that any row has are gathered before the first is read. */
mm_status mm_table_learn_names(mm_table *t, mm_err *e);

/* table_names.c, before any row is taken. The cells of the first row; 0: it is none. */
int mm_table_width(mm_table *t);
/* Whether the first row is data: every column that is asked for (NULL: not) is a number, and one is. */
bool mm_table_is_nameless(mm_table *t, const char *const *asked, int n);
/* The first row, "text, label", when its cells look like names and not like those below them; else p NULL. */
mm_str mm_table_likely_names(mm_table *t, mm_arena *a);

/* The next row that is not blank; cells from the arena or parts of the text (p NULL: a member that this object lacks,
 * or null). With JSON cells are in the order of the first object's members, later new names are added to the header.
 * MM_OK, MM_EOF, MM_SKIP (a row that is no row; the next may be), MM_FATAL when memory is out. */
mm_status mm_table_next(mm_table *t, mm_arena *a, mm_str **cell, int *n, mm_err *e);

/* The column that text names: a name of the header, or a number (1 is the first, −1 the last). −1: there is none. */
int mm_table_column(const mm_table *t, const char *text, int columns);
/* The same; MM_SKIP with a message that lists what there is. Of JSON, rows ahead are looked through until one has it.
 */
mm_status mm_table_find(mm_table *t, const char *text, int columns, int *at, mm_err *e);

/* Without the blanks (space, tab, line ends) around it. */
mm_str mm_cell_trim(mm_str cell);

#endif
