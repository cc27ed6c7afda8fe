#include "base/key_group.h"

mm_status mm_grouper_open(mm_grouper *g, const char *expression, mm_err *e)
{
    *g = (mm_grouper){0};
    if (expression && regcomp(&g->re, expression, REG_EXTENDED) != 0)
        return mm_fail(e, MM_FATAL, "not a regular expression: %s", expression);
    g->any = expression != NULL;
    return MM_OK;
}

void mm_grouper_close(mm_grouper *g)
{
    if (g->any)
        regfree(&g->re);
    g->any = false;
}

mm_str mm_group_in(const mm_grouper *g, const char *key)
{
    regmatch_t match[2];
    if (!g->any)
        return mm_str_of(key);
    if (regexec(&g->re, key, 2, match, 0) != 0)
        return (mm_str){0};
    regmatch_t m = match[1].rm_so >= 0 ? match[1] : match[0];
    return (mm_str){key + m.rm_so, (size_t)(m.rm_eo - m.rm_so)};
}

mm_str mm_group_of(const mm_grouper *g, const char *key)
{
    mm_str group = mm_group_in(g, key);
    return group.p ? group : mm_str_of(key);
}
