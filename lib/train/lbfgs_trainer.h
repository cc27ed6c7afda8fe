/* lbfgs_trainer.h: full-batch training: L-BFGS minimises the mean loss of all samples plus an L2 penalty. For a linear
 * head that is logistic regression: penalty 1 is scikit-learn's C = 1. */
#ifndef MM_TRAIN_LBFGS_TRAINER_H
#define MM_TRAIN_LBFGS_TRAINER_H

#include "train/objective.h"

typedef struct mm_lbfgs_trainer mm_lbfgs_trainer;

/* The function is mean loss + penalty / (2 n) · Σ w², over the n samples and the parameters that decay. It never
 * changes: there is no dropout. o must outlive the trainer. */
mm_status mm_lbfgs_trainer_new(mm_lbfgs_trainer **out, const mm_objective *o, const int32_t *sample, int n,
                               float penalty, mm_threads *pool, mm_err *e);
void mm_lbfgs_trainer_free(mm_lbfgs_trainer *b); /* NULL is fine */

/* One iteration, which updates the head's parameters; *loss is the function's value there. MM_EOF: already at the
 * minimum.
 */
mm_status mm_lbfgs_trainer_step(mm_lbfgs_trainer *b, float *loss, mm_err *e);

#endif
