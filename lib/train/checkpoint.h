/* checkpoint.h: everything that training needs to resume after an interruption, in one safetensors file. */
#ifndef MM_TRAIN_CHECKPOINT_H
#define MM_TRAIN_CHECKPOINT_H

#include "train/optimiser.h"

typedef struct {
    int epoch;      /* complete epochs */
    int since_best; /* of those, after the best one */
    float best_loss;
    uint64_t rng;         /* state after the last epoch */
    uint64_t fingerprint; /* digest of options, data and head: a checkpoint of another training is refused */
    float **best;         /* parameters of the best epoch, an array for each */
} mm_train_state;

mm_status mm_checkpoint_save(const char *path, const mm_param_set *p, const mm_adamw *o, const mm_train_state *g,
                             mm_err *e);
/* Fills the parameters, the optimiser and g from path. MM_EOF: no such file. MM_FATAL: it is damaged, or of another
 * training. */
mm_status mm_checkpoint_load(const char *path, mm_param_set *p, mm_adamw *o, mm_train_state *g, mm_err *e);

#endif
