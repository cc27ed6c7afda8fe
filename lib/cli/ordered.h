/* ordered.h: jobs that run side by side and whose records come out in the order of the jobs.
 *
 * The job that is next in line writes straight through. The others gather their records in memory; one that has
 * gathered much waits for its turn, so that memory stays bounded whatever the jobs make. */
#ifndef MM_CLI_ORDERED_H
#define MM_CLI_ORDERED_H

#include "cli/tool.h"

typedef struct mm_ordered mm_ordered;
typedef struct mm_turn mm_turn; /* a job's place in the order */

typedef struct {
    /* The next job; called by one thread at a time, in order. NULL: there is none. */
    void *(*next)(void *ctx);
    /* Does the job and frees it; calls mm_turn_put for each record. `worker` is 0..threads-1. */
    void (*work)(void *ctx, void *job, mm_turn *turn, int worker);
    void *ctx;
    /* For jobs that leave a note on their turn: looks at each of their records in order, by one thread at a time, just
     * before it goes out, and may put another in its place, which lives until the next call. False: it does not go. */
    bool (*pass)(void *ctx, void *note, mm_record *rec);
} mm_ordered_jobs;

/* Runs all jobs on r's threads (-j) and returns when they are done; after a failure under --strict no more are begun.
 */
void mm_ordered_run(mm_run *r, const mm_ordered_jobs *jobs);
/* A record of this job, in order. MM_FATAL: stop working on it. */
mm_status mm_turn_put(mm_turn *t, const mm_record *rec, mm_err *e);
/* Leaves a note for `pass`, from malloc; it goes with the turn. */
void mm_turn_leave(mm_turn *t, void *note);

#endif
