/* refs.h: the vectors that records are compared with: labelled examples, or one vector for each label. */
#ifndef MM_LABEL_REFS_H
#define MM_LABEL_REFS_H

#include "base/name_ids.h"
#include "stream/record.h"

typedef struct {
    int64_t dim, stride; /* floats of a vector, and of a row: mm_padded(dim) */
    int64_t n, cap;
    float *row;         /* [n, stride], each of length 1 (or zero) */
    int32_t *label;     /* [n]: index into `names` */
    mm_str *key, *src;  /* [n]: key and source of the record it came from */
    mm_str *text;       /* [n]: the text it was made from; p NULL: not kept or none */
    int64_t *part;      /* [n]: its part; −1: none */
    double (*time)[2];  /* [n]: its start and end in seconds; NAN: none */
    mm_name_ids names;  /* the labels */
    mm_arena arena;     /* keys, sources, texts */
    mm_str space;       /* of all rows; p NULL: not known */
    bool of_others;     /* none was of the modality that was asked for (mm_load.of) */
    double logit_scale; /* the model's own, from meta.logit_scale; 0: not known */
} mm_refs;              /* all zero is a valid empty set */

/* Adds a feature record under a label. MM_SKIP when it is no finite vector; MM_FATAL when it is of another space or
 * dimension than those before it. */
mm_status mm_refs_add(mm_refs *r, const mm_record *rec, mm_str label, mm_err *e);
/* The text that the vector added last was made from. */
mm_status mm_refs_set_text(mm_refs *r, mm_str text, mm_err *e);
/* Replaces the rows of each label by their mean direction, one row a label: prompts of one class as in CLIP
 * (Radford et al. 2021, §3.1.4). */
mm_status mm_refs_average(mm_refs *r, mm_err *e);
/* Numbers the labels in byte order of their names, which is how ties are broken. Call it once all are added. */
mm_status mm_refs_sort_labels(mm_refs *r, mm_err *e);
void mm_refs_free(mm_refs *r);

/* MM_FATAL, naming both, unless rec is of the references' space. */
mm_status mm_refs_same_space(const mm_refs *r, const mm_record *rec, mm_err *e);

/* The label of a record as text. `field` names an entry of a label map. Without it a map of numbers is a distribution:
 * its largest entry. MM_SKIP when there is none. Numbers are printed into the arena. */
mm_status mm_label_text(mm_str *out, const mm_record *rec, const char *field, mm_arena *a, mm_err *e);

/* Which output of a head a label record is (meta.field); p NULL when it does not say. */
mm_str mm_label_field(const mm_record *rec);

#endif
