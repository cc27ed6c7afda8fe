/* convergence.h: whether a training ended before it had got anywhere: the learning rate fades out, so the last epochs
 * always look as if nothing were left to gain. What the second half of the epochs still gained tells. */
#ifndef MM_TRAIN_CONVERGENCE_H
#define MM_TRAIN_CONVERGENCE_H

#include "train/train.h"

typedef struct {
    int epochs;                 /* that it may take */
    float first, halfway, last; /* lowest losses so far: after one epoch, half of them, all; 0 where not seen */
    int seen;                   /* epochs, from the first one on */
} mm_convergence;

mm_convergence mm_convergence_new(int epochs);
void mm_convergence_add(mm_convergence *f, const mm_epoch *row);
/* All epochs were used up, and more than a tenth of what they gained came in their second half. */
bool mm_still_improving(const mm_convergence *f);

#endif
