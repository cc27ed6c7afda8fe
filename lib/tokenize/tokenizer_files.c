/* tokenizer_files.c: tokenizers without a tokenizer.json: BERT's vocab.txt, CLIP's and RoBERTa's vocab.json with
 * merges.txt; settings from tokenizer_config.json where there is one. */
#include "tokenize/json_cursor.h"
#include "tokenize/tokenizer_parts.h"

#include <string.h>

/* Calls each(ctx, i, line) for the lines of a text, without their ends. */
static mm_status each_line(mm_str text, mm_status (*each)(void *ctx, int64_t i, mm_str line, mm_err *e), void *ctx,
                           mm_err *e)
{
    mm_status s = MM_OK;
    const char *p = text.p, *end = p + text.n;
    for (int64_t i = 0; p < end && s == MM_OK; i++) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        mm_str line = {p, (size_t)((stop ? stop : end) - p)};
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        s = i < INT32_MAX ? each(ctx, i, line, e) : mm_fail(e, MM_FATAL, "more than 2^31 tokens");
        p = stop ? stop + 1 : end;
    }
    return s;
}

static mm_str map_text(mm_map m)
{
    return (mm_str){m.p ? (const char *)m.p : "", m.n};
}

/* A special token: the string or {"content": …} of tokenizer_config.json, else `usual`. */
typedef struct {
    const char *key, *usual;
    int32_t *id; /* −1: the vocabulary does not have it */
} special;

/* Those that the vocabulary has become added tokens. */
static mm_status add_specials(mm_tokenizer *t, const special *list, int n, mm_err *e)
{
    mm_status s = MM_OK;
    for (const special *x = list; s == MM_OK && x < list + n; x++) {
        const json_t *v = json_object_get(t->config, x->key);
        mm_str text = mm_str_of(
            mm_config_str(json_is_object(v) ? v : t->config, json_is_object(v) ? "content" : x->key, x->usual));
        *x->id = mm_vocab_get(&t->vocab, text);
        if (*x->id >= 0)
            s = mm_tokenizer_add(t, text, mm_added_token_of(v, *x->id), e);
    }
    return s;
}

/* Tokens that tokenizer_config.json adds: {"30522": {"content": "[NEW]", …}}. */
static mm_status add_listed(mm_tokenizer *t, mm_err *e)
{
    const char *key;
    json_t *j;
    json_object_foreach(json_object_get(t->config, "added_tokens_decoder"), key, j)
    {
        char *end;
        long long id = strtoll(key, &end, 10);
        const char *text = mm_config_str(j, "content", NULL);
        if (!text || *end || end == key || id < 0 || id > INT32_MAX)
            return mm_fail(e, MM_FATAL, "tokenizer_config.json: added token \"%.40s\" has no content or no valid id",
                           key);
        mm_status s = mm_tokenizer_add(t, mm_str_of(text), mm_added_token_of(j, id), e);
        if (s != MM_OK)
            return s;
    }
    return MM_OK;
}

static mm_status wrap(mm_tokenizer *t, int32_t first, int32_t last, const char *path, mm_err *e)
{
    if (first < 0 || last < 0)
        return mm_fail(e, MM_FATAL, "%s: it has no tokens for the beginning and end of a text", path);
    t->before[t->befores++] = first;
    t->after[t->afters++] = last;
    return MM_OK;
}

/* ---- BERT ---- */

static mm_status put_line(void *ctx, int64_t i, mm_str line, mm_err *e)
{
    mm_tokenizer *t = ctx;
    return mm_vocab_put(&t->vocab, line, (int32_t)i) ? MM_OK : mm_fail_memory(e);
}

mm_status mm_tokenizer_from_vocab_txt(mm_tokenizer *t, const char *path, mm_err *e)
{
    int32_t cls, sep, other;
    const special list[] = {{"unk_token", "[UNK]", &t->wordpiece.unknown},
                            {"cls_token", "[CLS]", &cls},
                            {"sep_token", "[SEP]", &sep},
                            {"pad_token", "[PAD]", &other},
                            {"mask_token", "[MASK]", &other}};
    mm_status s = mm_map_open(&t->file[0], path, e);
    if (s != MM_OK)
        return s;
    if (!mm_vocab_init(&t->vocab, &t->arena, t->file[0].n / 8))
        return mm_fail_memory(e);
    s = each_line(map_text(t->file[0]), put_line, t, e);
    if (s == MM_OK)
        s = add_listed(t, e);
    if (s == MM_OK)
        s = add_specials(t, list, 5, e);
    if (s == MM_OK)
        s = wrap(t, cls, sep, path, e);
    if (s == MM_OK && t->wordpiece.unknown < 0)
        s = mm_fail(e, MM_FATAL, "%s: it has no token for unknown words", path);
    mm_bert_config_steps(t);
    t->split[t->splits++] = MM_SPLIT_BERT;
    t->wordpiece.prefix = MM_STR("##");
    t->wordpiece.max_chars = 100;
    return s;
}

