/* windows.h: features over windows of time: window k is [k·hop, k·hop + window), in seconds.
 *
 * In a window each modality is one row: the mean of the rows that overlap it, weighted by the overlap (an instant
 * counts as a millisecond). Rows of a [T,D] feature are grid.step apart; a record without time belongs to every window.
 */
#ifndef MM_FUSE_WINDOWS_H
#define MM_FUSE_WINDOWS_H

#include "fuse/features.h"

/* Overlaps that are no longer are rounding: seconds. */
#define MM_WINDOW_ROUNDING 1e-9

typedef struct {
    double window, hop; /* seconds */
} mm_window_grid;

/* Where a record ends, which has a time: an instant ends a millisecond after it began. */
double mm_window_record_end(const mm_record *r);
/* How many windows begin before `end`; at least 1. As a double, for it may be any number. */
double mm_window_count(mm_window_grid g, double end);

/* Adds to window `out`, whose part k is given, what these feature records hold of it: rec[n] and their vectors
 * x[n], [rows, width] each. A modality that has no row there is named, with none. Memory from the arena. MM_SKIP: they
 * do not fit together. */
mm_status mm_window_fill(mm_features *out, mm_window_grid g, int64_t k, const mm_record *const *rec,
                         const float *const *x, int n, mm_arena *a, mm_err *e);

/* Cuts the sample into all its windows, from 0 to its end. */
mm_status mm_features_of_windows(mm_features **out, int *n, mm_sample *s, mm_window_grid g, mm_err *e);

#endif
