/* json.h: JSON texts and files, as Python's json module writes them. */
#ifndef MM_BASE_JSON_H
#define MM_BASE_JSON_H

#include "base/status.h"

#include <jansson.h>
#include <stddef.h>

/* Parses n bytes; `name` is for messages. Integers beyond 64 bits, which are common in tokenizer_config.json
 * ("model_max_length": 1000000000000000019884624838656), become reals. The caller owns *out. */
mm_status mm_json_parse(json_t **out, const char *text, size_t n, const char *name, mm_err *e);
/* The same from a file of at most 128 MiB. */
mm_status mm_json_load(json_t **out, const char *path, mm_err *e);
/* Writes j, indented, as PATH.part and renames it. */
mm_status mm_json_save(const char *path, const json_t *j, mm_err *e);

/* The member at a dotted path ("vision_config.hidden_size"); NULL when there is none or it is null. */
const json_t *mm_json_at(const json_t *j, const char *path);

#endif
