/* describe_encoders.h: facts about a model, those of its encoders included. */
#ifndef MM_ENCODE_DESCRIBE_ENCODERS_H
#define MM_ENCODE_DESCRIBE_ENCODERS_H

#include "model/model.h"

/* mm_model_describe's object, and encodes, refused, pooling, normalized, max_tokens, prompts, default_prompt where they
 * apply. The caller owns it. */
mm_status mm_encoders_describe(json_t **out, mm_model *m, mm_err *e);

#endif
