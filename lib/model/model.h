/* model.h: a model directory in Hugging Face's layout, read as it is.
 *
 * config.json, preprocessor_config.json, tokenizer files, and safetensors (one file, or shards with an index).
 * Only headers and JSON are read; weights are mapped, and read from disk when a device needs them. */
#ifndef MM_MODEL_MODEL_H
#define MM_MODEL_MODEL_H

#include "base/log.h"
#include "base/status.h"
#include "tensor/tensor.h"

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>

typedef struct mm_model mm_model;

/* Finds NAME: itself if it is a directory, else NAME below each directory of $MM_MODELS (colon-separated),
 * $XDG_DATA_HOME/mm/models (~/.local/share/mm/models) and the system's data directory; in Hugging Face's cache, the
 * snapshot (snapshot.h). Writes the path. MM_FATAL names the directories searched and suggests what to do. */
mm_status mm_model_find(const char *name, char *path, size_t size, mm_err *e);

/* The directory that new models go into: the first of $MM_MODELS, else $XDG_DATA_HOME/mm/models, else
 * ~/.local/share/mm/models; it need not exist. false when the user has no home directory or path is too short. */
bool mm_model_home(char *path, size_t size);

/* Where a new model called `name` goes: a name without a slash is a directory in mm_model_home, unless the working
 * directory has it. Makes the directories above it. */
mm_status mm_model_destination(char path[PATH_MAX], const char *name, mm_err *e);

/* Calls visit for every model directory on the search path, in order of name; of models with one name only the first.
 * visit returns false to stop. */
mm_status mm_model_each(bool (*visit)(void *ctx, const char *name, const char *path), void *ctx, mm_err *e);

/* Opens a model by name or directory. */
mm_status mm_model_open(mm_model **out, const char *name, const mm_log *log, mm_err *e);
void mm_model_close(mm_model *m); /* NULL is fine */

/* The model id in `space`: the directory's base name, NAME of a cache's models--OWNER--NAME. */
const char *mm_model_name(const mm_model *m);
const char *mm_model_path(const mm_model *m);
/* A cheap digest of the weights: of the safetensors headers and a few sampled blocks; 16 hex digits. */
const char *mm_model_digest(const mm_model *m);

/* A JSON file of the directory, parsed once and owned by the model; NULL when there is none. A file that does
 * not parse fails mm_model_open. */
const json_t *mm_model_config(const mm_model *m);       /* config.json */
const json_t *mm_model_preprocessor(const mm_model *m); /* preprocessor_config.json, else processor_config.json */
/* Any other; NULL with e->status MM_OK: absent. */
const json_t *mm_model_json(mm_model *m, const char *file, mm_err *e);

/* config values: the member at a dotted path ("vision_config.hidden_size"), or the default. */
int64_t mm_config_int(const json_t *config, const char *path, int64_t otherwise);
double mm_config_float(const json_t *config, const char *path, double otherwise);
const char *mm_config_str(const json_t *config, const char *path, const char *otherwise);
bool mm_config_bool(const json_t *config, const char *path, bool otherwise);

/* A weight by its name in the file. mm_model_tensor: MM_FATAL names a missing tensor. */
bool mm_model_has(const mm_model *m, const char *tensor);
mm_status mm_model_tensor(const mm_model *m, mm_tensor *out, const char *tensor, mm_err *e);
/* The same; MM_FATAL when its shape is another, naming both. rank ≤ MM_MAX_RANK. */
mm_status mm_model_tensor_shaped(const mm_model *m, mm_tensor *out, const char *tensor, int rank, const int64_t *dim,
                                 mm_err *e);
/* Every weight, in the order of the files. */
int64_t mm_model_tensor_count(const mm_model *m);
const char *mm_model_tensor_at(const mm_model *m, int64_t i, mm_tensor *out);

/* A packed model (packed_model.h) has panels.safetensors beside its weights, for one layout and precision of a device.
 * NULL and false: it is not packed, or the weight has no such part. */
const char *mm_model_layout(const mm_model *m);
const char *mm_model_precision(const mm_model *m);
bool mm_model_panel(const mm_model *m, mm_tensor *out, const char *weight, const char *part);

/* Facts about the model as a JSON object, which the caller owns: name, path, model_type, digest, tensors, parameters,
 * bytes, dtype, layers, width, heads, labels, tokenizer, licence, preprocessor … Members that do not apply are absent.
 */
mm_status mm_model_describe(json_t **out, mm_model *m, mm_err *e);

/* Reads everything once and checks for NaN and infinities in the weights and against SHA256SUMS, if there is one;
 * headers, index and shapes were checked by mm_model_open. */
mm_status mm_model_verify(mm_model *m, mm_err *e);

#endif
