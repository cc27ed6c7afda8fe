/* describe.h: what there is to say about a model without running it. */
#ifndef MM_MODEL_DESCRIBE_H
#define MM_MODEL_DESCRIBE_H

#include "model/model.h"

/* A JSON object, the caller's: name, path, model_type, parameters, bytes, dtype, layers, width, heads, labels,
 * tokenizer, preprocessor, sentence (files present), licence, digest. Members that do not apply are absent. */
mm_status mm_model_describe(json_t **out, mm_model *m, mm_err *e);

#endif
