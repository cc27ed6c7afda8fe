/* labels.h: ground truth from a table beside the media: a CSV or TSV with a column of file names (or keys) and columns
 * of labels. */
#ifndef MM_MEDIA_LABELS_H
#define MM_MEDIA_LABELS_H

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

#include <msgpack.h>

typedef struct mm_labels mm_labels;

/* Reads path. file_column names the column of files; NULL: `file`, `path`, `filename`, `image`, `key`, `id` or the
 * first. column names the label; NULL: all other columns, a plain string when there is one, else a map by their names.
 */
mm_status mm_labels_open(mm_labels **out, const char *path, const char *file_column, const char *column, mm_err *e);
void mm_labels_close(mm_labels *l); /* NULL is fine */

/* The label of the file with this path and key: by the whole path, by the key, then by the base name of either where
 * only one row has that. MSGPACK_OBJECT_NIL: none. The strings live as long as l. Thread safe. */
msgpack_object mm_labels_find(mm_labels *l, mm_str path, mm_str key);
int64_t mm_labels_unused(const mm_labels *l); /* rows that no file asked for */

#endif
