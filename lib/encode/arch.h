/* arch.h: what an architecture implements: one const struct each, in a file of its own, for which
 * model/architectures.def has a row. */
#ifndef MM_ENCODE_ARCH_H
#define MM_ENCODE_ARCH_H

#include "encode/stack.h"
#include "model/architecture.h"

/* Facts that the generic encoder needs, filled by load. */
typedef struct {
    int layers;         /* transformer blocks: valid layer numbers are 0..layers */
    int64_t width;      /* of hidden states */
    int64_t projected;  /* width of the joint space; 0: none */
    int64_t prefix;     /* rows before patches or frames (CLS, registers), left out of means */
    bool has_cls;       /* row 0 stands for the whole input */
    bool has_eos;       /* forward fills mm_forward.eos */
    int64_t max_tokens; /* text; 0: no limit */
    mm_pooling pool;    /* what the model was trained for, unless sentence-transformers' files say otherwise */
    double logit_scale; /* of the joint space: exp(logit_scale); 0: none */
    int64_t classes;    /* outputs of the classification head; 0: none */
} mm_net_info;

/* A loaded model. An architecture's own struct has this as its first member. */
typedef struct {
    mm_params params;
    mm_stack stack;
    mm_weight *projection; /* [projected, width], from pooled rows to the joint space; NULL: none */
    mm_workspace work;     /* of forward */
    mm_workspace head;     /* of classify */
    mm_net_info info;
} mm_net;

typedef struct {
    size_t size; /* of the architecture's struct; zeroed before load */
    /* Loads weights through n->params, which keeps the first failure, and fills n->info. */
    void (*load)(mm_net *n);
    void (*unload)(mm_net *n); /* frees what is not mm_net's; NULL: nothing */
    /* Asked once for each input before forward: MM_SKIP with a reason when it cannot be encoded, else the floats of
     * device memory that a forward pass over it takes, by which batches are bounded. */
    mm_status (*check)(const mm_net *n, const mm_input *in, int64_t *floats, mm_err *e);
    mm_status (*forward)(mm_net *n, mm_forward *f, mm_err *e);
    /* Turns CLS rows of the output into what the model calls its pooled output, in place (CLIP's norm after pooling);
     * NULL: they are that already. */
    void (*pooled)(mm_net *n, mm_mat x, int64_t rows);
    /* Output states x (f says how they are packed) to logits y [n,classes]; NULL when classes is 0. */
    mm_status (*classify)(mm_net *n, const mm_forward *f, mm_mat x, mm_mat y, mm_err *e);
} mm_arch;

/* The encoder of model m for one modality. MM_FATAL names the model_type and the architectures that there are. */
mm_status mm_arch_of(const mm_arch **out, const mm_model *m, mm_modality of, mm_err *e);

mm_status mm_net_open(mm_net **out, const mm_arch *a, const mm_model *m, mm_dev *d, mm_err *e);
void mm_net_close(mm_net *n, const mm_arch *a); /* NULL is fine */

#endif
