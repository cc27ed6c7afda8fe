/* train_opts.h: how a head is trained. */
#ifndef MM_TRAIN_TRAIN_OPTS_H
#define MM_TRAIN_TRAIN_OPTS_H

#include "fuse/head.h"

typedef enum { MM_LOSS_INFO_NCE, MM_LOSS_SIGMOID } mm_align_loss;

typedef enum {
    MM_SOLVER_ADAMW, /* mini-batches */
    MM_SOLVER_LBFGS, /* full batch, to the minimum; an epoch is one iteration; lr, clip and batch have no effect */
} mm_solver;

typedef struct {
    mm_solver solver;
    int epochs, batch, accumulate; /* an update uses batch × accumulate samples */
    float lr, weight_decay, clip; /* clip: gradient norm, 0: none; L-BFGS adds weight_decay / (2 n) · Σ parameter² */
    float warmup;                 /* fraction of all updates */
    float smoothing;              /* label smoothing */
    bool balanced;                /* class weights n / (classes · n_class) */
    float modality_dropout;       /* probability of leaving out a modality of a sample; one always stays */
    mm_align_loss align_loss;
    bool bf16;    /* bf16 products, f32 master weights */
    int patience; /* stop after so many epochs without a better validation loss; 0: never */
    bool refit;   /* then train on all samples for as many epochs as were best; the temperature stays */
    uint64_t seed;
    const char *checkpoint;  /* path to write checkpoints to and to resume from; NULL: none */
    const char *start;       /* path to resume from instead; NULL: the same */
    double checkpoint_every; /* seconds between two checkpoints; 0: after every epoch */
} mm_train_opts;

mm_train_opts mm_train_defaults(void);

/* Defaults that depend on the data. Epochs: 30, or as many as make 1000 updates, since few samples need more passes;
 * 1000 with L-BFGS, which stops at the minimum. Learning rate: 1e-3. A flat head takes ten times that and twice the
 * updates: its weights have further to go, on a convex loss. */
int mm_train_epochs(const mm_train_opts *o, const mm_fuse_method *method, int n_train);
float mm_train_lr(const mm_fuse_method *method);

#endif
