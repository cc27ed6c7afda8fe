/* optimiser.h: AdamW (Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2019) as in torch.optim.AdamW,
 * gradient clipping and the learning rate schedule. */
#ifndef MM_TRAIN_OPTIMISER_H
#define MM_TRAIN_OPTIMISER_H

#include "tape/tape.h"

typedef struct {
    float beta1, beta2, eps, weight_decay;
    int64_t step;   /* updates made so far */
    float **m, **v; /* first and second moments, an array for each parameter */
    mm_arena arena;
} mm_adamw;

mm_status mm_adamw_new(mm_adamw *o, const mm_param_set *p, float weight_decay, mm_err *e);
/* Updates every parameter from its gradient; parameters with `decay` decay. */
void mm_adamw_step(mm_adamw *o, mm_param_set *p, float lr);
void mm_adamw_free(mm_adamw *o);

/* Scales all gradients so that their joint L2 norm is at most `most` (torch.nn.utils.clip_grad_norm_); returns the norm
 * before. */
float mm_clip_gradients(mm_param_set *p, float most);

/* Linear warm-up over `warmup` steps to `peak`, then a half cosine down to 0 at `total` (step counts from 0). */
float mm_learning_rate(float peak, int64_t step, int64_t warmup, int64_t total);

#endif
