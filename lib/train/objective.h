/* objective.h: the loss that training minimises. */
#ifndef MM_TRAIN_OBJECTIVE_H
#define MM_TRAIN_OBJECTIVE_H

#include "fuse/dataset.h"
#include "train/train_opts.h"

/* The unit of a regression target: the head learns (y − mean) / std. */
typedef struct {
    double mean, std;
} mm_target_scale;

typedef struct {
    mm_head *head;
    const mm_data *data;
    const mm_train_opts *opts;
    const float *class_weight[MM_MAX_OUTPUTS]; /* NULL: 1 */
    mm_target_scale target[MM_MAX_OUTPUTS];    /* regression; see standardise.h */
} mm_objective;

/* The loss of a forward pass over these samples: the mean over the outputs; align: over the pairs of modalities. NULL:
 * no sample has what the loss needs. */
mm_node *mm_objective_loss(const mm_objective *o, mm_tape *t, const mm_fused *f, const int32_t *sample, int n,
                           const mm_fuse_batch *b, mm_err *e);

/* A forward pass without dropout over samples, with the rows of `pick` (see mm_data_batch); resets a and t first. */
mm_status mm_objective_forward(const mm_objective *o, mm_tape *t, const int32_t *sample, int n, const int32_t *pick,
                               mm_arena *a, mm_fuse_batch *b, mm_fused *f, mm_err *e);

#endif
