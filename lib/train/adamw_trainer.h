/* adamw_trainer.h: training by AdamW on mini-batches, an epoch at a time. */
#ifndef MM_TRAIN_ADAMW_TRAINER_H
#define MM_TRAIN_ADAMW_TRAINER_H

#include "train/objective.h"
#include "train/optimiser.h"

typedef struct {
    const mm_objective *o;
    const int32_t *sample; /* [n] the training samples */
    int n;
    mm_adamw adam;
    mm_rng rng; /* shuffling, dropout, choice of rows */
    mm_tape *tape;
    int32_t *order;        /* [n] this epoch's order */
    int32_t *pick;         /* [batch, inputs] rows, see mm_data_batch */
    mm_arena arena, batch; /* for the whole training; reset for each mini-batch */
} mm_adamw_trainer;        /* all zero can be freed */

/* o and sample must outlive t. */
mm_status mm_adamw_trainer_init(mm_adamw_trainer *t, const mm_objective *o, const int32_t *sample, int n,
                                mm_threads *pool, mm_err *e);
void mm_adamw_trainer_free(mm_adamw_trainer *t);

/* All samples once; *loss is the mean of their losses. */
mm_status mm_adamw_trainer_epoch(mm_adamw_trainer *t, float *loss, mm_err *e);
float mm_adamw_trainer_lr(const mm_adamw_trainer *t); /* of the next update */

#endif
