/* time_window.h: rows that have times are cut into windows of time.
 *
 * A run is rows whose times do not go back. Window k of a run begins k hops after its first row and holds the rows that
 * begin in it; a window without rows is left out. The last window ends with its last row, and is left out when the one
 * before it had all of its rows. A row that lies before the one above it begins a new run. */
#ifndef MM_MEDIA_TEXT_TIME_WINDOW_H
#define MM_MEDIA_TEXT_TIME_WINDOW_H

#include "base/fault.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const float *x; /* [rows, width] */
    int64_t rows, part;
    double time[2];
} mm_time_window;

typedef struct {
    double window, hop; /* seconds */
    int64_t width;      /* numbers in a row */
    /* Takes a window; MM_FATAL ends everything, MM_SKIP with f set the input. */
    mm_status (*put)(void *ctx, const mm_time_window *w, mm_fault *f);
    void *ctx;

    /* What follows belongs to time_window.c; it starts as zero. */
    bool running;
    double origin, now; /* of the run; the time of its last row */
    int64_t k, part;    /* the window that is being filled; records so far */
    float *x;           /* [n, width], rows that may still be needed, … */
    double *t;          /* [n], … and when they begin */
    int64_t n, x_cap, t_cap;
    int64_t seen; /* of these rows, the first are in a record already */
} mm_time_windows;

#define MM_TIME_WINDOWS_FARTHEST 1e12 /* seconds from zero: where a double does not tell hops apart any more */

/* The clock stands at t: puts the windows that end until then. MM_SKIP: window and hop do not fit. */
mm_status mm_time_windows_clock(mm_time_windows *w, double t, mm_fault *f);
/* The row x[width] that begins at t. */
mm_status mm_time_windows_add(mm_time_windows *w, double t, const float *x, mm_fault *f);
/* The run ends at t. */
mm_status mm_time_windows_end(mm_time_windows *w, double t, mm_fault *f);
void mm_time_windows_free(mm_time_windows *w);

#endif
