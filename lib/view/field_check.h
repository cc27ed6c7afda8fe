/* field_check.h: whether any record has the fields that options name: a misspelt name must not pass for a field that
 * happens to be absent. */
#ifndef MM_VIEW_FIELD_CHECK_H
#define MM_VIEW_FIELD_CHECK_H

#include "stream/record.h"

typedef struct mm_field_check mm_field_check;

mm_status mm_field_check_new(mm_field_check **out, mm_err *e);
void mm_field_check_free(mm_field_check *k); /* NULL is fine */

/* Adds a field to check, by a path as mm_field_get takes it. The path must outlive k. */
mm_status mm_field_check_add(mm_field_check *k, const char *path, mm_err *e);

/* Call with every record of the input. */
mm_status mm_field_check_record(mm_field_check *k, const mm_record *rec, mm_arena *a, mm_err *e);

/* Call after the last record. MM_SKIP: no record has one of the fields, although some could; the text names it, a
 * similar name, and what there is. MM_OK otherwise, also when nobody can tell: fields of mm-stream(5) are optional, and
 * so is what a field contains if no record has that field. An entry of `meta` counts as misspelt only if another is
 * spelt almost the same, because most entries are in some records only. */
mm_status mm_field_check_end(mm_field_check *k, mm_err *e);

#endif
