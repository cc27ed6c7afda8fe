/* clip.h: what both towers of CLIP (Radford et al. 2021) share. */
#ifndef MM_ENCODE_CLIP_H
#define MM_ENCODE_CLIP_H

#include "encode/blocks.h"

extern const mm_stack_names mm_clip_layers; /* without the final norm, which each tower places elsewhere */

/* model_type is "clip" (both towers in one file) or that of the tower alone. */
bool mm_clip_is(const mm_model *m, const char *tower_type);
/* The tower's part of config.json: `section` where there is one, else all of it. */
const json_t *mm_clip_config(const mm_model *m, const char *section);
/* hidden_size and so on of a tower; sizes of the base model where the file leaves them out. */
mm_stack_spec mm_clip_spec(mm_params *p, const char *section, int64_t width, int64_t heads);
/* exp(logit_scale), 0 when the file has none. */
double mm_clip_logit_scale(const mm_params *p);

#endif
