/* sentence.h: what sentence-transformers' files beside a model say about its vectors: modules.json lists a Transformer,
 * a Pooling (N_Pooling/config.json), often a Normalize; sentence_bert_config.json has the length it was trained for,
 * and config_sentence_transformers.json the prompts that stand in front of texts. */
#ifndef MM_ENCODE_SENTENCE_H
#define MM_ENCODE_SENTENCE_H

#include "encode/encode.h"

typedef struct {
    int pools; /* 0: nothing is said */
    mm_pooling pool[MM_MAX_POOLS];
    bool normalize;
    bool no_prompt;       /* means leave the prompt's tokens out: "include_prompt": false */
    int64_t max_tokens;   /* 0: nothing is said */
    char unsupported[64]; /* a step that vectors of this model need and that there is not; "" */
} mm_sentence;

/* All zero when there is no modules.json. */
mm_status mm_sentence_read(mm_sentence *out, mm_model *m, mm_err *e);

/* The prompts of config_sentence_transformers.json, {"query": "query: ", …}; NULL: none. */
const json_t *mm_sentence_prompts(mm_model *m);
/* The name of the one that every text gets unless another is chosen; NULL: none. MM_FATAL: the file is damaged. */
mm_status mm_sentence_default_prompt(const char **out, mm_model *m, mm_err *e);
/* The prompt of that name. MM_FATAL: there is none, and which there are. */
mm_status mm_sentence_prompt(const char **out, mm_model *m, const char *name, mm_err *e);

#endif
