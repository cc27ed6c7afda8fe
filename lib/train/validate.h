/* validate.h: loss and metric of a head on samples that it was not trained on. */
#ifndef MM_TRAIN_VALIDATE_H
#define MM_TRAIN_VALIDATE_H

#include "train/objective.h"

typedef struct {
    float loss;
    double metric; /* accuracy; Pearson (regress); mean recall@1 of both directions (align); NaN: undefined */
} mm_validation;

/* Without dropout. For alignment a modality with several rows gives one at a time, as in use. */
mm_status mm_validate(mm_validation *out, const mm_objective *o, const int32_t *sample, int n, mm_threads *pool,
                      mm_err *e);

#endif
