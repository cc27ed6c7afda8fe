/* summary.h: a record as one line for people. */
#ifndef MM_VIEW_SUMMARY_H
#define MM_VIEW_SUMMARY_H

#include "stream/record.h"

#include <stdio.h>

/* "feature  a/b/photo  f32[384]  image  imgfocus-vits14/…/cls  label=cat", newline included. Control characters
 * of the record never reach the terminal. */
void mm_summary_record(FILE *f, const mm_record *rec, bool colour, mm_arena *a);

#endif
