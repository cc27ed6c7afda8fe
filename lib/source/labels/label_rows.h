/* label_rows.h: the rows of a table of labels, read into memory and indexed by the files that they name. */
#ifndef MM_SOURCE_LABELS_LABEL_ROWS_H
#define MM_SOURCE_LABELS_LABEL_ROWS_H

#include "source/labels/label_columns.h"
#include "source/labels/row_match.h"

#include <msgpack.h>

typedef struct {
    msgpack_object label;
    mm_str name;     /* as written */
    int64_t number;  /* in the file, from 1 */
    mm_str disputed; /* what annotators disagree about; p NULL: nothing */
} mm_label_row;

typedef struct {
    mm_arena arena; /* of labels that are maps */
    mm_row_names names;
    mm_label_row *row; /* [n] */
    int64_t n, cap;
    mm_str names_as_data; /* a first row that was read as data and looks like names; p NULL: none */
    mm_str doubtful;      /* mm_label_columns_doubtful */
} mm_label_rows;          /* all zero is empty */

/* MM_SKIP: a column is missing, a row is broken, or two rows name one file and differ. MM_FATAL: memory is out. */
mm_status mm_label_rows_read(mm_label_rows *x, mm_str text, const mm_labels_opts *o, mm_err *e);
void mm_label_rows_free(mm_label_rows *x);

#endif
