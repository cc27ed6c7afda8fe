/* predictions.h: predictions and their ground truth out of streams of label records (mm-label --format stream): `label`
 * is the prediction, `meta.truth` the label that the sample carried. Key and part identify a prediction. */
#ifndef MM_EVAL_PREDICTIONS_H
#define MM_EVAL_PREDICTIONS_H

#include "base/arena.h"
#include "eval/compare.h"
#include "stream/record.h"

typedef struct {
    const char *id;         /* key, or "key:part" */
    const char *field;      /* the output of the head that it is; NULL: not stated */
    const char *target;     /* ground truth; NULL: not known (yet) */
    int64_t first, carried; /* which true labels came with it, in the set */
    const char *predicted;  /* the most probable class, or the number as text */
    bool number;            /* a number is predicted: regression */
    double value;
    const char **name; /* the distribution, n entries; n 0: none */
    double *prob;
    int n;
} mm_prediction;

typedef struct mm_prediction_set mm_prediction_set;

/* field: which entry of labels that are maps, and which output of a head with several (meta.field); NULL: all of them.
 */
mm_status mm_prediction_set_new(mm_prediction_set **out, const char *field, mm_err *e);
void mm_prediction_set_free(mm_prediction_set *c); /* NULL is fine */

/* Adds a label record as a prediction; other kinds are ignored. */
mm_status mm_prediction_set_add(mm_prediction_set *c, const mm_record *rec, mm_err *e);
/* Adds the label of any record as the ground truth of its key, which then replaces what predictions carried. */
mm_status mm_prediction_set_add_ground_truth(mm_prediction_set *c, const mm_record *rec, mm_err *e);

/* The label fields of the predictions in order of appearance, to be evaluated one by one; p NULL stands for predictions
 * that name none. Returns how many. */
int mm_prediction_set_fields(const mm_prediction_set *c, const mm_str **field);
/* Whether a prediction or its ground truth has this label field; plain labels are of the field "label". */
bool mm_prediction_set_has_field(const mm_prediction_set *c, const char *field);
/* Writes the label fields of all records to out, for a message: see mm_suggest_text. Returns out. */
const char *mm_prediction_set_hint(const mm_prediction_set *c, char *out, size_t size);

/* The predictions of a field with ground truth, sorted by id; *without counts those whose ground truth is not known.
 * MM_SKIP: a key has two true labels. */
mm_status mm_prediction_set_matched(const mm_prediction_set *c, mm_str field, mm_prediction **out, int64_t *n,
                                    int64_t *without, mm_arena *a, mm_err *e);

/* Reduces a and b, both sorted by id, to the samples that both have; returns how many. */
int64_t mm_predictions_intersect(mm_prediction *a, int64_t na, mm_prediction *b, int64_t nb);

/* How intervals are drawn. */
typedef struct {
    const char *group; /* regular expression for the part of a key that names its group, drawn as a whole; NULL: none */
    int rounds;        /* 0: no intervals */
    uint64_t seed;
} mm_resampling;

/* Reports on n ≥ 1 predictions of one field and, unless `other` is NULL, compares them with other predictions of the
 * same samples. Memory from the arena. MM_SKIP: some are numbers and some are not. */
mm_status mm_predictions_evaluate(mm_report *report, mm_comparison *comparison, const mm_prediction *p,
                                  const mm_prediction *other, int64_t n, const mm_resampling *b, mm_arena *a,
                                  mm_err *e);

#endif
