/* combine.h: joined samples → fused records, with a head or by a rule that needs none. */
#ifndef MM_FUSE_COMBINE_H
#define MM_FUSE_COMBINE_H

#include "fuse/evidence.h"
#include "fuse/features.h"

typedef enum { MM_COMBINE_CONCAT, MM_COMBINE_MEAN, MM_COMBINE_MAX } mm_combine_rule;

/* Which modalities, in which order; widths and spaces as the first sample that had them showed. */
typedef struct {
    mm_modality_rows of[MM_MAX_MODALITIES]; /* rows and x unused; width 0: not seen yet */
    int n;
} mm_fusion_layout;

/* Adds the sample's modalities to the layout (fixed: only those that are in it already count) in the usual order:
 * image, text, audio, video, then the alphabet. MM_SKIP: a modality has another width or space than before. */
mm_status mm_fusion_layout_add(mm_fusion_layout *l, const mm_features *j, bool fixed, mm_arena *keep, mm_err *e);

/* A feature record: the parts' mean rows one after another (a missing one as zeros, named in meta.missing), or their
 * mean or maximum over those that are there, which then must be of one width. Memory from the arena. */
mm_status mm_combine_features(mm_record *out, const mm_features *j, const mm_fusion_layout *l, mm_combine_rule rule,
                              mm_arena *a, mm_err *e);

/* What a head says of one sample. */
typedef struct {
    const mm_features *j;
    const float *fused; /* [width] */
    int64_t width;
    const float *out;                           /* [Σ output widths] logits or numbers; NULL for align */
    const float *weights;                       /* [inputs]; NULL: not told */
    const float *projection[MM_MAX_MODALITIES]; /* align: [width] each; NULL: the modality is missing */
    const float *attention;                     /* weights of the queries over the keys; NULL: none */
    int64_t queries, keys;
} mm_head_result;

/* Applies the head to n samples at once. Results from the arena; they do not depend on what shares the batch. MM_SKIP
 * names the sample or space that does not fit the head. */
mm_status mm_head_apply(mm_head_result *out, const mm_head *h, const mm_features *const *j, int n, mm_threads *pool,
                        mm_arena *a, mm_err *e);

/* The verdict as a feature record (the joint vector); with align the vector of input m's tower. `name` is the head's
 * name, which names the space. meta.weights tells how much each modality counted. */
mm_status mm_head_result_feature(mm_record *out, const mm_head_result *v, const mm_head *h, int m, const char *space,
                                 mm_arena *a, mm_err *e);
/* Output i as a label record: a distribution (softmax of logits / temperature) or a number; the sample's own label goes
 * to meta.truth, the output's name to meta.field where there are several. */
mm_status mm_head_result_label(mm_record *out, const mm_head_result *v, const mm_head *h, int i, mm_arena *a,
                               mm_err *e);

/* Label records of one sample, n ≥ 1 sources, combined as evidence: a label record whose map holds pignistic
 * probabilities; meta.conflict is K, meta.unknown the mass on "don't know", meta.total_conflict is set when the sources
 * exclude each other. MM_SKIP: a label is no distribution. */
mm_status mm_combine_labels(mm_record *out, const mm_record *const *source, const double *reliability, int n,
                            mm_evidence_rule rule, mm_arena *a, mm_err *e);

#endif
