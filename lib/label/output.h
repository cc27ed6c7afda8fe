/* output.h: what was found about a record, as TSV, JSON lines, rows of hits, Label Studio predictions or a record. */
#ifndef MM_LABEL_OUTPUT_H
#define MM_LABEL_OUTPUT_H

#include "label/search.h"

#include <jansson.h>
#include <stdio.h>

typedef struct {
    mm_str name;
    double score;
} mm_guess;

typedef struct {
    const mm_record *rec;
    mm_str text;           /* what the record was made from, where that is known; p NULL otherwise */
    const mm_guess *guess; /* [n], n ≥ 1, highest first */
    int n;
    const mm_near *near; /* [n_near] rows of refs, nearest first; NULL: not asked for */
    int n_near;
    const mm_refs *refs;
} mm_labelled;

/* Cuts n ≥ 0 guesses, highest first, to the first `top` that reach the threshold; where none does, one guess `unknown`
 * is left with the score of the best (0 if there was none at all): guess has room for 1. Returns how many are left. */
int mm_guess_cut(mm_guess *guess, int n, int top, double threshold, mm_str unknown);
/* The entries of a label map as guesses, highest first, in the arena: a model's own head. A label that is a string or a
 * number is one guess of score 1. MM_SKIP for a map that is no distribution. */
mm_status mm_guess_of_label(mm_guess **guess, int *n, const mm_record *rec, mm_arena *a, mm_err *e);

/* Whether the label is a number, as from a head that predicts numbers: not the name of a class. */
bool mm_labelled_number(const mm_labelled *x);

/* Columns: key, part, start, end, of, with `field` the label field, and a label and a score for each of `top`. Absent
 * values are empty; tab, newline and backslash are written \t, \n and \\. */
void mm_tsv_header(FILE *f, bool field, int top);
void mm_tsv_put(FILE *f, const mm_labelled *x, bool field, int top);

/* A row for each neighbour whose cosine reaches the threshold: query, rank, score, key, src, part, query_part,
 * query_src, query_text, and the example's text, start and end, query_start, query_end. */
void mm_hits_header(FILE *f);
void mm_hits_put(FILE *f, const mm_labelled *x, double threshold);

/* One object a line. */
void mm_jsonl_put(FILE *f, const mm_labelled *x);

/* A record of kind label in the place of x->rec: `label` maps names to scores, the rest is the sample's; the label it
 * carried before becomes meta.truth. */
mm_status mm_labelled_record(mm_record *out, const mm_labelled *x, mm_arena *a, mm_err *e);

/* Label Studio's import format: a JSON array of tasks with predictions (https://labelstud.io/guide/predictions). The
 * windows of one sound become regions of one task, the outputs of a head results of one task. Only the best label of
 * each is ticked; where there are more, all of them with their scores are in the task's meta.labels. */
typedef struct {
    FILE *f;
    const char *from_name, *to_name, *data_key; /* NULL: by modality */
    const char *data_prefix, *model_version;
    json_t *task; /* of the source that is being gathered */
    int64_t part; /* … and its part */
    bool any;
} mm_studio;

void mm_studio_begin(mm_studio *s);
mm_status mm_studio_put(mm_studio *s, const mm_labelled *x, mm_err *e);
mm_status mm_studio_end(mm_studio *s, mm_err *e);

/* A JSON string; bytes that are not UTF-8 become U+FFFD. NULL when memory is out. */
json_t *mm_json_text(mm_str s);

#endif
