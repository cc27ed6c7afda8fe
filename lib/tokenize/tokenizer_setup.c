/* tokenizer_setup.c: steps and tokens that the readers of the files put into a tokenizer. */
#include "base/grow.h"
#include "tokenize/tokenizer_parts.h"

void mm_bert_steps(mm_tokenizer *t, bool clean, bool chinese, bool strip, bool lower)
{
    if (clean)
        t->norm[t->norms++] = MM_NORMALIZE_CLEAN;
    if (chinese)
        t->norm[t->norms++] = MM_NORMALIZE_CHINESE;
    if (strip) {
        t->norm[t->norms++] = MM_NORMALIZE_NFD;
        t->norm[t->norms++] = MM_NORMALIZE_STRIP_ACCENTS;
    }
    if (lower)
        t->norm[t->norms++] = MM_NORMALIZE_LOWER;
}

void mm_bert_config_steps(mm_tokenizer *t)
{
    bool lower = mm_config_bool(t->config, "do_lower_case", true);
    mm_bert_steps(t, true, mm_config_bool(t->config, "tokenize_chinese_chars", true),
                  mm_config_bool(t->config, "strip_accents", lower), lower);
}

static bool same_text(mm_runes a, mm_runes b)
{
    return a.n == b.n && memcmp(a.p, b.p, (size_t)a.n * sizeof *a.p) == 0;
}

/* Keeps the list longest first, so that the first match at a place is the longest one. */
mm_status mm_tokenizer_add(mm_tokenizer *t, mm_str text, mm_added_token flags, mm_err *e)
{
    char *copy = mm_arena_strdup(&t->arena, text);
    flags.content = (mm_str){copy, text.n};
    flags.text = mm_runes_decode(text, &t->arena);
    if (copy && flags.text.p && flags.normalized)
        flags.text = mm_normalize(flags.text, t->norm, t->norms, &t->arena);
    if (!copy || !flags.text.p)
        return mm_fail_memory(e);
    for (int i = 0; i < t->addeds; i++)
        if (same_text(t->added[i].text, flags.text) && t->added[i].normalized == flags.normalized)
            return MM_OK;
    if (flags.text.n == 0)
        return MM_OK;
    if (!mm_grow_in(&t->arena, &t->added, &t->added_cap, t->addeds))
        return mm_fail_memory(e);
    int at = t->addeds++;
    for (; at > 0 && t->added[at - 1].text.n < flags.text.n; at--)
        t->added[at] = t->added[at - 1];
    t->added[at] = flags;
    t->added_first[flags.normalized] |= 1ull << (flags.text.p[0] & 63);
    return MM_OK;
}

mm_added_token mm_added_token_of(const json_t *j, int64_t id)
{
    return (mm_added_token){.id = (int32_t)id,
                            .normalized = mm_config_bool(j, "normalized", false),
                            .single_word = mm_config_bool(j, "single_word", false),
                            .lstrip = mm_config_bool(j, "lstrip", false),
                            .rstrip = mm_config_bool(j, "rstrip", false)};
}

mm_status mm_tokenizer_put_token(void *ctx, mm_str token, int64_t id, mm_err *e)
{
    mm_tokenizer *t = ctx;
    if (id < 0 || id > INT32_MAX)
        return mm_fail(e, MM_FATAL, "token \"%.*s\" has the id %lld: it must be from 0 to 2^31 - 1", MM_STRF(token),
                       (long long)id);
    return mm_vocab_put(&t->vocab, token, (int32_t)id) ? MM_OK : mm_fail_memory(e);
}
