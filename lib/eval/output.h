/* output.h: what an evaluation found, and the ways to write it: text, JSON. */
#ifndef MM_EVAL_OUTPUT_H
#define MM_EVAL_OUTPUT_H

#include "eval/compare.h"

#include <stdio.h>

/* Of one label field, or of a retrieval. */
typedef struct {
    const char *field; /* "-": not named */
    mm_report report;
    mm_comparison comparison;
    const char *compared_with; /* the file of the other predictions; NULL: none, and no comparison */
} mm_evaluation;

/* A way to write evaluations [n ≥ 1]. A new one is its own file and a row in output.c. Write failures are f's. */
typedef struct {
    const char *name; /* of --format */
    mm_status (*put)(FILE *f, const mm_evaluation *x, int n, mm_err *e);
} mm_eval_output;

const mm_eval_output *mm_eval_output_at(int i); /* NULL after the last */
const char *mm_eval_output_name(int i);         /* NULL after the last */

#endif
