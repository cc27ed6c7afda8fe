/* feature_rows.h: the vectors of a [T,D] feature as records of their own, each with its place. */
#ifndef MM_VIEW_FEATURE_ROWS_H
#define MM_VIEW_FEATURE_ROWS_H

#include "stream/record.h"

/* How many vectors the feature holds: T of [T,D], 1 of [D]. */
int64_t mm_feature_row_count(const mm_record *rec);

/* Vector i of the feature: its data is f32|… [D], a view of rec's. Field `row` says i; where the grid (mm-stream(5))
 * tells its place, `time` is that of its step, or `y` and `x` (patches from the upper left) say where it lies. Leading
 * vectors without a place (class token, registers) have neither time nor y and x. Memory from the arena. */
mm_status mm_feature_row(mm_record *out, const mm_record *rec, int64_t i, mm_arena *a, mm_err *e);

#endif
