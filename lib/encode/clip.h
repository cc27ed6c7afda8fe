/* clip.h: what CLIP's image and text encoders share (Radford et al. 2021). */
#ifndef MM_ENCODE_CLIP_H
#define MM_ENCODE_CLIP_H

#include "encode/stack.h"

extern const mm_stack_names mm_clip_layers; /* without the final norm, which each encoder places elsewhere */

/* One encoder's part of config.json: `section` ("text_config") where there is one, else all of it. */
const json_t *mm_clip_config(const mm_model *m, const char *section);
/* The layers of one encoder; the base model's sizes where config.json leaves them out. */
mm_stack_spec mm_clip_spec(mm_params *p, const char *section, int64_t width, int64_t heads);
/* exp(logit_scale), 0 when the file has none. */
double mm_clip_logit_scale(const mm_params *p);

#endif
