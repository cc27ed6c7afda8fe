/* trials.h: a tool's own options as what a search tries. */
#ifndef MM_CLI_TRIALS_H
#define MM_CLI_TRIALS_H

#include "cli/opt.h"
#include "train/tune.h"

/* Reads the grid and draws the trials (see grid.h): each dimension names an option of the table that takes a value and
 * is not among `fixed` (NULL-terminated); "wd" is short for weight-decay. MM_SKIP says what is not understood. */
mm_status mm_trials_plan(mm_tune *t, const mm_opt *options, const char *const *fixed, const char *grid, int trials,
                         uint64_t seed, mm_arena *a, mm_err *e);

/* Gives the options the trial's values. MM_SKIP: one does not take its value. */
mm_status mm_trials_apply(const mm_tune *t, const mm_opt *options, int trial, mm_arena *a, mm_err *e);

#endif
