/* prep.h: how a model's inputs are prepared, from its preprocessor_config.json. */
#ifndef MM_MODEL_PREP_H
#define MM_MODEL_PREP_H

#include "media/image/prepare.h"
#include "media/sound/audio_prep.h"
#include "model/model.h"

/* Resize, crop and normalisation of an image model. Understands every spelling of `size` and `crop_size` (a number, a
 * pair, {height,width}, {shortest_edge} with or without {longest_edge}), do_* switches, PIL's resample numbers,
 * rescale_factor, ConvNext's crop_pct, and the defaults of each image_processor_type (feature_extractor_type). Without
 * a preprocessor_config.json: the settings of the architecture's published models. */
mm_status mm_model_image_prep(const mm_model *m, mm_image_prep *out, mm_err *e);

/* Rate, normalisation and (Whisper) mel parameters of an audio model. */
mm_status mm_model_audio_prep(const mm_model *m, mm_audio_prep *out, mm_err *e);

/* The same from the JSON values (NULL: absent) of config.json and preprocessor_config.json. */
mm_status mm_image_prep_of(const json_t *config, const json_t *preprocessor, mm_image_prep *out, mm_err *e);
mm_status mm_audio_prep_of(const json_t *config, const json_t *preprocessor, mm_audio_prep *out, mm_err *e);

/* A hash of the files that say how inputs are prepared: preprocessor, tokenizer, vocabulary. Models of the same weights
 * whose hashes differ make different vectors. */
uint64_t mm_model_prep_hash(const mm_model *m);

/* A record's `prep` once this geometry (not the normalisation) has been applied: "shortest=256 bicubic crop=224x224",
 * readable because messages about a mismatch show it. size: at least MM_PREP_DIGEST; returns out. */
enum { MM_PREP_DIGEST = 96 };
char *mm_image_prep_digest(const mm_image_prep *p, char *out, size_t size);

#endif
