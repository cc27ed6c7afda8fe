/* packed_model.h: packed models: a model's directory again, with panels.safetensors beside its weights. It holds
 * weights as a device lays them out, which are mapped and used in place; processes share their pages. Its metadata name
 * the layout, the precision, and the weights that it was made from, so that a file that is stale or foreign is refused.
 */
#ifndef MM_MODEL_PACKED_MODEL_H
#define MM_MODEL_PACKED_MODEL_H

#include "model/model.h"
#include "model/safetensors.h"

#define MM_PANELS_FILE "panels.safetensors"

/* Makes directory dir: the model's files (weights as hard links where that is possible), the panels, and SHA256SUMS. It
 * appears when it is complete. MM_FATAL when m is packed itself or dir is there already. */
mm_status mm_model_pack(const mm_model *m, const char *dir, const char *layout, const char *precision,
                        const mm_named_tensor *panels, int64_t n, mm_err *e);

/* What the metadata of a file of panels say; *e names what is wrong with it. */
typedef struct {
    const char *layout, *precision, *name;
} mm_panels_info;
mm_status mm_panels_read(mm_panels_info *out, const mm_safetensors *panels, const char *path, const char *digest,
                         mm_err *e);

#endif