/* ---- CLIP, RoBERTa ---- */

static mm_status put_merge_line(void *ctx, int64_t i, mm_str line, mm_err *e)
{
    mm_tokenizer *t = ctx;
    const char *space = memchr(line.p, ' ', line.n);
    if (line.n == 0 || (line.n >= 8 && !memcmp(line.p, "#version", 8)))
        return MM_OK;
    if (!space)
        return mm_fail(e, MM_FATAL, "merges.txt:%lld: not two tokens", (long long)i + 1);
    mm_str left = {line.p, (size_t)(space - line.p)}, right = {space + 1, line.n - left.n - 1};
    return mm_bpe_merge_put(&t->bpe, &t->vocab, left, right, (int32_t)i, &t->arena, e);
}

static mm_status read_bpe_tables(mm_tokenizer *t, bool clip, mm_err *e)
{
    if (!mm_vocab_init(&t->vocab, &t->arena, t->file[0].n / 16) ||
        !mm_bpe_merges_init(&t->bpe, t->file[1].n / 10, &t->arena))
        return mm_fail_memory(e);
    mm_status s = mm_json_cursor_integers(map_text(t->file[0]), &t->arena, mm_tokenizer_put_token, t, e);
    if (s != MM_OK)
        return s;
    t->is_bpe = true;
    mm_bpe_bytes(&t->bpe, &t->vocab, clip ? MM_STR("</w>") : MM_STR(""));
    return each_line(map_text(t->file[1]), put_merge_line, t, e);
}

static mm_status clip_settings(mm_tokenizer *t, const char *path, mm_err *e)
{
    static const mm_normalize_step NORM[] = {MM_NORMALIZE_NFC, MM_NORMALIZE_COLLAPSE, MM_NORMALIZE_LOWER};
    memcpy(t->norm, NORM, sizeof NORM);
    t->norms = 3;
    t->split[t->splits++] = MM_SPLIT_CLIP_MARK;
    t->split[t->splits++] = MM_SPLIT_GPT2;
    int32_t first, last;
    const special list[] = {{"unk_token", "<|endoftext|>", &t->bpe.unknown},
                            {"bos_token", "<|startoftext|>", &first},
                            {"eos_token", "<|endoftext|>", &last}};
    mm_status s = add_specials(t, list, 3, e);
    return s == MM_OK ? wrap(t, first, last, path, e) : s;
}

static mm_status roberta_settings(mm_tokenizer *t, const char *path, mm_err *e)
{
    t->split[t->splits++] = MM_SPLIT_GPT2;
    int32_t first, last, other;
    const special list[] = {{"unk_token", "<unk>", &t->bpe.unknown},
                            {"cls_token", "<s>", &first},
                            {"sep_token", "</s>", &last},
                            {"pad_token", "<pad>", &other},
                            {"mask_token", "<mask>", &other}};
    mm_status s = add_specials(t, list, 5, e);
    return s == MM_OK ? wrap(t, first, last, path, e) : s;
}

mm_status mm_tokenizer_from_bpe_files(mm_tokenizer *t, const char *vocab, const char *merges, mm_err *e)
{
    mm_status s = mm_map_open(&t->file[0], vocab, e);
    if (s == MM_OK)
        s = mm_map_open(&t->file[1], merges, e);
    /* only CLIP's merges mark ends of words */
    bool clip = s == MM_OK && t->file[1].n && memmem(t->file[1].p, t->file[1].n, "</w>", 4);
    if (s == MM_OK)
        s = read_bpe_tables(t, clip, e);
    if (s == MM_OK)
        s = add_listed(t, e);
    if (s == MM_OK)
        s = (clip ? clip_settings : roberta_settings)(t, vocab, e);
    return s;
}
