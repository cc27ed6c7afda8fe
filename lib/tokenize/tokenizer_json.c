/* tokenizer_json.c: a tokenizer.json as Hugging Face's tokenizers library writes it. A feature that is not supported is
 * refused by name, never ignored. */
#include "base/json.h"
#include "tokenize/json_cursor.h"
#include "tokenize/tokenizer_parts.h"

#include <string.h>

static const char *type_of(const json_t *j)
{
    return mm_config_str(j, "type", "");
}

static mm_status unsupported(mm_err *e, const char *what, const char *which)
{
    return mm_fail(e, MM_FATAL, "tokenizer.json: the %s '%s' is not supported", what, which);
}

/* ---- normalizer ---- */

static mm_status add_norm(mm_tokenizer *t, mm_normalize_step step, mm_err *e)
{
    if (t->norms == MM_MAX_STEPS)
        return mm_fail(e, MM_FATAL, "tokenizer.json: more than %d normalizer steps", (int)MM_MAX_STEPS);
    t->norm[t->norms++] = step;
    return MM_OK;
}

static mm_status read_norm_step(mm_tokenizer *t, const json_t *j, mm_err *e)
{
    const char *type = type_of(j);
    if (!strcmp(type, "NFC"))
        return add_norm(t, MM_NORMALIZE_NFC, e);
    if (!strcmp(type, "NFD"))
        return add_norm(t, MM_NORMALIZE_NFD, e);
    if (!strcmp(type, "Lowercase"))
        return add_norm(t, MM_NORMALIZE_LOWER, e);
    if (!strcmp(type, "Replace") && !strcmp(mm_config_str(j, "pattern.Regex", ""), "\\s+") &&
        !strcmp(mm_config_str(j, "content", ""), " "))
        return add_norm(t, MM_NORMALIZE_COLLAPSE, e);
    if (strcmp(type, "BertNormalizer") != 0)
        return unsupported(e, "normalizer", type);
    if (t->norms > MM_MAX_STEPS - 5)
        return mm_fail(e, MM_FATAL, "tokenizer.json: more than %d normalizer steps", (int)MM_MAX_STEPS);
    if (t->bert_class) {
        mm_bert_config_steps(t);
        return MM_OK;
    }
    bool lower = mm_config_bool(j, "lowercase", true);
    mm_bert_steps(t, mm_config_bool(j, "clean_text", true), mm_config_bool(j, "handle_chinese_chars", true),
                  mm_config_bool(j, "strip_accents", lower), lower);
    return MM_OK;
}

static mm_status read_normalizer(mm_tokenizer *t, const json_t *j, mm_err *e)
{
    if (!j || json_is_null(j))
        return MM_OK;
    if (strcmp(type_of(j), "Sequence") != 0)
        return read_norm_step(t, j, e);
    mm_status s = MM_OK;
    size_t i;
    const json_t *step;
    json_array_foreach(json_object_get(j, "normalizers"), i, step)
    {
        if (s == MM_OK)
            s = read_norm_step(t, step, e);
    }
    return s;
}

/* ---- pre-tokenizer ---- */

static mm_status read_split(const json_t *j, mm_split_step *out, mm_err *e)
{
    static const struct {
        const char *pattern;
        mm_split_step step;
    } KNOWN[] = {
        {"'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+", MM_SPLIT_CLIP},
        {"<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+",
         MM_SPLIT_CLIP_MARK},
    };
    const char *pattern = mm_config_str(j, "pattern.Regex", "");
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (!strcmp(pattern, KNOWN[i].pattern) && !strcmp(mm_config_str(j, "behavior", ""), "Removed") &&
            mm_config_bool(j, "invert", false)) {
            *out = KNOWN[i].step;
            return MM_OK;
        }
    return unsupported(e, "pre-tokenizer pattern", pattern);
}

static mm_status read_split_step(mm_tokenizer *t, const json_t *j, bool *byte_level, mm_err *e)
{
    const char *type = type_of(j);
    if (t->splits == MM_MAX_STEPS)
        return mm_fail(e, MM_FATAL, "tokenizer.json: more than %d pre-tokenizer steps", (int)MM_MAX_STEPS);
    if (!strcmp(type, "BertPreTokenizer")) {
        t->split[t->splits++] = MM_SPLIT_BERT;
        return MM_OK;
    }
    if (!strcmp(type, "Split"))
        return read_split(j, &t->split[t->splits++], e);
    if (strcmp(type, "ByteLevel") != 0)
        return unsupported(e, "pre-tokenizer", type);
    if (mm_config_bool(j, "add_prefix_space", true))
        return unsupported(e, "pre-tokenizer option", "add_prefix_space");
    *byte_level = true;
    if (mm_config_bool(j, "use_regex", true))
        t->split[t->splits++] = MM_SPLIT_GPT2;
    return MM_OK;
}

