/* label_table.h: ground truth from a table beside the media: a column of files (or keys) and columns of labels.
 *
 * A row matches a file when the whole of its name is the end of the file's path as given, component by component, or
 * when the whole path below the operand is the end of the row's name. With or without extension, '\' is '/'. The row
 * that agrees with the path as given over most components wins, then the one of the same extension; rows that are as
 * near and disagree match as MM_SKIP. What a row names in a directory that the table has files of is never matched
 * outside of it. */
#ifndef MM_SOURCE_LABELS_LABEL_TABLE_H
#define MM_SOURCE_LABELS_LABEL_TABLE_H

#include "media/table/table.h"
#include "source/labels/row_names.h"

#include <msgpack.h>

typedef struct mm_labels mm_labels;

typedef struct {
    const char *file_column; /* NULL: one called file, path, filename, image, key …, or the first */
    const char *column;      /* of the label; NULL: all others, a string when there is one, else a map by their names */
    mm_table_kind table;
} mm_labels_opts;

/* Reads path. MM_FATAL when it is no table, has no such column, has a broken row, or has rows of one name that differ.
 */
mm_status mm_labels_open(mm_labels **out, const char *path, const mm_labels_opts *o, mm_err *e);
void mm_labels_close(mm_labels *l); /* NULL is fine */

/* Its label: MSGPACK_OBJECT_NIL when no row matches, or the row's cell is empty; its strings live as long as l.
 * MM_SKIP: rows tie and disagree. MM_FATAL when memory is out. Thread safe. */
mm_status mm_labels_find(mm_labels *l, const mm_label_query *what, msgpack_object *label, mm_err *e);

int64_t mm_labels_unused(const mm_labels *l); /* rows that nothing matched */
/* How many took the label of a row that names another directory, which the table's having been made elsewhere explains,
 * or its being the wrong one; *example, of the first: "val/1.jpg: train/1.jpg". */
int64_t mm_labels_elsewhere(const mm_labels *l, const char **example);
/* What the first row was perhaps taken for wrongly; p NULL: nothing. Names of columns that were read as data, as
 * columns are given by number; a name of a column that is the name of something that was labelled. */
mm_str mm_labels_names_as_data(const mm_labels *l);
mm_str mm_labels_data_as_names(const mm_labels *l);
uint64_t mm_labels_digest(const mm_labels *l); /* a hash of the table's bytes */
mm_str mm_labels_first(const mm_labels *l);    /* the name in the first row; empty when there is none */

#endif
