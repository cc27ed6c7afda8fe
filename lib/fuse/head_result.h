/* head_result.h: applies a head to samples, and turns its outputs into records. */
#ifndef MM_FUSE_HEAD_RESULT_H
#define MM_FUSE_HEAD_RESULT_H

#include "fuse/features.h"

/* The output of a head for one sample. */
typedef struct {
    const mm_features *features;
    const float *fused; /* [width] */
    int64_t width;
    const float *out;                           /* [Σ output widths] logits or numbers; NULL for align */
    const float *weights;                       /* [inputs]; NULL: the method has none */
    const float *projection[MM_MAX_MODALITIES]; /* align: [width] each, L2-normalised; NULL: missing */
    const float *attention;                     /* [queries, keys], the mean over heads; NULL: none */
    int64_t queries, keys;
} mm_head_result;

/* Applies the head to n samples at once; a sample's result does not depend on the rest of the batch. Memory from the
 * arena. MM_SKIP: a sample does not fit the head; the text names it. */
mm_status mm_head_apply(mm_head_result *out, const mm_head *h, const mm_features *const *j, int n, mm_threads *pool,
                        mm_arena *a, mm_err *e);

/* The result as a feature record of this space: the joint vector, or with align the projection of input m. meta.weights
 * holds the weight of each modality. */
mm_status mm_head_result_feature(mm_record *out, const mm_head_result *v, const mm_head *h, int m, const char *space,
                                 mm_arena *a, mm_err *e);
/* Output i as a label record: a distribution (softmax of logits / temperature) or a number. The sample's own label goes
 * to meta.truth, the name of the output to meta.field when there are several. */
mm_status mm_head_result_label(mm_record *out, const mm_head_result *v, const mm_head *h, int i, mm_arena *a,
                               mm_err *e);

#endif
