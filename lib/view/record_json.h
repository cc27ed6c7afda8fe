/* record_json.h: records as JSON (RFC 8259), written as it is produced: a tensor is never held as text. */
#ifndef MM_VIEW_RECORD_JSON_H
#define MM_VIEW_RECORD_JSON_H

#include "stream/record.h"

#include <stdio.h>

/* A string in quotes; bytes that are not UTF-8 become U+FFFD. */
void mm_json_string(FILE *f, mm_str s);
/* Any value: NaN and infinities become null, byte strings {"bytes": length}, keys that are no strings their text. */
void mm_json_object(FILE *f, const msgpack_object *o);
/* A record as one line, newline included. A tensor is {"type": "f32", "shape": [384]}, with `values` also "values":
 * nested lists as its shape says. False when memory is out. */
bool mm_json_record(FILE *f, const mm_record *rec, bool values, mm_arena *a);

#endif
