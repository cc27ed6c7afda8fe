/* optimiser.h: AdamW (Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2019), as torch.optim.AdamW
 * computes it. */
#ifndef MM_TRAIN_OPTIMISER_H
#define MM_TRAIN_OPTIMISER_H

#include "tape/tape.h"

typedef struct {
    float beta1, beta2, eps, weight_decay;
    int64_t step;   /* updates made so far */
    float **m, **v; /* first and second moments, one array a parameter */
    mm_arena arena;
} mm_adamw;

mm_status mm_adamw_new(mm_adamw *o, const mm_param_set *p, float weight_decay, mm_err *e);
/* One update of every parameter by its gradient; weight decay where p->decay says so. */
void mm_adamw_step(mm_adamw *o, mm_param_set *p, float lr);
void mm_adamw_free(mm_adamw *o);

/* Scales all gradients so that their joint L2 norm is at most `most` (torch.nn.utils.clip_grad_norm_); the norm before.
 */
float mm_clip_gradients(mm_param_set *p, float most);

/* Linear warm-up over `warmup` steps to `peak`, then a half cosine down to 0 at `total` (step counts from 0). */
float mm_learning_rate(float peak, int64_t step, int64_t warmup, int64_t total);

#endif