static mm_status read_pre_tokenizer(mm_tokenizer *t, const json_t *j, mm_err *e)
{
    bool byte_level = false;
    mm_status s = MM_OK;
    if (!strcmp(type_of(j), "Sequence")) {
        size_t i;
        const json_t *step;
        json_array_foreach(json_object_get(j, "pretokenizers"), i, step)
        {
            if (s == MM_OK)
                s = read_split_step(t, step, &byte_level, e);
        }
    } else if (j && !json_is_null(j)) {
        s = read_split_step(t, j, &byte_level, e);
    }
    if (s == MM_OK && byte_level != t->is_bpe)
        return unsupported(e, "combination of pre-tokenizer and model",
                           t->is_bpe ? "BPE over characters" : "WordPiece");
    return s;
}

/* ---- post-processor ---- */

static mm_status add_around(int32_t *ids, int *n, const json_t *id, mm_err *e)
{
    json_int_t v = json_integer_value(id);
    if (*n == MM_MAX_AROUND || !json_is_integer(id) || v < 0 || v > INT32_MAX)
        return mm_fail(e, MM_FATAL, "tokenizer.json: the special tokens of its post-processor have no valid ids");
    ids[(*n)++] = (int32_t)v;
    return MM_OK;
}

static mm_status read_template(mm_tokenizer *t, const json_t *j, mm_err *e)
{
    size_t i, k;
    const json_t *part, *id;
    bool text_seen = false;
    json_array_foreach(json_object_get(j, "single"), i, part)
    {
        const json_t *name = mm_json_at(part, "SpecialToken.id");
        text_seen |= mm_json_at(part, "Sequence") != NULL;
        if (!name)
            continue;
        const json_t *token = json_object_get(json_object_get(j, "special_tokens"), json_string_value(name));
        json_array_foreach(json_object_get(token, "ids"), k, id)
        {
            mm_status s =
                text_seen ? add_around(t->after, &t->afters, id, e) : add_around(t->before, &t->befores, id, e);
            if (s != MM_OK)
                return s;
        }
    }
    return MM_OK;
}

static mm_status read_post_step(mm_tokenizer *t, const json_t *j, mm_err *e)
{
    const char *type = type_of(j);
    if (!strcmp(type, "TemplateProcessing"))
        return read_template(t, j, e);
    if (!strcmp(type, "ByteLevel")) /* offsets only */
        return MM_OK;
    if (strcmp(type, "BertProcessing") != 0 && strcmp(type, "RobertaProcessing") != 0)
        return unsupported(e, "post-processor", type);
    mm_status s = add_around(t->before, &t->befores, json_array_get(json_object_get(j, "cls"), 1), e);
    return s == MM_OK ? add_around(t->after, &t->afters, json_array_get(json_object_get(j, "sep"), 1), e) : s;
}

static mm_status read_post_processor(mm_tokenizer *t, const json_t *j, mm_err *e)
{
    if (!j || json_is_null(j))
        return MM_OK;
    if (strcmp(type_of(j), "Sequence") != 0)
        return read_post_step(t, j, e);
    size_t i;
    const json_t *step;
    mm_status s = MM_OK;
    json_array_foreach(json_object_get(j, "processors"), i, step)
    {
        if (s == MM_OK)
            s = read_post_step(t, step, e);
    }
    return s;
}

/* ---- added tokens ---- */

static mm_status read_added(mm_tokenizer *t, const json_t *list, mm_err *e)
{
    size_t i;
    const json_t *j;
    json_array_foreach(list, i, j)
    {
        const json_t *text = json_object_get(j, "content");
        int64_t id = mm_config_int(j, "id", -1);
        if (!json_is_string(text) || id < 0 || id > INT32_MAX)
            return mm_fail(e, MM_FATAL, "tokenizer.json: added token %zu has no content or id", i);
        mm_str s = {json_string_value(text), json_string_length(text)};
        mm_status status = mm_tokenizer_add(t, s, mm_added_token_of(j, id), e);
        if (status != MM_OK)
            return status;
    }
    return MM_OK;
}

/* ---- model ---- */

static mm_status put_merge(void *ctx, int64_t i, mm_str left, mm_str right, mm_err *e)
{
    mm_tokenizer *t = ctx;
    return mm_bpe_merge_put(&t->bpe, &t->vocab, left, right, (int32_t)i, &t->arena, e);
}

static int32_t unknown_id(const mm_tokenizer *t, const json_t *model)
{
    const char *unknown = mm_config_str(model, "unk_token", NULL);
    return unknown ? mm_vocab_get(&t->vocab, mm_str_of(unknown)) : -1;
}

static mm_status read_wordpiece(mm_tokenizer *t, const json_t *model, mm_err *e)
{
    const char *prefix = mm_arena_strdup(&t->arena, mm_str_of(mm_config_str(model, "continuing_subword_prefix", "##")));
    if (!prefix)
        return mm_fail_memory(e);
    t->wordpiece = (mm_wordpiece){.prefix = mm_str_of(prefix),
                                  .max_chars = mm_config_int(model, "max_input_chars_per_word", 100),
                                  .unknown = unknown_id(t, model)};
    if (t->wordpiece.unknown < 0)
        return mm_fail(e, MM_FATAL, "tokenizer.json: its vocabulary has no token for unknown words");
    return MM_OK;
}

