/* field.h: the fields of a record by name, as msgpack values, for conditions, columns and counts. */
#ifndef MM_VIEW_FIELD_H
#define MM_VIEW_FIELD_H

#include "stream/record.h"

#include <stdio.h>

/* The names that mm-stream(5) gives a record's fields, in its order, NULL-terminated; without `mm` and `data`. */
extern const char *const mm_field_names[];

/* The value of field `path`: a name of mm-stream(5), a field unknown to this version, `shape` ("f32[384]"), `data`
 * (of texts), or a dotted path into a map or array: "meta.width", "label.score", "time.0", "error.code".
 * False when the record has no such field. New memory comes from the arena; strings point into the record. */
bool mm_field_get(msgpack_object *out, const mm_record *rec, const char *path, mm_arena *a);

/* A value as text: strings as they are, numbers in the shortest form that reads back the same, maps and arrays as JSON,
 * nil as "". p NULL when memory is out. */
mm_str mm_field_text(const msgpack_object *o, mm_arena *a);

/* For TSV: tab, newline, carriage return and backslash become \t, \n, \r and \\. */
void mm_field_put_tsv(FILE *f, mm_str s);

#endif
