/* predictions.h: predictions out of a stream of label records (mm-label --format stream): `label` is the guess,
 * `meta.truth` what the sample's own label was. Records are told apart by key and part. */
#ifndef MM_EVAL_PREDICTIONS_H
#define MM_EVAL_PREDICTIONS_H

#include "base/arena.h"
#include "eval/report.h"
#include "stream/record.h"

typedef struct {
    const char *id;         /* key, with the part where there is one */
    const char *field;      /* the head's output that it is; NULL: not told */
    const char *target;     /* NULL: not known (yet) */
    int64_t first, carried; /* true labels that came with it, in the collection */
    const char *predicted;  /* the most probable name, or the number as text */
    bool number;            /* the guess is a number: regression */
    double value;
    const char **name; /* the distribution, n entries; n 0: only a guess */
    double *prob;
    int n;
} mm_prediction;

typedef struct mm_prediction_set mm_prediction_set;

/* field: which entry of labels that are maps (truth), and which output of a head with several (meta.field); NULL: the
 * only one */
mm_status mm_prediction_set_new(mm_prediction_set **out, const char *field, mm_err *e);
void mm_prediction_set_free(mm_prediction_set *c);

/* Takes a label record. Other kinds are passed over. */
mm_status mm_prediction_set_add(mm_prediction_set *c, const mm_record *rec, mm_err *e);
/* Takes any record's label as the truth of its key (--truth FILE). */
mm_status mm_prediction_set_add_truth(mm_prediction_set *c, const mm_record *rec, mm_err *e);

/* The label fields that the predictions are of, in order of appearance: the outputs of one head are judged apart. One
 * with p NULL stands for those that do not tell. Returns how many. */
int mm_prediction_set_fields(const mm_prediction_set *c, const mm_str **field);
/* Writes into out which label fields the records told of, for a message: see mm_suggest_text. Returns out. */
const char *mm_prediction_set_hint(const mm_prediction_set *c, char *out, size_t size);

/* Those of a field with both a guess and a truth, in order of id; *without counts guesses whose truth is not known. */
mm_status mm_prediction_set_matched(const mm_prediction_set *c, mm_str field, mm_prediction **out, int64_t *n,
                                    int64_t *without, mm_arena *a, mm_err *e);

/* As classes: the union of all names, in order. Fails with MM_SKIP when the guesses are numbers. */
mm_status mm_predictions_as_classes(mm_class_predictions *out, const mm_prediction *j, int64_t n, const char *group,
                                    mm_arena *a, mm_err *e);
mm_status mm_predictions_as_numbers(mm_number_predictions *out, const mm_prediction *j, int64_t n, const char *group,
                                    mm_arena *a, mm_err *e);

#endif
