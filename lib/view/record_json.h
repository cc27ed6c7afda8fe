/* record_json.h: records as JSON (RFC 8259), written on the fly: a tensor is never held in memory as text. */
#ifndef MM_VIEW_RECORD_JSON_H
#define MM_VIEW_RECORD_JSON_H

#include "stream/record.h"

#include <stdio.h>

/* A record as one line, newline included. A tensor is {"type": "f32", "shape": [384]}, with `values` also "values":
 * nested lists in its shape. The bytes of a file are {"type": "bin", "shape": [5120]}, never more. False on a write
 * error. */
bool mm_json_record(FILE *f, const mm_record *rec, bool values, mm_arena *a);

#endif
