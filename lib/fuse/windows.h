/* windows.h: features over windows of time: window k is [k·hop, k·hop + window), in seconds.
 *
 * In a window each modality is one row: the mean of the rows that overlap it, weighted by the overlap (an instant
 * counts as a millisecond). Rows of a [T,D] feature are grid.step apart; a record without time belongs to every window. */
#ifndef MM_FUSE_WINDOWS_H
#define MM_FUSE_WINDOWS_H

#include "fuse/features.h"

/* Overlaps that are no longer are rounding: seconds. */
#define MM_WINDOW_ROUNDING 1e-9

typedef struct {
    double window, hop; /* seconds */
} mm_window_grid;

/* Cuts the sample into all its windows, from 0 to its end. */
mm_status mm_features_of_windows(mm_features **out, int *n, mm_sample *s, mm_window_grid g, mm_err *e);

#endif
