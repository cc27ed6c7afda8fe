/* key_group.h: the part of a key that names its group, such as the speaker or patient of several samples. */
#ifndef MM_BASE_KEY_GROUP_H
#define MM_BASE_KEY_GROUP_H

#include "base/status.h"
#include "base/str.h"

#include <regex.h>
#include <stdbool.h>

typedef struct {
    bool any; /* there is an expression; else every key is its own group */
    regex_t re;
} mm_grouper;

/* A POSIX extended regular expression; NULL: none. MM_FATAL: invalid. */
mm_status mm_grouper_open(mm_grouper *g, const char *expression, mm_err *e);
void mm_grouper_close(mm_grouper *g);
/* What the first sub-expression matches in the key, or the whole match if there is none; p NULL: no match. */
mm_str mm_group_in(const mm_grouper *g, const char *key);
/* The same; without a match, the whole key. */
mm_str mm_group_of(const mm_grouper *g, const char *key);

#endif
