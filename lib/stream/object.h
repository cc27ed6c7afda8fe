/* object.h: msgpack values: conversions, and copies in an arena. */
#ifndef MM_STREAM_OBJECT_H
#define MM_STREAM_OBJECT_H

#include "stream/record.h"

typedef enum {
    MM_COPY_VIEWS, /* strings still point where they did */
    MM_COPY_BYTES, /* strings are copied as well */
} mm_copy;

/* A deep copy of *o in the arena. MM_FATAL when memory is out or o is nested above MM_RECORD_MAX_DEPTH; MM_SKIP when
 * it holds one of msgpack-numpy's object arrays, which Python would unpickle. */
mm_status mm_object_copy(msgpack_object *out, const msgpack_object *o, mm_copy how, mm_arena *a, mm_err *e);

/* The map {key: value, …} of n doubles; keys are not copied. */
mm_status mm_object_numbers(msgpack_object *out, const mm_str *key, const double *value, uint32_t n, mm_arena *a,
                            mm_err *e);

/* An integer within int64_t; a number as a double; false for anything else. */
bool mm_object_int(const msgpack_object *o, int64_t *out);
bool mm_object_float(const msgpack_object *o, double *out);

/* A map that msgpack-numpy would decode to an array (it has an entry "nd"), or to an array of Python objects, whose
 * bytes Python would unpickle. */
bool mm_object_is_numpy(const msgpack_object *o);
bool mm_object_is_pickle(const msgpack_object *o);

/* A plain value as text: a string as it is, true or false, an integer, a number in the shortest form that reads back
 * the same. p NULL for anything else: nil, NaN, a list, a map. Memory from the arena, except for strings. */
mm_str mm_object_text(const msgpack_object *o, mm_arena *a);

#endif
