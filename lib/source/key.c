#include "source/key.h"

#include "base/suggest.h"
#include "source/clean_path.h"

static const char *const RULES[] = {
    [MM_KEY_PATH] = "path", [MM_KEY_ARCHIVE] = "archive", [MM_KEY_FILE] = "file", [MM_KEY_BASE] = "base"};
enum { N_RULES = sizeof RULES / sizeof *RULES };

mm_key_rule mm_key_rule_of(const char *name)
{
    for (size_t i = 0; i < N_RULES; i++)
        if (strcmp(name, RULES[i]) == 0)
            return (mm_key_rule)i;
    return MM_KEY_REGEX;
}

bool mm_key_merges(mm_key_rule rule)
{
    return rule == MM_KEY_BASE || rule == MM_KEY_REGEX;
}

/* A plain word would give every file that it matches the same key: a rule was meant. */
static mm_status refuse_word(const char *word, mm_err *e)
{
    char more[160];
    mm_str rules[N_RULES];
    for (int i = 0; i < N_RULES; i++)
        rules[i] = mm_str_of(RULES[i]);
    return mm_fail(e, MM_FATAL, "'%s' is neither a rule nor a regular expression that tells files apart%s", word,
                   mm_suggest_text(more, sizeof more, mm_str_of(word), rules, N_RULES));
}

mm_status mm_keyer_open(mm_keyer *k, mm_key_rule rule, const char *regex, mm_err *e)
{
    k->rule = MM_KEY_PATH; /* until there is an expression to free */
    if (rule != MM_KEY_REGEX) {
        k->rule = rule;
        return MM_OK;
    }
    if (!regex[strcspn(regex, ".[]()*+?{}|^$\\")])
        return refuse_word(regex, e);
    int code = regcomp(&k->re, regex, REG_EXTENDED);
    if (code == 0) {
        k->rule = rule;
        return MM_OK;
    }
    char why[128];
    regerror(code, &k->re, why, sizeof why);
    return mm_fail(e, MM_FATAL, "'%s' is not a regular expression: %s", regex, why);
}

void mm_keyer_close(mm_keyer *k)
{
    if (k->rule == MM_KEY_REGEX)
        regfree(&k->re);
    k->rule = MM_KEY_PATH;
}

static mm_str match(const mm_keyer *k, mm_arena *a, mm_str path)
{
    mm_str stem = mm_path_stem(path);
    const char *z = mm_arena_strdup(a, path);
    regmatch_t m[2];
    if (!z)
        return (mm_str){NULL, 0};
    if (regexec(&k->re, z, 2, m, 0) != 0)
        return stem;
    int g = m[1].rm_so >= 0 ? 1 : 0;
    return m[g].rm_eo > m[g].rm_so ? (mm_str){z + m[g].rm_so, (size_t)(m[g].rm_eo - m[g].rm_so)} : stem;
}

bool mm_keyer_fits(const mm_keyer *k, mm_arena *a, mm_str path)
{
    const char *z = k->rule == MM_KEY_REGEX ? mm_arena_strdup(a, path) : NULL;
    return !z || regexec(&k->re, z, 0, NULL, 0) == 0;
}

mm_str mm_keyer_key(const mm_keyer *k, mm_arena *a, mm_str path)
{
    switch (k->rule) {
    case MM_KEY_FILE: return path;
    case MM_KEY_BASE: return mm_path_base(mm_path_stem(path));
    case MM_KEY_REGEX: return match(k, a, path);
    default: return mm_path_stem(path);
    }
}
