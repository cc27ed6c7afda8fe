/* table.h: rows of CSV, TSV and JSON, one after the other, from a text in memory or one that is still coming. */
#ifndef MM_MEDIA_TABLE_TABLE_H
#define MM_MEDIA_TABLE_TABLE_H

#include "media/table/live_text.h"
#include "media/table/table_cell.h"

typedef enum {
    MM_TABLE_ANY,        /* the first row decides, see mm_table_open */
    MM_TABLE_CSV,        /* RFC 4180: commas, "quotes" doubled inside, newlines inside quotes */
    MM_TABLE_SEMICOLON,  /* the same with semicolons, as Excel writes it where the comma is the decimal point */
    MM_TABLE_TSV,        /* tabs; a quote is a plain character (IANA text/tab-separated-values, GLUE's files) */
    MM_TABLE_QUOTED_TSV, /* tabs, quotes as in CSV (pandas, csv.writer) */
    MM_TABLE_JSONL,      /* JSON objects one after the other; their members are the cells */
    MM_TABLE_JSON,       /* an array of objects; tasks of Label Studio are flattened (label_studio.h) */
} mm_table_kind;

/* The kinds after MM_TABLE_ANY, as choices of an option. */
#define MM_TABLE_KINDS "csv|semicolon|tsv|quoted-tsv|jsonl|json"

/* A row that is looked through for its end. */
typedef struct {
    size_t at;
    bool inside; /* in quotes */
    bool closed; /* a quote here is a plain character, unless inside */
    int cuts;    /* cells that ended */
} mm_row_scan;

/* Goes on to a line end outside quotes, LF or CR, or the end of the text. */
void mm_row_scan_on(mm_row_scan *r, mm_str text, char cut);

typedef struct {
    mm_str text;
    mm_live_text *live; /* text is the part of it that is needed; NULL: text is all there is */
    bool lost;          /* live: `at` is inside a row that is too long, … */
    mm_row_scan rest;   /* … whose end is looked for from there */
    size_t at;          /* where the next row starts */
    mm_table_kind kind;
    char cut, end;  /* what ends a cell, what ends a row */
    bool quotes;    /* cells may be quoted */
    bool in_quotes; /* a cell was, in a kind whose quotes are plain characters */
    int64_t row;    /* data rows so far */
    mm_str *header; /* [columns] their names; NULL: there are none */
    int columns;
    bool tasks;      /* rows were Label Studio tasks */
    mm_str disputed; /* the column that two annotations of the last row disagree about; p NULL: none */
    size_t first;    /* where the first row starts */
    int tries;       /* JSON lines: objects that did not end on their line, nor later */
    mm_arena keep;   /* of the header */
} mm_table;

/* With MM_TABLE_ANY the first row decides the kind: an object means JSON lines, an array JSON; a tab outside quotes
 * TSV; semicolons that cut all of the first rows into the same number of cells, where commas do not, SEMICOLON;
 * anything else CSV. A first line `sep=;` (Excel's) names the character. Rows end with LF, CR LF or CR, as the first
 * one does.
 */
void mm_table_open(mm_table *t, mm_str text, mm_table_kind kind);
/* The same for a text that is still coming: each row is there as soon as its last byte is. What mm_table_open sees by
 * reading ahead is not waited for:
 *   - two rows decide whether semicolons cut the cells;
 *   - an object of JSON lines that goes on over lines ends, broken, where a line is an object by itself;
 *   - a row of more than 32 MiB is broken.
 * An array (MM_TABLE_JSON) is read to its end first. MM_FATAL: memory is out. */
mm_status mm_table_open_live(mm_table *t, mm_live_text *live, mm_table_kind kind, mm_err *e);
void mm_table_close(mm_table *t);
/* Back to the first row (live: while no row was read but that). */
void mm_table_rewind(mm_table *t);
/* Whether rows are objects, which name their cells themselves: there is no row of names. */
bool mm_table_names_itself(const mm_table *t);
/* Takes the next row as the names of the columns, blanks around them dropped (JSON: takes nothing). */
mm_status mm_table_take_header(mm_table *t, mm_err *e);
/* The same; JSON: gathers the names in all rows before the first is read. */
mm_status mm_table_learn_names(mm_table *t, mm_err *e);

/* In table_header.c; before any row is taken. The number of cells of the first row; 0: it is broken or missing. */
int mm_table_width(mm_table *t);
/* Whether the first row is data: columns are asked for (NULL: not asked), and all of them by number. */
bool mm_table_is_nameless(mm_table *t, const char *const *asked, int n);
/* The first row, "text, label", when its cells look like names, unlike those below them; else p NULL. The printf format
 * of the warning, where such a row is read as data. */
#define MM_TABLE_NAMES_AS_DATA                                                                                         \
    "the first row (%.*s) looks like names but is read as data, because columns are given by number: give their names"
mm_str mm_table_likely_names(mm_table *t, mm_arena *a);

/* The next row that is not blank; cells are from the arena or parts of the text (p NULL: null, or a member that this
 * object lacks). JSON: cells are in the order of the first object's members; later names are added to the header.
 * MM_OK, MM_EOF, MM_SKIP (a broken row; the next may be good), MM_FATAL when memory is out. */
mm_status mm_table_next(mm_table *t, mm_arena *a, mm_str **cell, int *n, mm_err *e);

/* The column that text names: a name of the header, or a number (1 is the first, −1 the last). −1: there is none. */
int mm_table_column(const mm_table *t, const char *text, int columns);
/* The same; MM_SKIP with a message that lists the columns. JSON: looks ahead through the rows until one has it (live:
 * only the first; a name that it lacks becomes a column). */
mm_status mm_table_find(mm_table *t, const char *text, int columns, int *at, mm_err *e);

#endif
