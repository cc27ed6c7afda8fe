/* json_cursor.h: reads the two large tables of a tokenizer.json without building a JSON tree. Internal to tokenize/.
 *
 * A tokenizer.json is a page of settings around "vocab" (30,000 entries and more) and "merges". Parsing all of it into
 * objects costs more than encoding a sentence; so these two are found by a scan and read in place, and the JSON library
 * parses the rest. */
#ifndef MM_TOKENIZE_JSON_CURSOR_H
#define MM_TOKENIZE_JSON_CURSOR_H

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

#include <stdint.h>

typedef struct {
    const char *p, *end;
} mm_json_cursor; /* the text that is left */

/* Moves s from an object to the value of its member `key`; false: there is none. */
bool mm_json_cursor_enter(mm_json_cursor *s, const char *key);
/* The text of that value; p NULL: there is none. */
mm_str mm_json_cursor_member(mm_json_cursor s, const char *key);

/* Calls each(ctx, key, value) for {"key": integer, …}. */
typedef mm_status (*mm_json_integer_visit)(void *ctx, mm_str key, int64_t value, mm_err *e);
mm_status mm_json_cursor_integers(mm_str object, mm_arena *a, mm_json_integer_visit each, void *ctx, mm_err *e);

/* Calls each(ctx, i, left, right) for ["left right", …] or [["left", "right"], …]. */
typedef mm_status (*mm_json_pair_visit)(void *ctx, int64_t i, mm_str left, mm_str right, mm_err *e);
mm_status mm_json_cursor_pairs(mm_str array, mm_arena *a, mm_json_pair_visit each, void *ctx, mm_err *e);

#endif
