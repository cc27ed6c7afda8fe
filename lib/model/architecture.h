/* architecture.h: the architectures that have encoders (architectures.def): facts that need no encoder. */
#ifndef MM_MODEL_ARCHITECTURE_H
#define MM_MODEL_ARCHITECTURE_H

#include "model/model.h"

typedef enum { MM_OF_IMAGE, MM_OF_TEXT, MM_OF_AUDIO } mm_modality;
const char *mm_modality_name(mm_modality m); /* "image" */

typedef struct {
    mm_modality of;
    const char *processor; /* prep_image.c's name for the image processor of its published models; NULL: no images */
    const char *types[4];  /* values of config.json's model_type, NULL-terminated; the first one is its name */
} mm_architecture;

/* Row i of architectures.def; NULL when there are no more. */
const mm_architecture *mm_architecture_at(int i);
/* Whether the architecture encodes models of this model_type. */
bool mm_architecture_has(const mm_architecture *a, const char *model_type);

/* What the model encodes; CLIP, which encodes images and texts: images. MM_FATAL when no encoder knows its model_type,
 * or config.json has none: then with what the model may be instead. */
mm_status mm_model_modality(const mm_model *m, mm_modality *out, mm_err *e);
mm_status mm_model_typed(const mm_model *m, mm_err *e); /* only that config.json has a model_type */

#endif
