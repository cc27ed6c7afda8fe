/* labels.h: ground truth from a table beside the media: a column of files (or keys) and columns of labels.
 *
 * A row matches a file when the whole of its name is the end of the file's path as given, component by component, or
 * when the whole path below the operand is the end of the row's name. With or without extension, '\' is '/'. The row
 * that agrees with the path as given over most components wins, then the one of the same extension; rows that are as
 * near and disagree match as MM_SKIP. What a row names in a directory that the table has files of is never matched
 * outside of it. */
#ifndef MM_LABELS_LABELS_H
#define MM_LABELS_LABELS_H

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"
#include "media/table/table.h"

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

/* What is to be labelled. given and path are those of a blob (source.h); path p NULL: only a record's src, as given,
 * and its key are known, which is the path below the operand where given ends with it. Where it does not (a row of a
 * table, --key), a row may also name the end of the key, and goes before those that name the file. */
typedef struct {
    mm_str given, path, key;
} mm_label_query;

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

/* printf format of what is said of a task of Label Studio whose annotations differ. */
#define MM_DISPUTED "two annotations disagree about %.*s: mark one as ground truth, or cancel the other"

/* A cell as a label, in the arena: nothing for an empty one (p NULL too), a string without blanks around it; a list of
 * strings, or Label Studio's {"choices": …}, is a string when it is one, else a map of each to 1. False: memory is out.
 */
bool mm_label_of_cell(msgpack_object *label, mm_arena *a, mm_str cell);

#endif
