/* vision_net.h: what vision transformers share: patches, an optional norm before the layers, the layers. */
#ifndef MM_ENCODE_VISION_NET_H
#define MM_ENCODE_VISION_NET_H

#include "encode/arch.h"
#include "encode/patches.h"

typedef struct {
    mm_net net;
    mm_patches patches;
    mm_norm_params pre; /* before the layers; gain NULL: none */
} mm_vision_net;

/* Loads patches and layers and fills net.info with what follows from them. */
void mm_vision_net_load(mm_vision_net *v, const mm_patches_names *patches, int64_t patch_size,
                        const mm_stack_spec *spec, const mm_stack_names *layers);

/* mm_arch's functions for structs that begin with an mm_vision_net. */
void mm_vision_net_unload(mm_net *n);
mm_status mm_vision_net_check(const mm_net *n, const mm_input *in, int64_t *floats, mm_err *e);
mm_status mm_vision_net_forward(mm_net *n, mm_forward *f, mm_err *e);

#endif
