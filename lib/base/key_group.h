/* key_group.h: the part of a key that names a group: the speaker or the patient that several samples are of. */
#ifndef MM_BASE_KEY_GROUP_H
#define MM_BASE_KEY_GROUP_H

#include "base/status.h"
#include "base/str.h"

#include <regex.h>
#include <stdbool.h>

typedef struct {
    bool any; /* there is an expression; without one every key is a group of its own */
    regex_t re;
} mm_grouper;

/* A POSIX extended expression; NULL: none. MM_FATAL: it is not one. */
mm_status mm_grouper_open(mm_grouper *g, const char *expression, mm_err *e);
void mm_grouper_close(mm_grouper *g);
/* What the first sub-expression finds in the key, or the whole expression where it has none that takes part; p NULL
 * where the expression does not fit. */
mm_str mm_group_in(const mm_grouper *g, const char *key);
/* The same, and the whole key where the expression does not fit. */
mm_str mm_group_of(const mm_grouper *g, const char *key);

#endif
