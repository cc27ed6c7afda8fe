/* archive.h: the members of one archive, one after the other: limits, names, and links between members. */
#ifndef MM_SOURCE_ARCHIVE_H
#define MM_SOURCE_ARCHIVE_H

#include "source/source_options.h"

typedef struct mm_archive mm_archive;

typedef struct {
    const mm_source_opts *o; /* must outlive the archive */
    const mm_keyer *keyer;
    mm_archive *outer; /* the archive that holds this one, or NULL: limits count all the way up */
    int64_t *skipped;  /* counts the entries that are skipped */
} mm_archive_opts;

/* Opens b, which belongs to the archive from then on; on failure b stays the caller's. head.p NULL: b can be read at
 * any offset; otherwise b->fd is a pipe and head, in b's arena, what was read of it already (a compressed stream, tar
 * or cpio: other formats must be read at any offset). `packed`: MM_FORMAT_PACKED.
 * MM_OK; MM_EOF for an archive without members; MM_SKIP when it cannot be read: *code and e say why. */
mm_status mm_archive_open(mm_archive **out, mm_blob *b, mm_str head, bool packed, const mm_archive_opts *o,
                          const char **code, mm_err *e);
void mm_archive_close(mm_archive *a); /* NULL is fine */

/* The next member that is a file, in memory or in a temporary file; a failure is noted in the blob. The single file in
 * a compressed stream comes out under the stream's own name. MM_OK, MM_EOF, MM_FATAL. */
mm_status mm_archive_next(mm_archive *a, mm_blob **out, mm_err *e);

/* The number of archives around this one, itself included. */
int mm_archive_depth(const mm_archive *a);

/* The archive around this one, or NULL. */
mm_archive *mm_archive_outer(const mm_archive *a);

#endif
