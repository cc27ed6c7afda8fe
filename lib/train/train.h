/* train.h: trains a head on samples.
 *
 * AdamW on mini-batches in an order shuffled by the seed, with warm-up, cosine decay, gradient accumulation, clipping
 * and modality dropout, or L-BFGS on all samples at once. Training stops early on the validation loss; classification
 * gets a temperature fitted on the validation samples. The same seed gives the same head, bit for bit, at any number of
 * threads, interrupted or not. */
#ifndef MM_TRAIN_TRAIN_H
#define MM_TRAIN_TRAIN_H

#include "train/split.h"
#include "train/train_opts.h"

/* One epoch's metrics; NaN where they do not apply. */
typedef struct {
    int epoch; /* from 1 */
    float lr, train_loss, valid_loss;
    double metric; /* as mm_validation's */
    bool best;
} mm_epoch;

/* Called after every epoch; false stops the training like an interruption, after writing the checkpoint. */
typedef bool (*mm_on_epoch)(void *ctx, const mm_epoch *epoch);

/* Trains h in place; it ends with the parameters of the best epoch. pool may be NULL. MM_EOF: on_epoch stopped it. */
mm_status mm_train(mm_head *h, const mm_data *d, const mm_split *split, const mm_train_opts *o, mm_threads *pool,
                   mm_on_epoch on_epoch, void *ctx, mm_err *e);

#endif
