/* describe.h: facts about a model without running it. */
#ifndef MM_MODEL_DESCRIBE_H
#define MM_MODEL_DESCRIBE_H

#include "model/model.h"

/* A JSON object, which the caller owns: name, path, model_type, digest, tensors, parameters, bytes, dtype, layers,
 * width, heads, labels, tokenizer, licence, preprocessor … Members that do not apply are absent. */
mm_status mm_model_describe(json_t **out, mm_model *m, mm_err *e);

#endif
