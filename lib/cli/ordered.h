/* ordered.h: jobs that run side by side and whose records come out in the order of the jobs.
 *
 * The job that is next in line writes straight through. The others gather their records in memory; one that has
 * gathered much waits for its turn, so that memory stays bounded whatever the jobs make. While `next` waits for a job,
 * the records of those that are done go out. */
#ifndef MM_CLI_ORDERED_H
#define MM_CLI_ORDERED_H

#include "cli/tool.h"

typedef struct mm_ordered mm_ordered;
typedef struct mm_ordered_slot mm_ordered_slot; /* a job's place in the order */

typedef struct {
    /* The next job; called by one thread at a time, in order. NULL: there is none. */
    void *(*next)(void *ctx);
    /* Does the job and frees it; calls mm_ordered_put for each record. `worker` is 0..threads-1. */
    void (*work)(void *ctx, void *job, mm_ordered_slot *slot, int worker);
    void *ctx;
    bool flush; /* each record leaves at once, when its turn has come; else what stands before a mark does */
    /* For jobs with a note on their slot: checks each of their records in order, on one thread at a time, just before
     * it is written, and may replace it with another, which lives until the next call. False: it is not written. */
    bool (*pass)(void *ctx, void *note, mm_record *rec);
} mm_ordered_jobs;

/* Runs all jobs on r's threads (-j) and returns when they are done; after a failure under --strict no more are begun.
 */
void mm_ordered_run(mm_run *r, const mm_ordered_jobs *jobs);
/* A record of this job, in order. MM_FATAL: stop working on it. */
mm_status mm_ordered_put(mm_ordered_slot *t, const mm_record *rec, mm_err *e);
/* Attaches a note for `pass`, from malloc, which the slot then owns. */
void mm_ordered_attach(mm_ordered_slot *t, void *note);

#endif
