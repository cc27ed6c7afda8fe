/* packed_model.h: packed models: a model's directory again, with panels.safetensors beside its weights. It holds
 * weights as a device lays them out, mapped and used in place; processes share their pages. Its metadata names the
 * layout, the precision, and the weights that it was made from, so that weights.c refuses a stale or foreign file. */
#ifndef MM_MODEL_PACKED_MODEL_H
#define MM_MODEL_PACKED_MODEL_H

#include "model/model.h"
#include "model/safetensors.h"

/* Makes directory dir: the model's files (weights as hard links where possible), the panels, and SHA256SUMS. It appears
 * when it is complete. MM_FATAL when m is packed itself or dir exists. */
mm_status mm_model_pack(const mm_model *m, const char *dir, const char *layout, const char *precision,
                        const mm_named_tensor *panels, int64_t n, mm_err *e);

#endif
