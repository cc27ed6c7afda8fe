/* distance.h: how far a record lies from normal ones: an anomaly score that needs no labels (the mean distance to the k
 * nearest: Angiulli & Pizzuti, "Fast Outlier Detection in High Dimensional Spaces", PKDD 2002). */
#ifndef MM_LABEL_DISTANCE_H
#define MM_LABEL_DISTANCE_H

#include "label/search.h"

/* The mean of 1 − cosine over the neighbours that there are; 1 when there is none. */
double mm_distance(const mm_near *near, int k);

/* The quantile of the references' distances, each measured to references of other keys; linear between two of them, as
 * numpy.quantile. MM_SKIP: fewer than two keys. */
mm_status mm_distance_quantile(double *out, const mm_refs *refs, int k, double quantile, mm_threads *pool, mm_err *e);

#endif
