/* prep.h: what a model wants its inputs to look like, from its preprocessor_config.json. */
#ifndef MM_MODEL_PREP_H
#define MM_MODEL_PREP_H

#include "media/audio.h"
#include "media/image.h"
#include "model/model.h"

typedef enum { MM_OF_IMAGE, MM_OF_TEXT, MM_OF_AUDIO } mm_modality;
const char *mm_modality_name(mm_modality m); /* "image" */

/* The modality that the model encodes by default: by config.json's model_type, and for CLIP, which has two, by
 * `want` when given. */
mm_status mm_model_modality(const mm_model *m, mm_modality *out, mm_err *e);

/* Resize, crop and normalisation of an image model. Understands both spellings of `size` (an int, {height,width},
 * {shortest_edge}), crop_size, do_* switches, resample numbers (PIL), rescale_factor. Without a
 * preprocessor_config.json: the architecture's defaults. */
mm_status mm_model_image_prep(const mm_model *m, mm_image_prep *out, mm_err *e);

/* Rate, normalisation and (Whisper) mel parameters of an audio model. */
mm_status mm_model_audio_prep(const mm_model *m, mm_audio_prep *out, mm_err *e);

/* The digest that goes into a record's `prep` when that geometry (not the normalisation) has been applied. At
 * least 40 bytes; returns out. */
char *mm_image_prep_digest(const mm_image_prep *p, char *out, size_t size);

#endif
