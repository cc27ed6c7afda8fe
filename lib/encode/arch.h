/* arch.h: what an architecture implements. One const struct each, listed in arch.c. */
#ifndef MM_ENCODE_ARCH_H
#define MM_ENCODE_ARCH_H

#include "backend/ops.h"
#include "encode/encode.h"

typedef struct mm_net mm_net; /* an architecture's loaded parameters; each file has its own struct behind this */

/* Facts that the generic encoder needs, filled by load. */
typedef struct {
    int layers;         /* transformer blocks: valid layer numbers are 0..layers */
    int64_t width;      /* of hidden states */
    int64_t projected;  /* width of the joint space; 0: none */
    int64_t prefix;     /* rows in front of patches or frames (CLS, registers), left out of means */
    bool has_cls;       /* row 0 stands for the whole input */
    bool has_eos;       /* forward fills mm_forward.eos */
    int64_t max_tokens; /* text; 0: no limit */
    mm_pooling pool;    /* what the model was trained for, unless sentence-transformers' files say otherwise */
    double logit_scale; /* of the joint space: exp(logit_scale); 0: none */
    int64_t classes;    /* outputs of the classification head; 0: none */
} mm_net_info;

/* One forward pass over n inputs, packed. The architecture fills cu (and valid, grid, eos where they apply), then
 * hands over each hidden state that is wanted, in ascending order, by tap(ctx, k, x): x is [cu[n], width] on the
 * device and may be overwritten after the call. It may stop after the last one that is wanted. */
typedef struct mm_forward {
    const mm_input *in;
    int n;
    const bool *want; /* [layers + 1]: hidden state k is wanted */
    void (*tap)(void *ctx, int k, mm_mat x);
    void *ctx;
    mm_arena *arena; /* memory for the time of this run */
    int64_t *cu;     /* [n+1] rows of each item in the hidden states */
    int64_t *valid;  /* [n] rows of item i that stand for its content; preset to −1: all of them */
    mm_grid *grid;   /* [n] preset to zeros */
    int64_t *eos;    /* [n] row within item i of the end-of-text token */
} mm_forward;

typedef struct {
    const char *name;
    mm_modality of;
    bool (*match)(const mm_model *m); /* by config.json's model_type */
    mm_status (*load)(mm_net **out, mm_net_info *info, const mm_model *m, mm_dev *d, mm_err *e);
    void (*unload)(mm_net *n); /* NULL is fine */
    /* Asked once for each input before forward: MM_SKIP with a reason when it cannot be encoded, else the floats of
     * device memory that a forward pass over it takes, by which batches are bounded. */
    mm_status (*check)(const mm_net *n, const mm_input *in, int64_t *floats, mm_err *e);
    mm_status (*forward)(mm_net *n, mm_forward *f, mm_err *e);
    /* CLS rows of the output become what the model calls its pooled output, in place (CLIP vision's norm after
     * pooling); NULL: they are that already. */
    void (*pooled)(mm_net *n, mm_mat x, int64_t rows);
    /* Pooled rows [rows,width] to the joint space [rows,projected]; NULL when projected is 0. */
    void (*project)(mm_net *n, mm_mat x, mm_mat y, int64_t rows);
    /* Output states x (f says how they are packed) to logits y [n,classes]; NULL when classes is 0. */
    mm_status (*classify)(mm_net *n, const mm_forward *f, mm_mat x, mm_mat y, mm_err *e);
} mm_arch;

/* The architecture of a model's encoder for one modality. MM_FATAL names the model_type and what there is. */
mm_status mm_arch_of(const mm_arch **out, const mm_model *m, mm_modality of, mm_err *e);
const mm_arch *const *mm_arch_all(void); /* NULL-terminated */

#endif
