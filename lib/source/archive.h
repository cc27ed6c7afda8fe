/* archive.h: the members of one archive, through libarchive.
 *
 * Every format and every decompressor that runs inside this process is enabled by name; those that would start a
 * program (lrzip, grzip, lzop where libarchive was built without it) and those that take text for an archive (mtree,
 * uuencode) are not. */
#ifndef MM_SOURCE_ARCHIVE_H
#define MM_SOURCE_ARCHIVE_H

#include "source/source_options.h"

typedef struct mm_archive mm_archive;

typedef struct {
    const mm_source_opts *o; /* must outlive the archive */
    const mm_keyer *keyer;
    mm_archive *outer; /* the archive that holds this one, or NULL: limits count all the way up */
    int64_t *skipped;  /* counts what is passed over */
} mm_archive_opts;

/* Opens b, which the archive owns from then on; when this fails b stays the caller's. `head` with p NULL: b can be read
 * at any offset; else b->fd is a pipe, and head what was taken from it already (in b's arena; a compressed stream, tar
 * or cpio: other formats must be read at any offset). `packed`: mm_sniff_is_packed.
 * MM_OK; MM_EOF for an archive without members; MM_SKIP when it cannot be read, *code then says why. */
mm_status mm_archive_open(mm_archive **out, mm_blob *b, mm_str head, bool packed, const mm_archive_opts *o,
                          const char **code, mm_err *e);
void mm_archive_close(mm_archive *a); /* NULL is fine */

/* The next member that is a file, in memory or in a temporary file; what failed is noted in the blob. The single
 * file of a compressed stream comes out under the stream's own name. MM_OK, MM_EOF, MM_FATAL. */
mm_status mm_archive_next(mm_archive *a, mm_blob **out, mm_err *e);

/* The number of archives around this one, itself included. */
int mm_archive_depth(const mm_archive *a);

/* The archive around this one, or NULL. */
mm_archive *mm_archive_outer(const mm_archive *a);

#endif
