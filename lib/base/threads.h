/* threads.h: a thread pool for short parallel loops.
 *
 * Made for GEMM-sized work: a loop starts within a microsecond, the caller's thread works too, and idle workers spin
 * for a bounded time, then sleep on a futex, so that the tools of a pipeline can share the cores. No thread is pinned.
 */
#ifndef MM_BASE_THREADS_H
#define MM_BASE_THREADS_H

#include "base/status.h"

typedef struct mm_threads mm_threads;

/* threads ≥ 1 counts the caller's thread: 1 starts none. */
mm_status mm_threads_new(mm_threads **out, int threads, mm_err *e);
void mm_threads_free(mm_threads *p); /* NULL is fine */
int mm_threads_count(const mm_threads *p);

/* Runs body(ctx, i, worker) once for each i in 0..n-1 and returns when all are done. `worker` is in
 * 0..threads-1 and distinguishes scratch memory; which worker gets which i is not determined, so results
 * must not depend on it. Not re-entrant: body must not call mm_threads_run on the same pool. */
void mm_threads_run(mm_threads *p, int n, void (*body)(void *ctx, int i, int worker), void *ctx);

#endif
