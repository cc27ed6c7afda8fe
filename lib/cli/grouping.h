/* grouping.h: checks that the expression of --group divides the keys into groups. */
#ifndef MM_CLI_GROUPING_H
#define MM_CLI_GROUPING_H

#include "cli/tool.h"

/* Ends the program when the expression (NULL: fine) fits none of the n keys, or makes one group of them all and
 * `nothing` says what that leaves nothing for ("to validate with"; NULL: one group will do). Warns of keys that it does
 * not fit. */
void mm_grouping_check(mm_run *r, const char *expression, const char *const *key, int64_t n, const char *nothing);

#endif
