/* training_report.h: what mm-train says while it trains and afterwards, and its log of epochs. */
#ifndef MM_CLI_TRAINING_REPORT_H
#define MM_CLI_TRAINING_REPORT_H

#include "cli/training_data.h"
#include "train/convergence.h"

#include <stdio.h>

typedef struct {
    mm_run *run;
    const mm_training_data *data;
    mm_task task;
    mm_solver solver;
    FILE *log; /* --log: one line of TSV for each epoch; NULL: none */
    mm_epoch best;
    mm_convergence convergence;
    mm_arena *arena;
} mm_training_report;

/* The name of the task's validation metric: "accuracy", "Pearson", "recall@1". */
const char *mm_training_metric(mm_task task);
/* PREFIX + "validation loss 0.1234, accuracy 0.9876", a dash for what is undefined; empty without validation samples.
 * Returns out. */
const char *mm_training_scores(const mm_training_report *t, const char *prefix, double loss, double metric,
                               char out[128]);
/* ", temperature 0.84"; several outputs are named. Empty without calibration. */
const char *mm_training_temperatures(const mm_training_report *t, const mm_head *h);

/* Logs and shows an epoch; an mm_on_epoch whose ctx is the report. Never stops the training. */
bool mm_training_epoch(void *ctx, const mm_epoch *row);

/* Warns of labels that a regression cannot use. */
void mm_training_say_labels(const mm_training_report *t, const mm_head *h);
/* Notes (with -v: embeddings often have some) which input columns are constant. */
void mm_training_say_columns(const mm_training_report *t, const mm_head *h);
/* The line of the result: samples, best epoch, its scores. */
void mm_training_say_result(const mm_training_report *t, const mm_head *h);
/* Warns of temperatures at the bound of their range. */
void mm_training_say_bounds(const mm_training_report *t, const mm_head *h);
/* Warns of all reasons not to trust the head: these temperatures, too little validation, no convergence. */
void mm_training_say_doubts(const mm_training_report *t, const mm_head *h);

#endif
