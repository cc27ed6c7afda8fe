/* key.h: from a file's path to its sample's key. */
#ifndef MM_SOURCE_KEY_H
#define MM_SOURCE_KEY_H

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

#include <regex.h>

typedef enum {
    MM_KEY_PATH,    /* the path without its extension */
    MM_KEY_ARCHIVE, /* the same; members of any archive have the archive's own key before theirs */
    MM_KEY_FILE,    /* the path with its extension */
    MM_KEY_BASE,    /* the last part of the path, without extension */
    MM_KEY_REGEX    /* what a regular expression finds in the path */
} mm_key_rule;

typedef struct {
    mm_key_rule rule;
    regex_t re; /* with MM_KEY_REGEX */
} mm_keyer;

/* path, archive, file or base; anything else is a regular expression. */
mm_key_rule mm_key_rule_of(const char *name);
/* Whether keys are cut out of paths, so that files from anywhere may share one, on purpose. */
bool mm_key_merges(mm_key_rule rule);
/* regex: POSIX extended, with MM_KEY_REGEX. MM_FATAL when it does not compile, or looks like a mistyped rule. */
mm_status mm_keyer_open(mm_keyer *k, mm_key_rule rule, const char *regex, mm_err *e);
void mm_keyer_close(mm_keyer *k);
/* False: the rule is a regular expression that does not match the path. */
bool mm_keyer_fits(const mm_keyer *k, mm_arena *a, mm_str path);
/* The key of a cleaned path. A path that the expression does not match keeps its own: the path without extension.
 * In the arena or part of the path; p NULL when memory is out. */
mm_str mm_keyer_key(const mm_keyer *k, mm_arena *a, mm_str path);

#endif
