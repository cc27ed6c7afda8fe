/* arch.h: what an architecture implements. One const struct each, listed in arch.c. */
#ifndef MM_ENCODE_ARCH_H
#define MM_ENCODE_ARCH_H

#include "encode/encode.h"

typedef struct mm_net mm_net; /* an architecture's loaded parameters; each file has its own struct behind this */

/* Facts that the generic encoder needs, filled by load. */
typedef struct {
    int layers;         /* transformer blocks: valid layer numbers are 0..layers */
    int64_t width;      /* of hidden states */
    int64_t projected;  /* width of the joint space; 0: none */
    int64_t prefix;     /* tokens in front of patches or frames (CLS, registers) */
    int64_t max_tokens; /* text; 0: no limit */
    mm_pooling pool;    /* what the model was trained for */
    bool normalize;     /* … and whether its vectors are L2-normalised */
    double logit_scale; /* 0: none */
} mm_net_info;

/* One forward pass. The architecture writes each hidden state that is asked for by calling tap(ctx, k, x) when it
 * has it: x is [rows, width] on the device, packed by cu. */
typedef struct {
    const mm_input *in;
    int n;
    const int *want; /* [layers + 1] flags: hidden state k is wanted */
    void (*tap)(void *ctx, int layer, mm_mat x);
    void *ctx;
    /* filled by the architecture before the first tap */
    int64_t *cu;   /* [n+1] rows of each item in the hidden states; caller's memory */
    mm_grid *grid; /* [n] */
    int64_t *eos;  /* [n] row (within the item) of the end-of-text token; CLIP text */
} mm_forward;

typedef struct {
    const char *name;
    mm_modality of;
    bool (*match)(const mm_model *m); /* by config.json's model_type (and architectures) */
    mm_status (*load)(mm_net **out, mm_net_info *info, const mm_model *m, mm_dev *d, mm_err *e);
    /* MM_SKIP with a reason when this input cannot be encoded; asked once for each input before forward */
    mm_status (*check)(const mm_net *n, const mm_input *in, mm_err *e); /* may be NULL */
    mm_status (*forward)(mm_net *n, mm_forward *f, mm_err *e);
    /* CLIP: pooled [n,width] → [n,projected]; may be NULL */
    void (*project)(mm_net *n, mm_mat x, mm_mat y, int64_t rows);
    /* classification head: pooled or output states → [n, classes] logits; may be NULL */
    void (*unload)(mm_net *n);
} mm_arch;

const mm_arch *mm_arch_of(const mm_model *m, mm_modality of); /* NULL: none matches */
const mm_arch *const *mm_arch_all(void);                      /* NULL-terminated */

#endif
