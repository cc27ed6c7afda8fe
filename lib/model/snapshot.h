/* snapshot.h: models in the cache of Hugging Face's own tools: models--OWNER--NAME/snapshots/COMMIT is a model
 * directory of symbolic links into ../../blobs, and refs/main names the commit that "main" was at the last download. */
#ifndef MM_MODEL_SNAPSHOT_H
#define MM_MODEL_SNAPSHOT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* When path is a models--OWNER--NAME directory, it becomes that of the snapshot of refs/main, or of the only snapshot
 * there is. Any other path stays as it is. MM_FATAL says which snapshots there are. */
mm_status mm_snapshot_find(char *path, size_t size, mm_err *e);

/* The length of the models--OWNER--NAME directory that this real path of a snapshot, or of what lies in one, begins
 * with; 0: it is no snapshot's. */
size_t mm_snapshot_entry(const char *real);

/* NAME of such a real path, in the bytes of real: what `mm-model fetch` would call the model. *n is its length. */
const char *mm_snapshot_name(const char *real, size_t *n);

#endif
