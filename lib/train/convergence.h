/* convergence.h: whether a training ended too early. The learning rate decays to 0, so the last epochs always look
 * converged; what the second half of the epochs still gained shows more. */
#ifndef MM_TRAIN_CONVERGENCE_H
#define MM_TRAIN_CONVERGENCE_H

#include "train/train.h"

typedef struct {
    int epochs;                 /* at most */
    float first, halfway, last; /* lowest loss after one epoch, half of them, all; 0: not seen */
    int seen;                   /* epochs, from the first one on */
} mm_convergence;

mm_convergence mm_convergence_new(int epochs);
void mm_convergence_add(mm_convergence *f, const mm_epoch *row);
/* All epochs were used, and more than a tenth of the improvement came in their second half. */
bool mm_still_improving(const mm_convergence *f);

#endif
