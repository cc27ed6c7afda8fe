/* matcher.h: features are compared with references, a batch at a time: the names that they are nearest to (zero-shot),
 * the votes of the nearest examples, these examples themselves, or the distance from normal samples. */
#ifndef MM_LABEL_MATCHER_H
#define MM_LABEL_MATCHER_H

#include "label/output.h"

typedef enum { MM_MATCH_ZERO_SHOT, MM_MATCH_VOTES, MM_MATCH_NEAREST, MM_MATCH_DISTANCE } mm_match;

typedef struct {
    mm_match how;
    const mm_refs *refs; /* zero-shot: one row a label (mm_refs_average) */
    int k;               /* neighbours that are asked, at most as many as there are references */
    mm_vote_rule rule;   /* VOTES */
    double scale;        /* ZERO_SHOT: cosines are multiplied by this */
    double quantile;     /* DISTANCE: the fraction of the references that counts as normal */
    bool leave_one_out;
    bool by_label; /* NEAREST: of each label only its nearest row, so that k are labels */
    int batch;     /* features at a time */
    mm_threads *pool;
} mm_matcher_opts;

typedef struct mm_matcher mm_matcher;

/* MM_SKIP: the references have one key, so there are no distances between normal samples. */
mm_status mm_matcher_new(mm_matcher **out, const mm_matcher_opts *o, mm_err *e);
void mm_matcher_free(mm_matcher *m); /* NULL is fine */

/* Feature i of the next batch; MM_SKIP: it is not a vector of the references' dimension. */
mm_status mm_matcher_set(mm_matcher *m, int i, const mm_record *rec, mm_arena *a, mm_err *e);
/* Compares the n features that were set; key [n] are their keys. */
mm_status mm_matcher_run(mm_matcher *m, const mm_str *key, int n, mm_err *e);

/* What was found about feature i, highest first, in the arena. DISTANCE: "anomaly" or "normal", whichever it is, with
 * the score d / (d + limit); as a distribution, both, each with its score. */
mm_status mm_matcher_labels(mm_matcher *m, int i, bool distribution, mm_scored_label **scored, int *n, mm_arena *a,
                            mm_err *e);
const mm_near *mm_matcher_near(const mm_matcher *m, int i, int *k); /* nearest first; NULL for zero-shot */

#endif
