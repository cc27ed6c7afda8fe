/* snapshot.h: models in the cache of Hugging Face's own tools: models--OWNER--NAME/snapshots/COMMIT is a model
 * directory of symbolic links into ../../blobs, and refs/main names the commit that "main" was at the last download. */
#ifndef MM_MODEL_SNAPSHOT_H
#define MM_MODEL_SNAPSHOT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Turns the path of a models--OWNER--NAME directory into that of its snapshot: the one of refs/main, or the only one.
 * Any other path is left alone. MM_FATAL: there are several. */
mm_status mm_snapshot_find(char *path, size_t size, mm_err *e);

/* The length of the models--OWNER--NAME directory at the beginning of a real path of a snapshot or a file in one; 0: it
 * is not in a snapshot. */
size_t mm_snapshot_entry(const char *real);

/* NAME of such a path, as a part of `real`; *n is its length. NULL: not in a snapshot. */
const char *mm_snapshot_name(const char *real, size_t *n);

#endif
