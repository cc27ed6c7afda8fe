/* search.h: exact nearest neighbours by cosine, and their votes for a label. */
#ifndef MM_LABEL_SEARCH_H
#define MM_LABEL_SEARCH_H

#include "base/threads.h"
#include "label/refs.h"

typedef struct {
    int64_t row; /* of the references; −1: there are fewer than k */
    float cosine;
} mm_near;

/* The k rows nearest to each of q unit vectors query [q, refs->stride], nearest first, of equal ones the earlier row
 * first: near [q, k]. Row i is left out for query j where skip_key[j] (may be NULL) is its key. Exact, and the same
 * whatever the number of threads. MM_FATAL when memory is out. */
mm_status mm_search(mm_near *near, int k, const mm_refs *refs, const float *query, int q, const mm_str *skip_key,
                    mm_threads *pool, mm_err *e);
/* The same, of each label only its nearest row: k labels. */
mm_status mm_search_labels(mm_near *near, int k, const mm_refs *refs, const float *query, int q, const mm_str *skip_key,
                           mm_threads *pool, mm_err *e);

typedef struct {
    int32_t label; /* index into refs->names */
    double score;
} mm_vote;

typedef enum {
    MM_VOTE_SIMILARITY, /* a neighbour counts its cosine, but never less than 0 */
    MM_VOTE_MAJORITY,   /* a neighbour counts 1: scikit-learn's weights="uniform" */
} mm_vote_rule;

/* The labels of k neighbours with their fraction of the votes, highest first, of equal ones the smaller
 * label: votes [k]; returns how many there are. Neighbours that are all at 0 or less count 1 each. */
int mm_vote_near(mm_vote *votes, const mm_near *near, int k, const mm_refs *refs, mm_vote_rule rule);

/* The labels of k neighbours, each with the cosine of its nearest, nearest first: votes [k]; returns how many. */
int mm_vote_nearest(mm_vote *votes, const mm_near *near, int k, const mm_refs *refs);

/* Zero-shot: all labels of references that have one row each (mm_refs_average), with
 * softmax(scale · cosine) as in CLIP (Radford et al. 2021, §3.1), highest first: votes [names.n]. */
mm_status mm_vote_softmax(mm_vote *votes, const mm_refs *refs, const float *query, double scale, mm_err *e);

#endif
