/* trials.h: a search over a tool's own options: the trials of a grid, trained by train/tune.h. */
#ifndef MM_CLI_TRIALS_H
#define MM_CLI_TRIALS_H

#include "cli/opt.h"
#include "cli/training_report.h"
#include "train/tune.h"

typedef struct {
    mm_run *run;
    const mm_opt *options;
    const char *const *fixed; /* names of options that cannot be searched; NULL-terminated */
    mm_training_report *report;
    mm_arena *arena;
    /* The head of a trial, not yet trained, and how to train it, from the options as they are now. */
    mm_status (*begin)(void *ctx, mm_head **h, mm_train_opts *o, mm_err *e);
    void *ctx;
    mm_tune tune;     /* the tool sets `standardise` */
    const char *grid; /* all values of --grid, joined */
    uint64_t seed;
} mm_trials;

/* Reads the grid, whose dimensions name options of the table that take a value ("wd" is short for weight-decay), and
 * draws the trials. Ends the program when the grid is not understood or a trial has a value that its option does not
 * take, which costs nothing before any input is read. values [size]: where the options put their values. */
void mm_trials_plan(mm_trials *t, const mm_list *grid, int trials, void *values, size_t size);

/* Runs the search on the report's samples. The head of the best trial becomes the output; the table of trials goes to
 * the log, or to standard output. */
void mm_trials_run(mm_trials *t);

#endif
