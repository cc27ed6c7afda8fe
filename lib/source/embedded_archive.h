/* embedded_archive.h: archives that their first bytes do not show: after a program or other bytes, and disc images. */
#ifndef MM_SOURCE_EMBEDDED_ARCHIVE_H
#define MM_SOURCE_EMBEDDED_ARCHIVE_H

#include "source/blob.h"

/* Whether an executable may be a self-extracting archive. */
bool mm_blob_is_self_extracting(const mm_blob *b);
/* *front: how many bytes come before the zip. */
bool mm_blob_ends_as_zip(const mm_blob *b, int64_t *front);
bool mm_blob_is_iso(const mm_blob *b);
/* Whether it ends with the directory of a zip whose members lie in other files. */
bool mm_blob_is_last_zip_volume(const mm_blob *b);

#endif
