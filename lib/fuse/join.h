/* join.h: records of one key out of several streams become one sample.
 *
 * A stream's records of one key are adjacent. Streams that come in the same order are joined as they are read, with one
 * sample in memory; where the orders differ, incomplete samples are kept in memory, up to a limit. One stream alone is
 * a join of adjacent records. A key that a stream does not have is missing there, which is known when that stream has
 * ended. */
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

/* streams ≥ 1. limit: bytes that waiting samples may take. */
mm_status mm_join_new(mm_join **out, int streams, size_t limit, mm_err *e);
void mm_join_free(mm_join *j);

/* A record (copied) of stream s. MM_FATAL: memory, or the limit: the text says how to sort. */
mm_status mm_join_add(mm_join *j, int s, const mm_record *rec, mm_err *e);
/* Stream s has no more records. */
void mm_join_end(mm_join *j, int s);
/* Of the streams that have not ended, the one to read from next: that which is furthest behind. −1: all have ended. */
int mm_join_next_stream(const mm_join *j);

/* The next complete sample, in the order in which keys first appeared as far as they are complete; NULL: none yet. The
 * caller frees it. */
mm_sample *mm_join_next(mm_join *j);
void mm_sample_free(mm_sample *s);

/* How many samples were begun under a key that had been handed out before: that key's records are not adjacent, and its
 * sample came out as several. */
int64_t mm_join_split_keys(const mm_join *j);

/* A sample of one record (copied), for what is not to be joined. */
mm_status mm_sample_of_record(mm_sample **out, const mm_record *rec, mm_err *e);

#endif
