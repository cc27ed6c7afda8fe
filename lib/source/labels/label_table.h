/* label_table.h: ground truth from a table beside the media: a column of files (or keys) and columns of labels.
 *
 * A row matches a file when its whole name is the end of the file's path as given, component by component, or when the
 * whole path below the operand is the end of the row's name; with or without extension, and '\' counts as '/'. The row
 * that shares most components with the path wins, then one with the same extension; equally near rows that disagree are
 * an error (MM_SKIP). A file in a directory of which the table has files is never matched by rows of other directories.
 */
#ifndef MM_SOURCE_LABELS_LABEL_TABLE_H
#define MM_SOURCE_LABELS_LABEL_TABLE_H

#include "source/labels/label_columns.h"
#include "source/labels/row_match.h"

#include <msgpack.h>

typedef struct mm_labels mm_labels;

/* Reads path. MM_FATAL when it is not a table, lacks a column, has a broken row, or has rows of one name that differ.
 */
mm_status mm_labels_open(mm_labels **out, const char *path, const mm_labels_opts *o, mm_err *e);
void mm_labels_close(mm_labels *l); /* NULL is fine */

/* The label: MSGPACK_OBJECT_NIL when no row matches or the row's cell is empty; its strings live as long as l.
 * MM_SKIP: rows tie and disagree. MM_FATAL when memory is out. Thread safe. */
mm_status mm_labels_find(mm_labels *l, const mm_label_query *what, msgpack_object *label, mm_err *e);

int64_t mm_labels_unused(const mm_labels *l); /* rows that nothing matched */
/* How many files took the label of a row that names another directory: the table was made elsewhere, or is the wrong
 * one. *example is the first: "val/1.jpg: train/1.jpg". */
int64_t mm_labels_elsewhere(const mm_labels *l, const char **example);
/* What the first row may have been mistaken for; p NULL: nothing. Names of columns that were read as data, because
 * columns were given by number; a column's name that is also the name of something that was labelled. */
mm_str mm_labels_names_as_data(const mm_labels *l);
mm_str mm_labels_data_as_names(const mm_labels *l);
uint64_t mm_labels_digest(const mm_labels *l); /* a hash of the table's bytes */
mm_str mm_labels_first(const mm_labels *l);    /* the name in the first row; empty when there is none */

#endif
