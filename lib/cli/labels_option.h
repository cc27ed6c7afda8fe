/* labels_option.h: --labels of mm-decode and mm-cat: the table is read before anything else, and at the end the tool
 * reports what did not match. */
#ifndef MM_CLI_LABELS_OPTION_H
#define MM_CLI_LABELS_OPTION_H

#include "cli/tool.h"
#include "source/labels/label_table.h"

typedef struct {
    const char *path, *file_column, *column; /* the options' values; path NULL: no labels */
    int table;                               /* of MM_TABLE_KINDS; −1: the first row tells */
    mm_labels *labels;
    int64_t labelled, unlabelled; /* counted by the tool, with mm_labels_option_count */
} mm_labels_option;

/* Reads the table; dies when that fails. */
void mm_labels_option_open(mm_run *r, mm_labels_option *l);
/* The label of what; false: rows tie and disagree, *e says which. Dies when memory is out. Thread safe. */
bool mm_labels_option_find(mm_run *r, const mm_labels_option *l, const mm_label_query *what, msgpack_object *label,
                           mm_err *e);
void mm_labels_option_count(mm_labels_option *l, int64_t labelled, int64_t unlabelled); /* thread safe */
/* Counts, and replaces the label of a sample by its row's, if it has one; where rows disagree rec becomes an error
 * record.
 */
void mm_labels_option_apply(mm_run *r, mm_labels_option *l, mm_record *rec, mm_arena *a);
/* Reports how many of the things (`what`: "inputs") have no label, and how many rows matched none. Nothing labelled is
 * a failure: what comes next would be trained on nothing. */
void mm_labels_option_end(mm_run *r, mm_labels_option *l, const char *what);

#endif
