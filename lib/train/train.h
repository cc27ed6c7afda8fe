/* train.h: trains a head on samples.
 *
 * Mini-batches in an order shuffled by the seed, AdamW with warm-up and a cosine, gradient accumulation, clipping,
 * modality dropout, early stopping on the validation loss, and (classification) a temperature fitted on the validation
 * samples (Guo et al. 2017). The same seed gives the same head, bit for bit, at any number of threads, interrupted or
 * not. */
#ifndef MM_TRAIN_TRAIN_H
#define MM_TRAIN_TRAIN_H

#include "fuse/dataset.h"

typedef enum { MM_LOSS_DEFAULT, MM_LOSS_INFO_NCE, MM_LOSS_SIGMOID } mm_align_loss;

typedef enum {
    MM_SOLVER_ADAMW, /* mini-batches */
    MM_SOLVER_LBFGS, /* all samples at once, to the minimum: an epoch is an iteration; lr, clip, batch do not count */
} mm_solver;

typedef struct {
    mm_solver solver;
    int epochs, batch, accumulate; /* an update uses batch × accumulate samples */
    float lr, weight_decay, clip;  /* clip 0: none; weight_decay w with L-BFGS: w / (2 n) · Σ parameter² is added */
    float warmup;                  /* share of all updates */
    float smoothing;               /* label smoothing */
    bool balanced;                 /* classes weighted by n / (classes · n_class) */
    float modality_dropout;        /* chance that a modality of a sample is left out; one always stays */
    mm_align_loss align_loss;
    bool bf16;    /* bf16 products, f32 master weights */
    int patience; /* epochs without a better validation loss before it stops; 0: never */
    bool refit;   /* at the end, train on all samples for as many epochs as were best; the temperature stays */
    uint64_t seed;
    const char *checkpoint;  /* path to write after every epoch and to go on from; NULL: none */
    const char *start;       /* path to go on from in its place; NULL: the same */
    double checkpoint_every; /* seconds between two of them; 0: after every epoch */
} mm_train_opts;

mm_train_opts mm_train_defaults(void);

/* What suits where nobody says. Epochs: 30, or as many as make 1000 updates: few samples need more passes; with L-BFGS
 * 1000, for it stops at the minimum. Learning rate: 1e-3. A flat head takes ten times that and twice the updates: its
 * weights have further to go, on a loss without pitfalls. */
int mm_train_epochs(const mm_train_opts *o, const mm_fuse_method *method, int n_train);
float mm_train_lr(const mm_fuse_method *method);

/* What an epoch came to. Figures that do not apply are NaN. */
typedef struct {
    int epoch; /* from 1 */
    float lr, train_loss, valid_loss;
    double metric; /* classify: accuracy; regress: Pearson; align: recall@1, both ways averaged; of the validation
                      samples */
    bool best;
} mm_epoch;

/* Called after every epoch; false stops the training as if it had been interrupted, after writing the checkpoint. */
typedef bool (*mm_on_epoch)(void *ctx, const mm_epoch *epoch);

typedef struct {
    int32_t *train, *valid; /* sample numbers */
    int n_train, n_valid;
} mm_split;

/* Splits samples by group (never by row): a group is the part of the key that `group` (POSIX extended; its first
 * sub-expression or the whole match) finds, or the whole key; about `share` of the groups go to validation. Samples
 * without what the task needs are left out. Memory from the arena. */
mm_status mm_split_groups(mm_split *out, const mm_data *d, const uint8_t *usable, const char *group, double share,
                          uint64_t seed, mm_arena *a, mm_err *e);

/* Samples whose keys are in `valid` validate, the others train. */
mm_status mm_split_keys(mm_split *out, const mm_data *d, const uint8_t *usable, const mm_data *valid, mm_arena *a,
                        mm_err *e);

/* Which samples can be used: they have some input of the head and (classify, regress) some target; align: two inputs.
 */
uint8_t *mm_usable_samples(const mm_data *d, const mm_head *h, mm_arena *a);

/* Means and standard deviations of the training samples' rows into h's inputs (memory of the head). A column that does
 * not vary gets an infinite deviation, so that it is 0 whatever it holds later. */
mm_status mm_standardise(mm_head *h, const mm_data *d, const mm_split *s, mm_err *e);

/* Trains h in place; it ends with the parameters of the best epoch. pool may be NULL. MM_EOF when on_epoch stopped it.
 */
mm_status mm_train(mm_head *h, const mm_data *d, const mm_split *split, const mm_train_opts *o, mm_threads *pool,
                   mm_on_epoch on_epoch, void *ctx, mm_err *e);

#endif
