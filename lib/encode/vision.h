/* vision.h: what vision transformers share: patches, an optional norm before the layers, the layers. */
#ifndef MM_ENCODE_VISION_H
#define MM_ENCODE_VISION_H

#include "encode/patches.h"

typedef struct {
    mm_params params;
    mm_patches patches;
    mm_norm pre; /* gain NULL: none */
    mm_stack stack;
    mm_room room;
} mm_vision;

/* info's fields that follow from the tower. */
void mm_vision_describe(const mm_vision *v, mm_net_info *info);
mm_status mm_vision_check(const mm_vision *v, const mm_input *in, int64_t *floats, mm_err *e);
mm_status mm_vision_forward(mm_vision *v, mm_forward *f, mm_err *e);
void mm_vision_free(mm_vision *v);

#endif
