/* unpack.h: libarchive in a process of its own.
 *
 * Archives are hostile input, and some files crash libarchive or keep it busy for ever (two in its own test suite,
 * version 3.6). Here such a file costs an error, not the run: each archive is read by a child process, which is asked
 * over a socket pair for the next entry or the next bytes, and is killed when it does not answer in time or takes too
 * much memory.
 *
 * The child starts no program and opens no file: it has the blob's bytes or its descriptor. */
#ifndef MM_SOURCE_UNPACK_H
#define MM_SOURCE_UNPACK_H

#include "source/blob.h"

typedef struct mm_unpack mm_unpack;

#define MM_ENCRYPTED "encrypted: extract it with its password first"

typedef struct {
    mm_str name;  /* as UTF-8 where libarchive can convert it, else its bytes; valid until the next call */
    mm_str link;  /* what a link leads to, as written */
    int64_t size; /* as declared, −1: unknown; do not trust it */
    bool directory, regular, symlink, hardlink, encrypted;
    bool shared; /* a file of several names and no data here: the data may come with a later name (cpio) */
} mm_unpack_entry;

/* head.p NULL: b can be read at any offset; otherwise b->fd is a pipe, and head what was read of it already. `packed`:
 * a compressed stream (MM_FORMAT_PACKED). b must outlive it. MM_OK, or MM_SKIP with *code
 * ("unsupported", "encrypted", "truncated", "archive") when it cannot be read. */
mm_status mm_unpack_open(mm_unpack **out, const mm_blob *b, mm_str head, bool packed, const char **code, mm_err *e);
void mm_unpack_close(mm_unpack *u); /* NULL is fine */

/* The next entry; what is left of the current one's data is skipped. MM_OK; MM_EOF; MM_SKIP when it is damaged: the
 * next call may find another, unless mm_unpack_dead. */
mm_status mm_unpack_next(mm_unpack *u, mm_unpack_entry *x, const char **code, mm_err *e);
/* Up to n bytes of the current entry's data; 0: the end; −1: it is damaged, *code and e say how. Where what follows
 * data of a known length is padding (tar, cpio), mm_unpack_has_all is true with the last of them, so that nobody has to
 * wait for what follows. */
int64_t mm_unpack_data(mm_unpack *u, void *out, size_t n, const char **code, mm_err *e);

bool mm_unpack_has_all(const mm_unpack *u);
bool mm_unpack_dead(const mm_unpack *u);   /* nothing more can be had */
bool mm_unpack_is_raw(const mm_unpack *u); /* not an archive: the single file in a compressed stream */
/* Skipping data costs nothing: its length is known, and nothing around it is compressed. */
bool mm_unpack_skips_free(const mm_unpack *u);
int64_t mm_unpack_taken(const mm_unpack *u); /* bytes read of the archive so far */

#endif
