/* label_columns.h: which column of a table of labels names the file, and which hold labels. */
#ifndef MM_SOURCE_LABELS_LABEL_COLUMNS_H
#define MM_SOURCE_LABELS_LABEL_COLUMNS_H

#include "media/table/table.h"

typedef struct {
    const char *file_column; /* NULL: one called file, path, filename, image, key …, or the first */
    const char *column;      /* of the label; NULL: all others, a string when there is one, else a map by their names */
    mm_table_kind table;
} mm_labels_opts;

typedef struct {
    mm_table *t;
    int n;         /* columns of the table; 0: its first row is none */
    int file;      /* the column that names files */
    int label;     /* −1: all others that mm_label_columns_holds */
    bool nameless; /* the first row is data: columns were given by number */
} mm_label_columns;

/* Finds the columns in a table that was just opened, whose rows come next. MM_SKIP: a column is missing, or the first
 * row cannot be what it has to be. */
mm_status mm_label_columns_find(mm_label_columns *c, mm_table *t, const mm_labels_opts *o, mm_err *e);
/* Whether the column may hold a label, where all of them are wanted. */
bool mm_label_columns_holds(const mm_label_columns *c, int column);
/* Its name, or its number where there are no names; p NULL when memory is out. */
mm_str mm_label_columns_name(const mm_label_columns *c, int column, mm_arena *a);
/* The name of the column of files, when it is none of the usual ones and might itself be a file's; else p NULL. */
mm_str mm_label_columns_doubtful(const mm_label_columns *c);

#endif
