/* cutter.h: mono samples of sound, or rows of a series, are cut into records: windows, or parts below 64 MiB.
 *
 * A run is sound without a break. Its first window begins with its first sample, and window k begins k hops later. A
 * break ends the last window early; a new run begins with the next sample. The same goes for rows. */
#ifndef MM_MEDIA_CUTTER_H
#define MM_MEDIA_CUTTER_H

#include "base/buf.h"
#include "media/record_sink.h"

typedef struct {
    mm_sink *sink;
    mm_kind kind;    /* of the records */
    int64_t columns; /* 0: samples, the data is [N]; else rows, [N, columns] */
    /* Adds to a record's meta; NULL: nothing. */
    mm_status (*describe)(const void *ctx, mm_sink *s, mm_record *rec);
    const void *ctx;
    mm_str of;      /* the modality in joins; p NULL: that of all records */
    int64_t rate;   /* samples or rows a second; 0: not begun, or unknown: records have no times */
    int64_t window; /* samples; 0: whole */
    double hop;     /* samples, not rounded, so that hops of a fractional length do not drift */
    double start;   /* seconds: the time of sample 0 of this run */
    mm_buf held;    /* f32 samples from number `first` on that may still be needed */
    int64_t first;
    int64_t skip;    /* samples to come that lie between two windows */
    int64_t covered; /* the number after the last sample that is in a record */
    int64_t in_run;  /* records of this run */
    int64_t part;    /* records of all runs */
} mm_cutter;

/* Sets the rate and the length of windows from the options; without a rate there are no windows. */
mm_status mm_cutter_begin(mm_cutter *c, int64_t rate, mm_fault *f);
/* A new run, which begins at `start`. */
void mm_cutter_run(mm_cutter *c, double start);
/* n more samples, or rows x[n, columns]: puts every window that has all of its samples, and every part that has sound
 * after it. */
mm_status mm_cutter_push(mm_cutter *c, const float *x, int64_t n, mm_fault *f);
/* The end of a run, and of the sound when `last`. */
mm_status mm_cutter_end(mm_cutter *c, bool last);
void mm_cutter_free(mm_cutter *c);

#endif
