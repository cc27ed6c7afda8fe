/* view_format.h: the formats of mm-cat: the records of a stream as lines for people, JSON, columns, keys, counts, an
 * array or subtitles. */
#ifndef MM_VIEW_VIEW_FORMAT_H
#define MM_VIEW_VIEW_FORMAT_H

#include "base/log.h"
#include "view/npy_writer.h"
#include "view/value_counts.h"

/* A column of a TSV: its title, and the field in it. */
typedef struct {
    const char *title, *field;
} mm_column;

/* A cue that waits for those that begin before it. */
typedef struct {
    double start; /* seconds */
    int64_t number;
    char *text; /* [n], malloc'ed */
    size_t n;
} mm_held_cue;

/* A view in progress. The caller fills in the first part, and closes the files. */
typedef struct {
    FILE *f;            /* seekable for an array */
    FILE *rows;         /* array: the TSV of its rows */
    bool colour;        /* summary */
    bool values;        /* JSON: with all values of tensors */
    bool header;        /* TSV: begin with the titles */
    bool each_row;      /* array: a row for each vector of a feature */
    bool at_once;       /* subtitles: as they come, not in the order of time */
    const mm_log *log;  /* what is left out */
    const char *fields; /* TSV: comma-separated fields, NULL: the usual ones. Counts: the field */

    mm_column *column; /* [columns], once it has begun */
    int columns;
    mm_npy npy;
    mm_value_counts counts;
    mm_str last_key;
    mm_held_cue *held; /* [n_held] */
    int64_t n_held, cap_held;
    int64_t untimed;       /* records that subtitles have no place for, … */
    int64_t shown, others; /* … all that say something, and those that say nothing */
    mm_arena last, arena;  /* last_key; columns */
} mm_view;

/* begin and end are NULL where there is nothing to do. Write failures are those of the files (ferror). */
typedef struct {
    mm_status (*begin)(mm_view *v, mm_err *e);
    mm_status (*put)(mm_view *v, const mm_record *rec, mm_arena *a, mm_err *e);
    mm_status (*mark)(mm_view *v, const mm_record *rec, mm_arena *a, mm_err *e); /* instead of put; NULL: drops it */
    mm_status (*end)(mm_view *v, mm_err *e);
} mm_view_format;

extern const mm_view_format mm_view_summary, mm_view_json, mm_view_tsv, mm_view_keys, mm_view_counts, mm_view_array,
    mm_view_vtt;

mm_status mm_view_put(const mm_view_format *x, mm_view *v, const mm_record *rec, mm_arena *a, mm_err *e);
void mm_view_free(mm_view *v);

#endif