static mm_status read_bpe(mm_tokenizer *t, const json_t *model, mm_str merges, mm_err *e)
{
    if (*mm_config_str(model, "continuing_subword_prefix", ""))
        return unsupported(e, "model option", "continuing_subword_prefix");
    static const char *const OPTIONS[] = {"byte_fallback", "ignore_merges", "fuse_unk"};
    for (int i = 0; i < 3; i++)
        if (mm_config_bool(model, OPTIONS[i], false))
            return unsupported(e, "model option", OPTIONS[i]);
    t->is_bpe = true;
    t->bpe.unknown = unknown_id(t, model);
    mm_bpe_bytes(&t->bpe, &t->vocab, mm_str_of(mm_config_str(model, "end_of_word_suffix", "")));
    if (!mm_bpe_merges_init(&t->bpe, merges.n / 12, &t->arena))
        return mm_fail_memory(e);
    return mm_json_cursor_pairs(merges, &t->arena, put_merge, t, e);
}

static mm_status read_model(mm_tokenizer *t, const json_t *model, mm_str vocab, mm_str merges, mm_err *e)
{
    const char *type = mm_config_str(model, "type", merges.p ? "BPE" : "WordPiece"); /* old files have no type */
    bool bpe = !strcmp(type, "BPE");
    if (!bpe && strcmp(type, "WordPiece") != 0)
        return mm_fail(e, MM_FATAL, "tokenizer.json: %.60s models are not supported (WordPiece and byte-level BPE are)",
                       type);
    if (!mm_vocab_init(&t->vocab, &t->arena, vocab.n / 12))
        return mm_fail_memory(e);
    mm_status s = mm_json_cursor_integers(vocab, &t->arena, mm_tokenizer_put_token, t, e);
    if (s != MM_OK)
        return s;
    return bpe ? read_bpe(t, model, merges, e) : read_wordpiece(t, model, e);
}

/* ---- the file ---- */

/* The settings of the file: all of it but the two tables, which become null. */
static mm_status read_settings(json_t **out, mm_str text, mm_str vocab, mm_str merges, const char *path, mm_err *e)
{
    mm_str cuts[2] = {vocab, merges};
    if (merges.p && vocab.p && merges.p < vocab.p) {
        cuts[0] = merges;
        cuts[1] = vocab;
    }
    mm_buf rest = {0};
    const char *at = text.p;
    mm_status s = MM_OK;
    for (int i = 0; i < 2 && s == MM_OK; i++) {
        if (!cuts[i].p)
            continue;
        s = mm_buf_append(&rest, at, (size_t)(cuts[i].p - at), e);
        if (s == MM_OK)
            s = mm_buf_append(&rest, "null", 4, e);
        at = cuts[i].p + cuts[i].n;
    }
    if (s == MM_OK)
        s = mm_buf_append(&rest, at, (size_t)(text.p + text.n - at), e);
    if (s == MM_OK)
        s = mm_json_parse(out, (const char *)rest.p, rest.n, path, e);
    mm_buf_free(&rest);
    return s;
}

static mm_status read_all(mm_tokenizer *t, const json_t *j, mm_str vocab, mm_str merges, mm_err *e)
{
    mm_status s = read_model(t, json_object_get(j, "model"), vocab, merges, e);
    if (s == MM_OK)
        s = read_normalizer(t, json_object_get(j, "normalizer"), e);
    if (s == MM_OK)
        s = read_pre_tokenizer(t, json_object_get(j, "pre_tokenizer"), e);
    if (s == MM_OK)
        s = read_post_processor(t, json_object_get(j, "post_processor"), e);
    if (s == MM_OK)
        s = read_added(t, json_object_get(j, "added_tokens"), e);
    return s;
}

mm_status mm_tokenizer_parse_json(mm_tokenizer *t, mm_str text, const char *path, mm_err *e)
{
    mm_json_cursor model = {text.p, text.p + text.n};
    bool found = mm_json_cursor_enter(&model, "model");
    mm_str vocab = found ? mm_json_cursor_member(model, "vocab") : (mm_str){0};
    mm_str merges = found ? mm_json_cursor_member(model, "merges") : (mm_str){0};
    json_t *j = NULL;
    mm_status s = read_settings(&j, text, vocab, merges, path, e);
    if (s == MM_OK && !vocab.p)
        s = mm_fail(e, MM_FATAL, "%s: it has no model with a vocabulary", path);
    if (s == MM_OK)
        s = read_all(t, j, vocab, merges, e);
    json_decref(j);
    return s;
}

mm_status mm_tokenizer_from_json(mm_tokenizer *t, const char *path, mm_err *e)
{
    mm_status s = mm_map_open(&t->file[0], path, e);
    return s == MM_OK
               ? mm_tokenizer_parse_json(t, (mm_str){(const char *)t->file[0].p, t->file[0].n}, "tokenizer.json", e)
               : s;
}
