/* reader.h: records from a byte stream whose lengths are not trusted.
 *
 * The structure of a record (lengths, nesting, counts) is scanned within bounds before msgpack-c sees it, and no
 * declared length makes the reader allocate more than the bytes that are really there. */
#ifndef MM_STREAM_READER_H
#define MM_STREAM_READER_H

#include "stream/record.h"

typedef struct mm_reader mm_reader;

/* Reads from fd, which stays the caller's. `name` is for messages ("features.mm", "standard input"). */
mm_status mm_reader_new(mm_reader **out, int fd, const char *name, mm_err *e);
void mm_reader_free(mm_reader *r); /* NULL is fine */

/* The next record into *rec, its memory from arena a.
 * MM_OK; MM_EOF at a clean end. MM_SKIP: a whole record whose fields make no sense (a tensor whose data does not fill
 * its shape, a key that is a number); *rec is then an error record with the same key, to be passed on in its place, and
 * the next call continues after it. MM_FATAL: the stream ends inside a record, or is not (or no longer) a stream of
 * records; the text says at which byte, after how many good records, and if known what the bytes look like ("a JPEG
 * image: mm-decode reads media"). After MM_FATAL every call returns MM_FATAL. */
mm_status mm_reader_next(mm_reader *r, mm_arena *a, mm_record *rec, mm_err *e);

/* From now on `waits` is called each time before the reader waits for bytes that are not there yet, also inside a
 * record: what came before need not wait for them. NULL: no more. */
void mm_reader_on_wait(mm_reader *r, void (*waits)(void *ctx), void *ctx);

int64_t mm_reader_offset(const mm_reader *r); /* bytes of the good records so far: where the next one starts */

#endif
