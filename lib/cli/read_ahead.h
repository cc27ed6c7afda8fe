/* read_ahead.h: the records of several streams, each read by a thread of its own into a queue, so that a stream on
 * which nobody waits does not stop its writer: what writes two pipes in turn would otherwise wait for the one while its
 * reader waits for the other.
 *
 * One thread, which uses the records, calls all functions here. The threads that read are inside, and report themselves
 * what is wrong with their streams. */
#ifndef MM_CLI_READ_AHEAD_H
#define MM_CLI_READ_AHEAD_H

#include "cli/tool.h"
#include "fuse/streams.h"

typedef struct mm_read_ahead mm_read_ahead;

/* With two or more operands each is a stream; otherwise there is one, read by mm_in_next. A queue holds a megabyte or
 * so, but those of pipes grow, to `memory` bytes together, while another stream is waited for. Dies when an operand
 * cannot be opened. */
mm_read_ahead *mm_read_ahead_open(mm_run *r, size_t memory);
/* Once all have ended. */
void mm_read_ahead_close(mm_read_ahead *x);

int mm_read_ahead_streams(const mm_run *r); /* how many there will be */
/* Waits until stream s is ready or has nothing that could be read at once; whether it is ready. */
bool mm_read_ahead_settle(mm_read_ahead *x, int s);
/* The same for all streams. Bit s: a record of stream s is there, or its end. */
uint64_t mm_read_ahead_settle_all(mm_read_ahead *x);
/* Waits until one of `wanted` is ready, or for the time `until` (mm_seconds, or INFINITY). */
void mm_read_ahead_wait(mm_read_ahead *x, uint64_t wanted, double until);
/* The next record of a stream that is ready, valid until the next call for this stream, and when it came (mm_seconds).
 * MM_OK or MM_EOF. */
mm_status mm_read_ahead_take(mm_read_ahead *x, int s, mm_record *rec, double *came);
/* When the next record of stream s came; INFINITY: it is not there. */
double mm_read_ahead_came(mm_read_ahead *x, int s);

#endif
