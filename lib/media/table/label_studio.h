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

/* False for NULL. */
bool mm_ls_is_task(const json_t *o);
/* The row of a task; the caller owns it. Cancelled annotations do not count; where some are marked as ground truth,
 * only those do. Results on which they disagree are null in the row; *disputed names the first (p NULL: none), in the
 * arena.
 */
mm_status mm_ls_flatten(json_t **row, mm_str *disputed, mm_arena *a, const json_t *task, mm_err *e);

/* The answer in a Label Studio value: {"choices": ["a"]} is "a", {"rating": 4} is 4, several choices are their array. A
 * new reference; NULL: it is not such a value, or describes only a region of the media file. */
json_t *mm_ls_value(const json_t *value);

#endif
