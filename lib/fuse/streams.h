/* streams.h: where each of the streams that are joined stands: in which key, at a mark, or at its end. */
#ifndef MM_FUSE_STREAMS_H
#define MM_FUSE_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

enum { MM_MAX_STREAMS = 64 };

/* Begins as zeros but for n. */
typedef struct {
    int n;
    uint64_t ended, marked;       /* bit s: stream s has ended; waits at a mark */
    int64_t keys[MM_MAX_STREAMS]; /* that it has begun since the last mark */
    double at[MM_MAX_STREAMS];    /* seconds: how far it is in its key, where that matters */
} mm_streams;

/* A bit for each stream. */
uint64_t mm_streams_all(const mm_streams *t);
/* Those that are past every key which is open: at a mark, or ended. */
uint64_t mm_streams_resting(const mm_streams *t);
/* Whether some stream has reached a mark, and all others have as well, or have ended. */
bool mm_streams_at_mark(const mm_streams *t);
/* All go on from the mark. */
void mm_streams_pass_mark(mm_streams *t);
/* The one to read from next, of those that do not rest and are not in `but` (bit s): that with the fewest keys, or, of
 * several, the one that is least far in its key. −1: there is none. */
int mm_streams_furthest_behind(const mm_streams *t, uint64_t but);

#endif
