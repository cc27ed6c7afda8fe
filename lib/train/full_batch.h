/* full_batch.h: training as the minimum of one function: the mean loss of all samples and an L2 penalty, found by
 * L-BFGS. For a linear head that is logistic regression: penalty 1 is scikit-learn's C = 1. */
#ifndef MM_TRAIN_FULL_BATCH_H
#define MM_TRAIN_FULL_BATCH_H

#include "train/objective.h"

typedef struct mm_full_batch mm_full_batch;

/* The function is mean loss + penalty / (2 n) · Σ w², over the n samples and the parameters that decay. It is the same
 * at every call: nothing is dropped out. o must live as long. */
mm_status mm_full_batch_new(mm_full_batch **out, const mm_objective *o, const int32_t *sample, int n, float penalty,
                            mm_threads *pool, mm_err *e);
void mm_full_batch_free(mm_full_batch *b); /* NULL is fine */

/* One iteration, after which the head has the new parameters; *loss is the function's value there. MM_EOF: it had
 * arrived before. */
mm_status mm_full_batch_step(mm_full_batch *b, float *loss, mm_err *e);

#endif
