/* sweep.h: many trainings with other settings, most of them stopped early: successive halving (Jamieson & Talwalkar,
 * "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS 2016).
 *
 * All trials run for a share of their epochs, the best third goes on, and so forth; trials run in processes beside each
 * other. A rung is judged when it is complete, so the result does not depend on how many run at once or in which order
 * they end. What a trial came to is kept in a file of `dir`, so an interrupted search goes on where it was. */
#ifndef MM_TRAIN_SWEEP_H
#define MM_TRAIN_SWEEP_H

#include "base/status.h"

#include <stdbool.h>

/* What a trial has come to so far. */
typedef struct {
    int rung; /* rungs it has run; 0: none */
    int epochs, best_epoch;
    double loss, metric; /* of the validation samples in the best epoch; loss is infinite when the trial failed */
    bool done;           /* it ran to its end */
} mm_trial;

typedef struct {
    int trials, workers; /* workers: processes at a time, ≥ 1 */
    const char *dir;     /* where results are kept; exists */
    bool by_metric;      /* judge by the highest metric (losses that cannot be compared), not by the lowest loss */
    /* Trains one trial until `share` of its epochs are done, going on from where it was: *t holds what the rung before
     * came to, and is brought up to date. Runs in a process of its own. */
    mm_status (*run)(void *ctx, int trial, double share, mm_trial *t, mm_err *e);
    /* Called in this process when a trial's rung is complete; why is NULL or says how it failed. */
    void (*on_trial)(void *ctx, int trial, const mm_trial *t, const char *why);
    void *ctx;
} mm_sweep;

/* Makes dir, with a file that says what is searched. What is left of an earlier search is removed, or with `resume`
 * kept when it searched the same (MM_SKIP when not). */
mm_status mm_sweep_begin(const char *dir, const char *what, bool resume, mm_err *e);
void mm_sweep_remove(const char *dir); /* with the files in it */

/* Fills t[trials]; *best is the trial that won. No other child processes of the caller may end meanwhile. MM_SKIP:
 * every trial failed. */
mm_status mm_sweep_run(const mm_sweep *s, mm_trial *t, int *best, mm_err *e);

#endif
