/* label_cell.h: what a cell of a table, or a text, says as a label. */
#ifndef MM_SOURCE_LABELS_LABEL_CELL_H
#define MM_SOURCE_LABELS_LABEL_CELL_H

#include "base/arena.h"
#include "base/str.h"

#include <msgpack.h>

/* printf format of the message about a Label Studio task whose annotations differ. */
#define MM_DISPUTED "two annotations disagree about %.*s: mark one as ground truth, or cancel the other"

/* Into the arena: nothing for an empty cell (or p NULL), a string without the blanks around it; a list of strings, or
 * Label Studio's {"choices": …}, is a string when it holds one, else a map of each to 1. False: memory is out. */
bool mm_label_of_cell(msgpack_object *label, mm_arena *a, mm_str cell);

#endif
