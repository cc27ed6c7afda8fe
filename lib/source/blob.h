/* blob.h: how lib/source makes blobs (source.h). */
#ifndef MM_SOURCE_BLOB_H
#define MM_SOURCE_BLOB_H

#include "base/buf.h"
#include "base/fault.h"
#include "source/source.h"

enum { MM_SPOOL_MEMORY = 64 << 20 }; /* what is longer goes to an unlinked temporary file */

mm_blob *mm_blob_new(void); /* NULL when memory is out */
mm_arena *mm_blob_arena(mm_blob *b);
/* Marks the blob as one that could not be read. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
void
mm_blob_fail(mm_blob *b, const char *code, const char *fmt, ...);

/* Opens the regular file at path. A failure is noted in the blob. */
void mm_blob_open_file(mm_blob *b, const char *path);

/* All bytes of b: its own, or read into the arena. MM_SKIP with f set above `most` bytes (`what` is the input's kind,
 * for the message: "a text"), when memory is out, or on an error while reading. */
mm_status mm_blob_load(mm_str *out, const mm_blob *b, int64_t most, const char *what, mm_arena *a, mm_fault *f);

/* Bytes that come one after the other and whose number is not known before. */
typedef struct {
    mm_buf memory;
    int fd; /* −1 until memory is not enough */
    int64_t n;
} mm_spool;

void mm_spool_init(mm_spool *s);
mm_status mm_spool_add(mm_spool *s, const void *bytes, size_t n, mm_err *e); /* MM_SKIP: no room in TMPDIR */
void mm_spool_into(mm_spool *s, mm_blob *b);                                 /* hands the bytes over */
void mm_spool_free(mm_spool *s);

/* Up to n bytes of a pipe; fewer only at its end; −1 on an error. */
int64_t mm_pipe_read(int fd, void *out, int64_t n);
/* All of the pipe b->fd into the blob, after the n bytes that were taken from it already. What goes wrong is noted in
 * the blob; MM_FATAL when memory is out. */
mm_status mm_blob_swallow(mm_blob *b, const void *head, int64_t n, int64_t max_bytes, mm_err *e);

#endif
