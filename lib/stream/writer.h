/* writer.h: records to a file descriptor. The first failure sticks and is reported at close, so that callers need not
 * check every call. */
#ifndef MM_STREAM_WRITER_H
#define MM_STREAM_WRITER_H

#include "stream/record.h"

typedef struct mm_writer mm_writer;

/* Writes to fd, which stays the caller's; a pipe is enlarged to 1 MiB where the system allows it. */
mm_status mm_writer_new(mm_writer **out, int fd, mm_err *e);
/* Writes a record; one that still has `raw` is copied byte for byte. Large payloads are not copied on the way. */
void mm_writer_put(mm_writer *w, const mm_record *rec);
/* Writes bytes that are whole records already. */
void mm_writer_put_raw(mm_writer *w, const void *bytes, size_t n);
/* Hands everything to the operating system now (--flush, or before waiting). */
void mm_writer_flush(mm_writer *w);
bool mm_writer_failed(const mm_writer *w); /* worth stopping early: EPIPE, ENOSPC … */
/* Flushes, frees, and reports the first failure. *was_pipe (may be NULL) is set when that was EPIPE. */
mm_status mm_writer_close(mm_writer *w, bool *was_pipe, mm_err *e);

#endif
