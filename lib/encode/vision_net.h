/* vision_net.h: what vision transformers share: patches, an optional norm before the layers, the layers. */
#ifndef MM_ENCODE_VISION_NET_H
#define MM_ENCODE_VISION_NET_H

#include "encode/patches.h"

typedef struct {
    mm_params params;
    mm_patches patches;
    mm_norm_params pre; /* gain NULL: none */
    mm_stack stack;
    mm_workspace work;
} mm_vision_net;

/* info's fields that follow from the tower. */
void mm_vision_net_describe(const mm_vision_net *v, mm_net_info *info);
mm_status mm_vision_net_check(const mm_vision_net *v, const mm_input *in, int64_t *floats, mm_err *e);
mm_status mm_vision_net_forward(mm_vision_net *v, mm_forward *f, mm_err *e);
void mm_vision_net_free(mm_vision_net *v);

#endif
