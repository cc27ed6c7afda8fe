/* model_text.h: how mm-model prints models and heads. */
#ifndef MM_CLI_MODEL_TEXT_H
#define MM_CLI_MODEL_TEXT_H

#include <jansson.h>

/* What the model of mm_encoders_describe's object encodes: "image", "image, text" … into out; returns out. */
const char *mm_model_modalities(const json_t *model, char out[64]);

void mm_print_json(const json_t *o);
/* One line of a list: name, modalities, model_type, parameters, data type, path. */
void mm_print_model_row(const json_t *o, const char *name, const char *path);
void mm_print_model(const json_t *o); /* of mm_encoders_describe */
void mm_print_head(const json_t *o);  /* of mm_head_describe */

#endif
