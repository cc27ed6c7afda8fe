/* tune.h: a search for the best settings: trials drawn from a search space, trained in parallel processes and stopped
 * early by successive halving (sweep.h); the head of the best trial remains. */
#ifndef MM_TRAIN_TUNE_H
#define MM_TRAIN_TUNE_H

#include "train/search_space.h"
#include "train/sweep.h"
#include "train/train.h"

#include <stdio.h>

typedef struct {
    mm_search_space grid;
    int trials;
    const char **value; /* [trials, grid.n], from mm_search_space_sample */
    const mm_data *data;
    const mm_split *split;
    bool standardise;
    int workers;
    const char *dir, *output; /* directory of the search; path of the head */
    const char *what;         /* what is searched, in words: only the same can be resumed */
    bool resume;
    /* The head of a trial, not yet trained, and how to train it; called in the trial's process. */
    mm_status (*begin)(void *ctx, int trial, mm_head **h, mm_train_opts *o, mm_err *e);
    void (*on_trial)(void *ctx, int trial, const mm_trial *now, const char *why); /* as mm_sweep's */
    void *ctx;
} mm_tune;

/* Fills trial[trials]; *best is the one whose head is written. */
mm_status mm_tune_run(const mm_tune *t, mm_trial *trial, int *best, mm_err *e);

/* "lr=0.1 batch=4"; NULL when memory is out. */
const char *mm_tune_settings(const mm_tune *t, int trial, mm_arena *a);
/* TSV, a line for each trial under a header; `metric` is the name of the metric. */
void mm_tune_table(FILE *f, const mm_tune *t, const mm_trial *trial, int best, const char *metric);

#endif
