/* join.h: the records of one key, from one or more streams, become one sample.
 *
 * Within a stream the records of a key are adjacent. Streams in the same order are joined with one sample in memory;
 * where the orders differ, incomplete samples wait in memory, up to a limit. A single stream is a join of adjacent
 * records. Only the end of a stream shows that it lacks a key. */
#ifndef MM_FUSE_JOIN_H
#define MM_FUSE_JOIN_H

#include "stream/record.h"

typedef struct {
    mm_record *rec; /* in order of stream, then of arrival */
    int *stream;    /* [n] which stream each came from */
    int n;
    mm_str key;
    mm_arena arena; /* everything of this sample */
} mm_sample;

typedef struct mm_join mm_join;

/* streams ≥ 1. limit: bytes that incomplete samples may take. */
mm_status mm_join_new(mm_join **out, int streams, size_t limit, mm_err *e);
void mm_join_free(mm_join *j);

/* Adds a record (copied) of stream s. MM_FATAL: memory, or the limit; the text says what to do. */
mm_status mm_join_add(mm_join *j, int s, const mm_record *rec, mm_err *e);
/* Stream s has no more records. */
void mm_join_end(mm_join *j, int s);
/* The stream to read from next: the one with the fewest keys so far. −1: all have ended. */
int mm_join_next_stream(const mm_join *j);

/* The complete sample whose key appeared first; NULL: none yet. The caller frees it. */
mm_sample *mm_join_next(mm_join *j);
void mm_sample_free(mm_sample *s);

/* How many samples began with a key that had been handed out before: the records of that key are not adjacent, so it
 * came out as several samples. */
int64_t mm_join_split_keys(const mm_join *j);

/* A sample of one record (copied), without a join. */
mm_status mm_sample_of_record(mm_sample **out, const mm_record *rec, mm_err *e);

#endif
