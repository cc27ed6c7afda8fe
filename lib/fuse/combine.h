/* combine.h: fusion without a trained head: feature vectors by a rule (concat, mean, max), labels as evidence. */
#ifndef MM_FUSE_COMBINE_H
#define MM_FUSE_COMBINE_H

#include "fuse/evidence.h"
#include "fuse/features.h"

typedef enum { MM_COMBINE_CONCAT, MM_COMBINE_MEAN, MM_COMBINE_MAX } mm_combine_rule;

/* The modalities of the result in order, with widths and spaces from the first sample that has them. */
typedef struct {
    mm_modality_rows of[MM_MAX_MODALITIES]; /* rows and x unused; width 0: not seen yet */
    int n;
} mm_fusion_layout;

/* Adds the sample's modalities to the layout in the order of mm_modality_compare; a fixed layout gets no new ones.
 * MM_SKIP: a modality has another width or space than before. */
mm_status mm_fusion_layout_add(mm_fusion_layout *l, const mm_features *j, bool fixed, mm_arena *keep, mm_err *e);

/* A feature record. concat: the mean rows of the modalities, concatenated; a missing one is zeros and named in
 * meta.missing. mean, max: over the modalities that are present, which must have one width. Memory from the arena. */
mm_status mm_combine_features(mm_record *out, const mm_features *j, const mm_fusion_layout *l, mm_combine_rule rule,
                              mm_arena *a, mm_err *e);

/* Combines the label records of one sample, n ≥ 1 sources, as evidence into a label record whose map holds pignistic
 * probabilities. meta.conflict is K, meta.unknown the mass on "don't know"; meta.total_conflict is set when the sources
 * exclude each other. MM_SKIP: a label is not a distribution. */
mm_status mm_combine_labels(mm_record *out, const mm_record *const *source, const double *reliability, int n,
                            mm_evidence_rule rule, mm_arena *a, mm_err *e);

#endif
