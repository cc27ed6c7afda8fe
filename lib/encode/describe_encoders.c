/* describe_encoders.c: facts about a model, those of its encoders included. */
#include "encode/sentence.h"
#include "tokenize/tokenizer.h"

/* Whether m's texts can be encoded; *why says what it lacks. A model without any tokenizer passes: its ids may come
 * from elsewhere. */
static bool takes_texts(mm_model *m, const mm_sentence *sentence, bool has_tokenizer, mm_err *why)
{
    mm_tokenizer *t;
    if (sentence->unsupported[0]) {
        mm_fail(why, MM_FATAL, "modules.json asks for \"%s\", which is not supported", sentence->unsupported);
        return false;
    }
    if (!has_tokenizer)
        return true;
    if (mm_tokenizer_open(&t, m, why) != MM_OK)
        return false;
    mm_tokenizer_close(t);
    return true;
}

/* "encodes": [{"architecture": "bert", "modality": "text"}]: CLIP has two, models without an encoder none; and
 * "refused" when there is an encoder that cannot be used. */
static void add_encoders(json_t *o, mm_model *m, const mm_sentence *sentence)
{
    json_t *list = json_array();
    mm_err why = {0};
    const char *type = mm_config_str(mm_model_config(m), "model_type", "");
    const mm_architecture *a;
    for (int i = 0; (a = mm_architecture_at(i)); i++)
        if (mm_architecture_has(a, type) &&
            (a->of != MM_OF_TEXT || takes_texts(m, sentence, json_object_get(o, "tokenizer") != NULL, &why)))
            json_array_append_new(
                list, json_pack("{s:s, s:s}", "architecture", a->types[0], "modality", mm_modality_name(a->of)));
    json_object_set_new(o, "encodes", list);
    if (why.status != MM_OK)
        json_object_set_new(o, "refused", json_string(why.text));
}

static void add_sentence(json_t *o, const mm_sentence *s)
{
    json_t *pools = s->pools ? json_array() : NULL;
    for (int i = 0; i < s->pools; i++)
        json_array_append_new(pools, json_string(mm_pooling_name(s->pool[i])));
    if (pools) {
        json_object_set_new(o, "pooling", pools);
        json_object_set_new(o, "normalized", json_boolean(s->normalize));
    }
    if (pools && s->max_tokens)
        json_object_set_new(o, "max_tokens", json_integer(s->max_tokens));
}

/* "prompts": {"query": "query: "}, "default_prompt": "query" */
static void add_prompts(json_t *o, mm_model *m)
{
    const json_t *prompts = mm_sentence_prompts(m);
    const char *name = NULL;
    mm_sentence_default_prompt(&name, m, NULL);
    if (prompts)
        json_object_set_new(o, "prompts", json_deep_copy(prompts));
    if (name)
        json_object_set_new(o, "default_prompt", json_string(name));
}

mm_status mm_encoders_describe(json_t **out, const char *name, const mm_log *log, mm_err *e)
{
    mm_model *m;
    mm_sentence sentence = {0};
    mm_status s = mm_model_open(&m, name, log, e);
    if (s != MM_OK)
        return s;
    s = mm_model_describe(out, m, e);
    if (s == MM_OK) {
        mm_sentence_read(&sentence, m, NULL);
        add_encoders(*out, m, &sentence);
        add_sentence(*out, &sentence);
        add_prompts(*out, m);
    }
    mm_model_close(m);
    return s;
}
