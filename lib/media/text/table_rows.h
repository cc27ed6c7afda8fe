/* table_rows.h: an input that is a table, row by row: which columns hold text, key and label, and the error records of
 * broken rows. */
#ifndef MM_MEDIA_TEXT_TABLE_ROWS_H
#define MM_MEDIA_TEXT_TABLE_ROWS_H

#include "media/record_sink.h"
#include "media/table/live_text.h"
#include "media/table/table.h"

/* The text of a live blob, as it comes. */
mm_live_text mm_live_text_of(const mm_blob *b);
/* MM_SKIP when reading it failed. */
mm_status mm_live_text_check(const mm_live_text *l, mm_fault *f);

typedef struct {
    mm_sink *s;
    mm_fault *f;
    mm_table t;
    int column, key, label; /* the places of o->column, key_column and label_column; −1: not asked for */
    int start, end, of;     /* … of start_column, end_column and of_column */
    mm_arena a;             /* of the row */
    mm_str *cell;           /* [n], the row */
    int n;
} mm_table_input;

enum { MM_ASKED_COLUMNS = 6 };
/* The columns that are asked for, those of names, labels and times before that of texts; NULL: not asked for. */
void mm_table_asked(const char *out[MM_ASKED_COLUMNS], const mm_decode_opts *o);

/* Reads text, or `live` where that is not NULL. has_names tells whether the first row names the columns; it leaves the
 * table at its first row. MM_SKIP with f set: a column that is asked for is missing. */
mm_status mm_table_input_open(mm_table_input *r, mm_sink *s, mm_str text, mm_live_text *live,
                              bool (*has_names)(mm_table *t, const mm_decode_opts *o), mm_fault *f);
void mm_table_input_close(mm_table_input *r);

/* The next row that is not broken; broken ones become error records. MM_OK, MM_EOF, MM_SKIP (memory is out, f is set),
 * MM_FATAL. */
mm_status mm_table_input_next(mm_table_input *r);
/* Key, part, label, time and modality of the row's record. MM_SKIP with *why set when it has no key or no time, or
 * memory is out. */
mm_status mm_table_input_name(mm_table_input *r, mm_record *rec, mm_fault *why);
/* Whether column c holds one of these, and is no data. */
bool mm_table_input_names(const mm_table_input *r, int c);
/* Puts the error record of this row, "row 7: …". */
mm_status mm_table_input_fault(mm_table_input *r, const mm_fault *why);

#endif
