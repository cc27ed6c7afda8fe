/* embedded_archive.h: archives that do not say so in their first bytes: after a program or any other bytes, and images
 * of discs.
 */
#ifndef MM_SOURCE_EMBEDDED_ARCHIVE_H
#define MM_SOURCE_EMBEDDED_ARCHIVE_H

#include "source/blob.h"

/* Whether an executable may be a self-extracting archive. */
bool mm_blob_is_self_extracting(const mm_blob *b);
/* *front: how many bytes stand in front of the zip. */
bool mm_blob_ends_as_zip(const mm_blob *b, int64_t *front);
bool mm_blob_is_iso(const mm_blob *b);
/* The directory of a zip whose members lie in other files. */
bool mm_blob_is_last_zip_volume(const mm_blob *b);

#endif
