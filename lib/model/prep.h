/* prep.h: what a model wants its inputs to look like, from its preprocessor_config.json. */
#ifndef MM_MODEL_PREP_H
#define MM_MODEL_PREP_H

#include "media/image/image.h"
#include "media/sound/audio.h"
#include "model/model.h"

typedef enum { MM_OF_IMAGE, MM_OF_TEXT, MM_OF_AUDIO } mm_modality;
const char *mm_modality_name(mm_modality m); /* "image" */

/* What the model encodes, by config.json's model_type; CLIP and SigLIP, which have two sides: images. Fails for a type
 * that is none of those known, and names it. */
mm_status mm_model_modality(const mm_model *m, mm_modality *out, mm_err *e);
/* MM_FATAL when config.json has no model_type, with what the model may be instead. */
mm_status mm_model_typed(const mm_model *m, mm_err *e);

/* Resize, crop and normalisation of an image model. Understands every spelling of `size` and `crop_size` (a number, a
 * pair, {height,width}, {shortest_edge} with or without {longest_edge}), do_* switches, PIL's resample numbers,
 * rescale_factor, ConvNext's crop_pct, and what each image_processor_type (feature_extractor_type) means by what it
 * leaves out. Without a preprocessor_config.json: what the architecture's published models use. */
mm_status mm_model_image_prep(const mm_model *m, mm_image_prep *out, mm_err *e);

/* Rate, normalisation and (Whisper) mel parameters of an audio model. */
mm_status mm_model_audio_prep(const mm_model *m, mm_audio_prep *out, mm_err *e);

/* The same from the JSON values (NULL: absent) of config.json and preprocessor_config.json. */
mm_status mm_image_prep_of(const json_t *config, const json_t *preprocessor, mm_image_prep *out, mm_err *e);
mm_status mm_audio_prep_of(const json_t *config, const json_t *preprocessor, mm_audio_prep *out, mm_err *e);

/* A hash of the files that say how the model prepares its inputs: preprocessor, tokenizer, vocabulary, prompts. Two
 * models of the same weights that differ in it make different vectors. */
uint64_t mm_model_prep_hash(const mm_model *m);

/* What goes into a record's `prep` when that geometry (not the normalisation) has been applied, readable since a
 * mismatch is shown to people: "shortest=256 bicubic crop=224x224". size: at least MM_PREP_DIGEST; returns out. */
enum { MM_PREP_DIGEST = 96 };
char *mm_image_prep_digest(const mm_image_prep *p, char *out, size_t size);

#endif
