/* label_conflict.h: two labels of one key conflict when they give a field different values, usually because one key
 * names two things. */
#ifndef MM_FUSE_LABEL_CONFLICT_H
#define MM_FUSE_LABEL_CONFLICT_H

#include "stream/record.h"

/* A label and the source of its record. */
typedef struct {
    mm_str src;
    msgpack_object label; /* plain, or a map of fields */
} mm_sourced_label;

/* MM_SKIP: they conflict; the text names the key, both values and both sources. */
mm_status mm_label_conflict_check(mm_str key, const mm_sourced_label *a, const mm_sourced_label *b, mm_arena *arena,
                                  mm_err *e);

/* The same for two values of one field that are known to differ. */
mm_status mm_label_conflict_fail(mm_str key, mm_str field, const mm_str value[2], const mm_str src[2], mm_err *e);

#endif
