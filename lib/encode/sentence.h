/* sentence.h: the files of sentence-transformers beside a model: modules.json lists a Transformer, a Pooling
 * (N_Pooling/config.json), often a Normalize; sentence_bert_config.json has the length that the model was trained for,
 * and config_sentence_transformers.json the prompts that precede texts. */
#ifndef MM_ENCODE_SENTENCE_H
#define MM_ENCODE_SENTENCE_H

#include "encode/encode.h"

typedef struct {
    int pools; /* 0: not given */
    mm_pooling pool[MM_MAX_POOLS];
    bool normalize;
    bool no_prompt;       /* leave the prompt's tokens out of means: "include_prompt": false */
    int64_t max_tokens;   /* 0: not given */
    char unsupported[64]; /* a step of modules.json that is not supported; "": none */
} mm_sentence;

/* All zero when there is no modules.json. */
mm_status mm_sentence_read(mm_sentence *out, mm_model *m, mm_err *e);

/* The prompts of config_sentence_transformers.json, {"query": "query: ", …}; NULL: none. */
const json_t *mm_sentence_prompts(mm_model *m);
/* The name of the default prompt; NULL: none. MM_FATAL: the file is damaged. */
mm_status mm_sentence_default_prompt(const char **out, mm_model *m, mm_err *e);
/* The prompt of that name. MM_FATAL suggests one of the others. */
mm_status mm_sentence_prompt(const char **out, mm_model *m, const char *name, mm_err *e);

#endif
