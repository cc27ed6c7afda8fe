#include "hub/hub.h"

#include <fnmatch.h>
#include <string.h>

enum { MAX_FILES = 4096 }; /* large models have a few hundred */

static bool plain(const char *s, size_t n)
{
    static const char ok[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    return n > 0 && s[0] != '.' && strspn(s, ok) >= n;
}

/* At most max segments between slashes, each of them plain. */
static bool plain_path(const char *s, size_t n, int max)
{
    for (const char *end = s + n; max > 0; max--) {
        const char *slash = memchr(s, '/', (size_t)(end - s));
        if (!plain(s, (size_t)((slash ? slash : end) - s)))
            return false;
        if (!slash)
            return true;
        s = slash + 1;
    }
    return false;
}

mm_status mm_hub_split(const char *repo, mm_arena *a, const char **id, const char **rev, mm_err *e)
{
    size_t n = strcspn(repo, "@");
    const char *at = repo[n] ? repo + n + 1 : "main";
    if (!plain_path(repo, n, 2) || !plain_path(at, strlen(at), 8))
        return mm_fail(e, MM_FATAL, "%.100s: expected OWNER/NAME or OWNER/NAME@REVISION", repo);
    *id = mm_arena_strdup(a, (mm_str){repo, n});
    *rev = mm_arena_strdup(a, mm_str_of(at));
    return *id && *rev ? MM_OK : mm_fail_memory(e);
}

/* Files of a model directory that are read here, and its card and licence. */
static bool wanted(const char *name)
{
    static const char *const patterns[] = {
        "config.json",
        "preprocessor_config.json",
        "processor_config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.txt",
        "vocab.json",
        "merges.txt",
        "modules.json",
        "[0-9]_*/config.json",
        "sentence_bert_config.json",
        "config_sentence_transformers.json",
        "README.md",
        "LICEN[SC]E*",
        "NOTICE*",
        "model.safetensors",
        "model.safetensors.index.json",
        "model-[0-9]*-of-[0-9]*.safetensors",
    };
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (fnmatch(patterns[i], name, FNM_PATHNAME) == 0)
            return true;
    return false;
}

/* A path that is safe to write below a directory: not too deep, nothing hidden, plain characters. */
static bool safe(const char *name)
{
    size_t n = strlen(name);
    return n <= 200 && plain_path(name, n, 8);
}

static bool has(const json_t *siblings, const char *name)
{
    size_t i;
    json_t *f;
    json_array_foreach((json_t *)(uintptr_t)siblings, i, f)
    {
        const char *s = json_string_value(json_object_get(f, "rfilename"));
        if (s && strcmp(s, name) == 0)
            return true;
    }
    return false;
}

static mm_status no_safetensors(const json_t *siblings, const char *id, mm_err *e)
{
    if (has(siblings, "pytorch_model.bin"))
        return mm_fail(
            e, MM_FATAL,
            "%.60s has only pytorch_model.bin, which is not read (a pickle may run code); look for a revision with "
            "safetensors (often @refs/pr/N), or convert it with transformers' save_pretrained",
            id);
    if (has(siblings, "onnx/model.onnx") || has(siblings, "model.onnx"))
        return mm_fail_hint(e, MM_FATAL, MM_HINT_IMPORT, "%.100s has no model.safetensors; download its ONNX file", id);
    return mm_fail(e, MM_FATAL, "%.100s has no model.safetensors: not a model that can be read", id);
}

static bool is_hex(const char *s)
{
    return s && strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

static mm_status add(mm_hub_repo *r, const json_t *f, const char *name, mm_arena *a, mm_err *e)
{
    const json_t *lfs = json_object_get(f, "lfs"), *size = json_object_get(lfs ? lfs : f, "size");
    const char *sha = json_string_value(json_object_get(lfs, "sha256"));
    if (!sha) /* some mirrors call it by its LFS name */
        sha = json_string_value(json_object_get(lfs, "oid"));
    mm_hub_file *to = &r->file[r->files++];
    to->name = mm_arena_strdup(a, mm_str_of(name));
    to->size = json_is_integer(size) && json_integer_value(size) >= 0 ? json_integer_value(size) : -1;
    to->sha256 = is_hex(sha) ? mm_arena_strdup(a, mm_str_of(sha)) : NULL;
    return to->name && (to->sha256 || !is_hex(sha)) ? MM_OK : mm_fail_memory(e);
}

mm_status mm_hub_read(mm_hub_repo *out, const json_t *answer, const char *id, bool all, mm_arena *a, mm_err *e)
{
    *out = (mm_hub_repo){0};
    const json_t *siblings = json_object_get(answer, "siblings");
    const char *commit = json_string_value(json_object_get(answer, "sha"));
    if (!json_is_array(siblings) || !commit || !plain(commit, strlen(commit)))
        return mm_fail(e, MM_FATAL, "%.100s: the hub's answer does not describe a repository", id);
    bool whole = has(siblings, "model.safetensors");
    if (!all && !whole && !has(siblings, "model.safetensors.index.json"))
        return no_safetensors(siblings, id, e);
    out->commit = mm_arena_strdup(a, mm_str_of(commit));
    out->file = mm_arena_zalloc(a, json_array_size(siblings) + 1, sizeof *out->file);
    if (!out->commit || !out->file)
        return mm_fail_memory(e);
    mm_status s = MM_OK;
    size_t i;
    json_t *f;
    json_array_foreach((json_t *)(uintptr_t)siblings, i, f)
    {
        const char *name = json_string_value(json_object_get(f, "rfilename"));
        bool part = name && (fnmatch("model-*.safetensors", name, 0) == 0 || strstr(name, ".index.json"));
        if (s != MM_OK || !name || (!all && (!wanted(name) || (whole && part))) || strcmp(name, ".gitattributes") == 0)
            continue;
        if (out->files == MAX_FILES)
            return mm_fail(e, MM_FATAL, "%.100s lists more than %d files: no model has so many", id, MAX_FILES);
        s = safe(name) ? add(out, f, name, a, e)
                       : mm_fail(e, MM_FATAL, "%.60s: a file called %.80s is not safe to write", id, name);
    }
    return s;
}
