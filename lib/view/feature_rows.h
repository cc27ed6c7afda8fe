/* feature_rows.h: the vectors of a [T,D] feature as records of their own, each with its position. */
#ifndef MM_VIEW_FEATURE_ROWS_H
#define MM_VIEW_FEATURE_ROWS_H

#include "stream/record.h"

/* How many vectors the feature holds: T of [T,D], 1 of [D]. */
int64_t mm_feature_row_count(const mm_record *rec);

/* Vector i of the feature, a [D] view of its data. Field `row` is i. If the grid (mm-stream(5)) gives the vector a
 * position, `time` is that of its step, or `y` and `x` are that of its patch, from the upper left. Leading vectors
 * (class token, registers) have neither. Memory from the arena. */
mm_status mm_feature_row(mm_record *out, const mm_record *rec, int64_t i, mm_arena *a, mm_err *e);

#endif
