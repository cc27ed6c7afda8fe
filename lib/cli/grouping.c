#include "cli/grouping.h"

#include "base/key_group.h"

void mm_grouping_check(mm_run *r, const char *expression, const char *const *key, int64_t n, const char *nothing)
{
    mm_err e;
    mm_grouper g;
    mm_str first = {0};
    const char *unfit = NULL;
    int64_t fit = 0;
    bool one = true;
    if (mm_grouper_open(&g, expression, &e) != MM_OK)
        mm_usage_of(r, "group", &e);
    for (int64_t i = 0; i < n; i++) {
        mm_str group = mm_group_in(&g, key[i]);
        if (!group.p && !unfit)
            unfit = key[i];
        fit += group.p != NULL;
        group = group.p ? group : mm_str_of(key[i]);
        first = i ? first : group;
        one &= mm_str_eq(group, first);
    }
    mm_grouper_close(&g);
    if (!expression || !n)
        return;
    if (!fit)
        mm_die(r, "--group '%s' fits no key (such as %s)", expression, key[0]);
    if (one && n > 1 && nothing)
        mm_die(r,
               "--group '%s': all %lld samples are one group, \"%.*s\": nothing is left %s; keys are such as %s, and "
               "parentheses choose a part of what the expression fits",
               expression, (long long)n, MM_STRF(first), nothing, key[0]);
    if (fit < n)
        mm_warn(r, "--group '%s' fits %lld of %lld keys; each of the others, such as %s, is a group of its own",
                expression, (long long)fit, (long long)n, unfit);
}
