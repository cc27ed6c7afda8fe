#include "encode/sentence.h"

#include "base/suggest.h"

#include <stdio.h>
#include <string.h>

static void unsupported(mm_sentence *s, const char *what)
{
    if (!s->unsupported[0])
        snprintf(s->unsupported, sizeof s->unsupported, "%s", what);
}

static void add_pool(mm_sentence *s, const char *mode)
{
    mm_pooling pool = !strcmp(mode, "cls") ? MM_POOL_CLS : !strcmp(mode, "mean") ? MM_POOL_MEAN : MM_POOL_NONE;
    if (pool == MM_POOL_NONE || s->pools == MM_MAX_POOLS)
        unsupported(s, mode);
    else
        s->pool[s->pools++] = pool;
}

/* "pooling_mode": a name or a list of them; before sentence-transformers 5.4 one switch for each, in this order. */
static void read_pooling(mm_sentence *s, const json_t *c)
{
    static const char *const switches[][2] = {
        {"pooling_mode_cls_token", "cls"},
        {"pooling_mode_max_tokens", "max"},
        {"pooling_mode_mean_tokens", "mean"},
        {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens"},
        {"pooling_mode_weightedmean_tokens", "weightedmean"},
        {"pooling_mode_lasttoken", "lasttoken"},
    };
    const json_t *mode = json_object_get(c, "pooling_mode"), *one;
    size_t i;
    s->no_prompt = !mm_config_bool(c, "include_prompt", true);
    if (json_is_string(mode))
        add_pool(s, json_string_value(mode));
    json_array_foreach(mode, i, one) add_pool(s, json_is_string(one) ? json_string_value(one) : "?");
    for (i = 0; !mode && i < sizeof switches / sizeof switches[0]; i++)
        if (mm_config_bool(c, switches[i][0], false))
            add_pool(s, switches[i][1]);
}

/* DIR/FILE of the model, for a DIR that modules.json names: it must be inside the model's directory. */
static const json_t *json_below(mm_model *m, const char *dir, const char *file, mm_err *e)
{
    char path[256];
    if (dir[0] == '/' || strstr(dir, "..") || strlen(dir) > 100) {
        mm_fail(e, MM_FATAL, "%s/modules.json: the path \"%.100s\" leaves the model's directory", mm_model_path(m),
                dir);
        return NULL;
    }
    snprintf(path, sizeof path, "%s%s%s", dir, dir[0] ? "/" : "", file);
    return mm_model_json(m, path, e);
}

static mm_status read_module(mm_sentence *s, mm_model *m, const json_t *module, mm_err *e)
{
    const char *type = mm_config_str(module, "type", ""), *dir = mm_config_str(module, "path", "");
    const char *dot = strrchr(type, '.');
    type = dot ? dot + 1 : type;
    mm_err failed = {0};
    if (!strcmp(type, "Transformer")) {
        const json_t *c = json_below(m, dir, "sentence_bert_config.json", &failed);
        s->max_tokens = mm_config_int(c, "max_seq_length", 0);
    } else if (!strcmp(type, "Pooling")) {
        read_pooling(s, json_below(m, dir, "config.json", &failed));
    } else if (!strcmp(type, "Normalize")) {
        s->normalize = true;
    } else {
        unsupported(s, type);
    }
    if (failed.status != MM_OK && e)
        *e = failed;
    return failed.status;
}

mm_status mm_sentence_read(mm_sentence *out, mm_model *m, mm_err *e)
{
    *out = (mm_sentence){0};
    mm_err failed = {0};
    const json_t *modules = mm_model_json(m, "modules.json", &failed), *module;
    if (failed.status != MM_OK && e)
        *e = failed;
    size_t i;
    json_array_foreach(modules, i, module)
    {
        mm_status s = read_module(out, m, module, e);
        if (s != MM_OK)
            return s;
    }
    return failed.status;
}

/* ---- prompts ---- */

static const char CONFIG[] = "config_sentence_transformers.json";

const json_t *mm_sentence_prompts(mm_model *m)
{
    const json_t *prompts = json_object_get(mm_model_json(m, CONFIG, NULL), "prompts");
    return json_object_size(prompts) ? prompts : NULL;
}

mm_status mm_sentence_default_prompt(const char **out, mm_model *m, mm_err *e)
{
    mm_err failed = {0};
    *out = mm_config_str(mm_model_json(m, CONFIG, &failed), "default_prompt_name", NULL);
    if (failed.status != MM_OK && e)
        *e = failed;
    return failed.status;
}

mm_status mm_sentence_prompt(const char **out, mm_model *m, const char *name, mm_err *e)
{
    enum { MOST = 64 }; /* prompts to choose a suggestion from */
    const json_t *prompts = mm_sentence_prompts(m), *one;
    const char *key;
    char hint[160];
    mm_str known[MOST];
    int n = 0;
    *out = json_string_value(json_object_get(prompts, name));
    if (*out)
        return MM_OK;
    json_object_foreach((json_t *)(uintptr_t)prompts, key, one)
    {
        if (n < MOST)
            known[n++] = mm_str_of(key);
    }
    mm_suggest_text(hint, sizeof hint, mm_str_of(name), known, n);
    return mm_fail(e, MM_FATAL, "%s: no prompt %.60s in %s%s", mm_model_path(m), name, CONFIG,
                   n ? hint : " (it has none)");
}
