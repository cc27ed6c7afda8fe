/* blob_names.h: what an input is called: key, src, path, given and dir of a blob (blob.h says what each is). */
#ifndef MM_SOURCE_BLOB_NAMES_H
#define MM_SOURCE_BLOB_NAMES_H

#include "source/blob.h"
#include "source/key.h"

/* Each returns MM_FATAL when memory is out. */

void mm_blob_name_stdin(mm_blob *b);
/* An operand, by all of its path, or by the part of it below `root` (NULL: none). One that lies elsewhere is noted as a
 * failure in b. */
mm_status mm_blob_name_operand(mm_blob *b, const mm_keyer *k, const char *root, const char *path, mm_err *e);
/* A file at `path`, found as `rel` below `directory`, which itself lies at `place` below the root ("" without one). */
mm_status mm_blob_name_found(mm_blob *b, const mm_keyer *k, const char *directory, mm_str place, mm_str rel,
                             const char *path, mm_err *e);

/* A member of `archive` called `raw`, which is its `number`-th. */
mm_status mm_blob_name_member(mm_blob *m, const mm_blob *archive, const mm_keyer *k, mm_str raw, int64_t number,
                              mm_err *e);
/* The single file in a compressed one: called like that, without the compression's extension. */
mm_status mm_blob_name_unpacked(mm_blob *m, const mm_blob *archive, const mm_keyer *k, mm_err *e);
/* Something that concerns the archive as a whole. */
mm_status mm_blob_name_archive(mm_blob *m, const mm_blob *archive, mm_err *e);

#endif
