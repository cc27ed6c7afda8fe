/* sweep.h: a search over many trainings with different settings, most of them stopped early: successive halving
 * (Jamieson & Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS 2016).
 *
 * All trials run for a fraction of their epochs, then the best third runs on, and so forth. Trials run in parallel
 * processes. A rung is ranked when all its trials are done, so the result does not depend on how many run at once or in
 * which order they end. Results are kept in files of `dir`, from which an interrupted search resumes. */
#ifndef MM_TRAIN_SWEEP_H
#define MM_TRAIN_SWEEP_H

#include "base/status.h"

#include <stdbool.h>

/* The result of a trial so far. */
typedef struct {
    int rung; /* rungs completed */
    int epochs, best_epoch;
    double loss, metric; /* validation, in the best epoch; loss: infinite if the trial failed */
    bool done;           /* it has run to its end */
} mm_trial;

typedef struct {
    int trials, workers; /* workers: processes at a time, ≥ 1 */
    const char *dir;     /* for the results; exists */
    bool by_metric;      /* rank by the highest metric, because losses are not comparable, instead of the lowest loss */
    /* Trains one trial, from where the previous rung stopped, until `fraction` of its epochs are done; updates *t,
     * which holds the previous rung's result. Runs in a process of its own. */
    mm_status (*run)(void *ctx, int trial, double fraction, mm_trial *t, mm_err *e);
    /* Called in this process when a trial's rung is complete; why: NULL, or how it failed. */
    void (*on_trial)(void *ctx, int trial, const mm_trial *t, const char *why);
    void *ctx;
} mm_sweep;

/* Makes dir and notes in it what is searched. The results of an earlier search are removed or, with `resume`, kept if
 * it was the same search (MM_SKIP: it was not). */
mm_status mm_sweep_begin(const char *dir, const char *what, bool resume, mm_err *e);
void mm_sweep_remove(const char *dir); /* with the files in it */

/* Fills t[trials]; *best is the winner. The caller must have no other child processes meanwhile. MM_SKIP: every trial
 * failed. */
mm_status mm_sweep_run(const mm_sweep *s, mm_trial *t, int *best, mm_err *e);

#endif
