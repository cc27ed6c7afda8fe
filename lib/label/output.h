/* output.h: what was found about a record, and the ways to write it: TSV, JSON lines, rows of hits, Label Studio's
 * predictions, a stream. */
#ifndef MM_LABEL_OUTPUT_H
#define MM_LABEL_OUTPUT_H

#include "base/log.h"
#include "label/search.h"

#include <jansson.h>
#include <stdio.h>

typedef struct {
    mm_str name;
    double score;
} mm_scored_label;

typedef struct {
    const mm_record *rec;
    mm_str text;             /* what the record was made from, where that is known; p NULL otherwise */
    mm_scored_label *scored; /* [n], n ≥ 1, highest first */
    int n;
    const mm_near *near; /* [n_near] rows of refs, nearest first; NULL: there are none, or nobody asks */
    int n_near;
    const mm_refs *refs;
} mm_labelled;

/* Cuts n ≥ 0 scored labels, highest first, to the first `top` that reach the threshold; where none does, one label
 * `unknown` is left with the score of the best (0 if there was none at all): scored has room for 1. Returns how many
 * are left. */
int mm_scored_cut(mm_scored_label *scored, int n, int top, double threshold, mm_str unknown);
/* The entries of a label map as scored labels, highest first, in the arena: a model's own head. A label that is a
 * string or a number is one label of score 1. MM_SKIP: the map is not a distribution. */
mm_status mm_scored_of_label(mm_scored_label **scored, int *n, const mm_record *rec, mm_arena *a, mm_err *e);

/* Whether the label is a number, as from a head that predicts numbers: not the name of a class. */
bool mm_labelled_number(const mm_labelled *x);

/* Label Studio: names of its tags, and what its tasks say of the media; NULL: by modality and label field. */
typedef struct {
    const char *from_name, *to_name, *data_key;
    const char *data_prefix, *model_version;
} mm_studio;

typedef struct mm_label_output mm_label_output;

/* An output in progress. The caller fills in all but the last two. */
typedef struct {
    const mm_label_output *out;
    FILE *f;          /* NULL for an output that makes records */
    bool header;      /* a line of column names is wanted */
    bool neighbours;  /* the examples that were used are listed */
    int fields;       /* labels are of several fields, which a column names; −1: the first record shows whether */
    int top;          /* labels at most: columns */
    double threshold; /* of the scores of labels, and of search results */
    mm_str unknown;   /* the label where none reaches the threshold */
    mm_studio studio;
    const mm_log *log;
    bool begun;
    void *state; /* the output's own, from begin to end */
} mm_label_writer;

/* A way to write what was found. A new one is its own file and a row in output.c. */
struct mm_label_output {
    const char *name; /* of --format */
    bool searches;    /* it shows the nearest examples, not labels */
    /* NULL where there is nothing to do. Write failures are the stream's (ferror). */
    mm_status (*begin)(mm_label_writer *w, mm_err *e);
    mm_status (*put)(mm_label_writer *w, const mm_labelled *x, mm_err *e);
    mm_status (*end)(mm_label_writer *w, mm_err *e);
    /* What a mark becomes, which may come before anything else; NULL: nothing. */
    void (*mark)(FILE *f, const mm_record *mark);
    /* In place of put and mark, for a stream: the record that takes x->rec's place. */
    mm_status (*record)(mm_record *out, const mm_labelled *x, mm_arena *a, mm_err *e);
};

/* Begins a text output, once; `first` is the first record to be written, if there is one yet. */
mm_status mm_label_begin(mm_label_writer *w, const mm_record *first, mm_err *e);
/* Cuts x to the labels that w asks for and writes them, or makes *out of them, which is to be written. */
mm_status mm_label_write(mm_label_writer *w, mm_labelled *x, mm_record *out, mm_arena *a, mm_err *e);
/* Writes a mark to a text output, if it has a form for marks. */
void mm_label_mark(const mm_label_writer *w, const mm_record *mark);
mm_status mm_label_end(mm_label_writer *w, mm_err *e);

const mm_label_output *mm_label_output_at(int i); /* NULL after the last */
const char *mm_label_output_name(int i);          /* NULL after the last */

/* A JSON string; bytes that are not UTF-8 become U+FFFD. NULL when memory is out. */
json_t *mm_json_text(mm_str s);

#endif
