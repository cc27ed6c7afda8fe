/* field_check.h: fields that were asked for by name, and whether any record has them: a misspelt name must not pass for
 * a field that happens to be absent. */
#ifndef MM_VIEW_FIELD_CHECK_H
#define MM_VIEW_FIELD_CHECK_H

#include "stream/record.h"

typedef struct mm_field_check mm_field_check;

mm_status mm_field_check_new(mm_field_check **out, mm_err *e);
void mm_field_check_free(mm_field_check *k); /* NULL is fine */

/* A field that is asked for, by a path as mm_field_get takes it. The path must outlive k. */
mm_status mm_field_check_add(mm_field_check *k, const char *path, mm_err *e);

/* To be called with every record of the input. */
mm_status mm_field_check_record(mm_field_check *k, const mm_record *rec, mm_arena *a, mm_err *e);

/* After the last record. MM_SKIP: no record has this field although there were some that could; the text names it,
 * what was perhaps meant, and what there is. MM_OK: each field was there; or nobody can tell: a field of mm-stream(5)
 * may be absent, and so may what a field holds when no record has that field. An entry of `meta` counts as misspelt
 * only when another one is spelt almost so: most of them are there for some records only. */
mm_status mm_field_check_end(mm_field_check *k, mm_err *e);

#endif
