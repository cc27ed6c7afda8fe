/* method_mlp.c: a hidden layer for each modality, concatenated: ReLU(fc_image), ReLU(fc_text), ReLU(fc_audio) →
 * fc_out. */
#include "fuse/layers.h"

static mm_status init(mm_head *h, mm_rng *r, mm_err *e)
{
    mm_status s = mm_add_input_layers(h, h->hidden, r, e);
    return s == MM_OK ? mm_add_linear(h, "fc_out", h->inputs * h->hidden, mm_head_out_width(h), r, e) : s;
}

static mm_status forward(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, mm_rng *rng, mm_fused *out, mm_err *e)
{
    mm_node *hidden[MM_MAX_MODALITIES];
    for (int m = 0; m < h->inputs; m++)
        hidden[m] = mm_hidden_input(h, t, b, m); /* [n, hidden] */
    mm_finish(h, t, mm_t_concat(t, hidden, h->inputs), rng, out);
    return mm_tape_error(t, e);
}

const mm_fuse_method mm_fuse_mlp = {
    .name = "mlp",
    .summary = "a layer for each modality, concatenated, and a linear output",
    .init = init,
    .forward = forward,
};
