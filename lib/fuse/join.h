/* join.h: the records of one key, from one or more streams, become one sample.
 *
 * Within a stream the records of a key are adjacent. Streams in the same order are joined with one sample in memory;
 * where the orders differ, incomplete samples wait in memory, up to a limit. A single stream is a join of adjacent
 * records. Only the end of a stream, or a mark, shows that it lacks a key.
 *
 * Marks cut all streams alike: a stream that has reached one is not read on until the others have, or have ended. What
 * came before is then complete, and what comes after is joined as if it were an input of its own. */
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
/* Stream s has reached its next mark. */
void mm_join_mark(mm_join *j, int s);
/* Whether some stream has reached a mark, and all others have as well, or have ended. Once the samples before it are
 * taken, mm_join_pass_mark lets the streams go on, and forgets the keys. */
bool mm_join_at_mark(const mm_join *j);
void mm_join_pass_mark(mm_join *j);
/* The stream to read from next: the one with the fewest keys since the last mark. −1: all have ended, or are at a
 * mark. */
int mm_join_next_stream(const mm_join *j);

/* The complete sample whose key appeared first; NULL: none yet. The caller frees it. */
mm_sample *mm_join_next(mm_join *j);
void mm_sample_free(mm_sample *s);

/* How many samples began with a key that had been handed out before (since the last mark): the records of that key are
 * not adjacent, so it came out as several samples. */
int64_t mm_join_split_keys(const mm_join *j);
/* Keys are remembered for that count alone. Of more than `most` (0: no limit) all are forgotten. */
void mm_join_remember(mm_join *j, int64_t most);

/* A sample of one record (copied), without a join. */
mm_status mm_sample_of_record(mm_sample **out, const mm_record *rec, mm_err *e);

#endif
