/* sentence.h: what sentence-transformers' files beside a model say about its vectors: modules.json lists a Transformer,
 * a Pooling (N_Pooling/config.json), often a Normalize; sentence_bert_config.json has the length it was trained for. */
#ifndef MM_ENCODE_SENTENCE_H
#define MM_ENCODE_SENTENCE_H

#include "encode/encode.h"

typedef struct {
    int pools; /* 0: nothing is said */
    mm_pooling pool[MM_MAX_POOLS];
    bool normalize;
    int64_t max_tokens;   /* 0: nothing is said */
    char unsupported[64]; /* a step that vectors of this model need and that there is not; "" */
} mm_sentence;

/* All zero when there is no modules.json. */
mm_status mm_sentence_read(mm_sentence *out, mm_model *m, mm_err *e);

#endif
