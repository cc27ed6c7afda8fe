/* label_conflict.h: two labels under one key contradict each other when they give one field two values: then one name
 * was given to two things. */
#ifndef MM_FUSE_LABEL_CONFLICT_H
#define MM_FUSE_LABEL_CONFLICT_H

#include "stream/record.h"

/* A label, and the source that brought it. */
typedef struct {
    mm_str src;
    msgpack_object label; /* plain, or a map of fields */
} mm_sourced_label;

/* MM_SKIP when they contradict each other: e names the key, both values and both sources. */
mm_status mm_label_conflict_check(mm_str key, const mm_sourced_label *a, const mm_sourced_label *b, mm_arena *arena,
                                  mm_err *e);

/* The same for one field's values that are known to differ. */
mm_status mm_label_conflict_fail(mm_str key, mm_str field, const mm_str value[2], const mm_str src[2], mm_err *e);

#endif
