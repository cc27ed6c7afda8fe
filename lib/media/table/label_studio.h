/* label_studio.h: Label Studio's exports as rows: a task's data and what people chose, without the nesting.
 *
 * A task of its JSON export is {"data": {"image": …}, "annotations": [{"result": [{"from_name": "choice", "value":
 * {"choices": ["dog"]}}]}]}; the row is {"image": …, "choice": "dog"}. JSON-MIN and CSV have such rows already, but
 * wrap some values in the same way ({"choices": ["cat", "dog"]}). */
#ifndef MM_MEDIA_TABLE_LABEL_STUDIO_H
#define MM_MEDIA_TABLE_LABEL_STUDIO_H

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

#include <jansson.h>

/* NULL is none. */
bool mm_ls_is_task(const json_t *o);
/* The row of a task, which the caller owns: annotations that were cancelled do not count, and where some are ground
 * truth, only those do. What those that count disagree about is null in the row, and *disputed names the first such
 * thing (p NULL: there is none), in the arena. */
mm_status mm_ls_flatten(json_t **row, mm_str *disputed, mm_arena *a, const json_t *task, mm_err *e);

/* What is chosen in a value of Label Studio's: {"choices": ["a"]} is "a", {"rating": 4} 4, several choices their
 * array. A new reference; NULL for what is no such value, or describes only a region of the medium. */
json_t *mm_ls_value(const json_t *value);

#endif
