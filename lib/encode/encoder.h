/* encoder.h: an open encoder. Internal to encode/: encoder.c opens it, passes.c runs it. */
#ifndef MM_ENCODE_ENCODER_H
#define MM_ENCODE_ENCODER_H

#include "encode/arch.h"

struct mm_encoder {
    mm_model *model;
    mm_dev *dev;
    mm_modality of;
    const mm_arch *arch;
    mm_net *net;
    mm_encode_opts o; /* resolved: layers and pools as they are used, normalize and project 0 or 1 */
    int64_t max_tokens;
    int64_t joined;    /* width of layers × pools, concatenated */
    int64_t width;     /* of the output */
    bool *want;        /* [net->info.layers + 1] */
    mm_workspace work; /* outputs on the device */
    char space[256];
};

#endif
