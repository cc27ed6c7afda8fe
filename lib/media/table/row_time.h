/* row_time.h: the times of rows and of subtitles, as people and programs write them.
 *
 *   75, 1.5, 2.5e-3                       seconds; from 10^11 on milliseconds, since 1970
 *   1:15.5, 0:01:15,500                   minutes (any number) and seconds; hours, minutes and seconds
 *   2024-03-12T14:05:11.25+01:00          ISO 8601: date, T or a blank, hours, minutes and perhaps seconds, a fraction
 *   2024-03-12 14:05Z                     after a point or comma, and Z, ±HH:MM, ±HHMM, ±HH or no zone
 *
 * Fractions of clocks and dates are kept to the nanosecond, and differences of them are exact. Dates from 1900 to 2099.
 */
#ifndef MM_MEDIA_TABLE_ROW_TIME_H
#define MM_MEDIA_TABLE_ROW_TIME_H

#include "base/status.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    MM_TIME_SECONDS, /* since the recording's beginning, or since 1970: whoever wrote them knows */
    MM_TIME_ZONED,   /* a date and time: since 1970, UTC */
    MM_TIME_LOCAL,   /* the same without a zone: of a place that nobody names */
} mm_row_time_kind;

typedef struct {
    mm_row_time_kind kind;
    int64_t ns;     /* nanoseconds */
    double seconds; /* the same */
} mm_row_time;

/* False: it is none. */
bool mm_row_time_parse(mm_row_time *out, mm_str text);

/* The seconds from `zero` to the time that the cell holds. zero NULL: from where the cell's own clock begins. A zero
 * that is a date, or seconds since 1970, is taken from either. MM_SKIP with a message that quotes the cell: it is no
 * time, a date without a zero, one of the two lacks a zone, or it lies before zero. */
mm_status mm_row_time_read(double *seconds, mm_str cell, const mm_row_time *zero, mm_err *e);

#endif
