/* object_json.h: msgpack values as JSON (RFC 8259). */
#ifndef MM_VIEW_OBJECT_JSON_H
#define MM_VIEW_OBJECT_JSON_H

#include "stream/record.h"

#include <stdio.h>

/* A string in quotes; bytes that are not UTF-8 become U+FFFD. */
void mm_json_string(FILE *f, mm_str s);
/* Any value. NaN and infinities become null, byte strings {"bytes": length}; keys that are not strings become their
 * text. */
void mm_json_object(FILE *f, const msgpack_object *o);
/* The entries of a map without its braces: "key":value,… */
void mm_json_entries(FILE *f, const msgpack_object_map *m);

#endif
