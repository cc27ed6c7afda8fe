/* objective.h: what training minimises for a batch, and what validation reports. */
#ifndef MM_TRAIN_OBJECTIVE_H
#define MM_TRAIN_OBJECTIVE_H

#include "train/train.h"

/* The unit of a number: the head learns (y − mean) / std. */
typedef struct {
    double mean, std;
} mm_target_scale;

typedef struct {
    const mm_head *head;
    const mm_data *data;
    const mm_train_opts *opts;
    const float *class_weight[MM_MAX_OUTPUTS]; /* NULL: 1 */
    mm_target_scale target[MM_MAX_OUTPUTS];    /* regression; see target.h */
} mm_objective;

/* The loss of a forward pass over these samples: the mean over outputs of their losses; align: over pairs of
 * modalities. */
mm_node *mm_objective_loss(const mm_objective *o, mm_tape *t, const mm_fused *f, const int32_t *sample, int n,
                           const mm_fuse_batch *b, mm_err *e);

typedef struct {
    float loss;
    double metric;
} mm_validation;

/* Loss and metric over samples, without dropout. Alignment: of several rows of a modality one at a time, as at use. */
mm_status mm_validate(mm_validation *out, const mm_objective *o, const int32_t *sample, int n, mm_threads *pool,
                      mm_err *e);

/* A forward pass over samples with the rows of `pick` (see mm_data_batch), without dropout; a and t are reset first. */
mm_status mm_objective_forward(const mm_objective *o, mm_tape *t, const int32_t *sample, int n, const int32_t *pick,
                               mm_arena *a, mm_fuse_batch *b, mm_fused *f, mm_err *e);

#endif
