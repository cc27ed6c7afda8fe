/* method_align.c: a dual encoder's projection heads (CLIP, Radford et al. 2021): one linear layer tower_<modality> for
 * each modality into a joint space, L2-normalised. Each record goes through the layer of its own modality. logit_scale
 * is the logarithm of the inverse temperature; logit_bias is for the sigmoid loss (SigLIP, Zhai et al. 2023). */
#include "fuse/layers.h"

#include <math.h>

static mm_status init(mm_head *h, mm_rng *r, mm_err *e)
{
    mm_status s = MM_OK;
    for (int m = 0; s == MM_OK && m < h->inputs; m++)
        s = mm_add_input_linear(h, "tower_", m, h->input[m].width, h->hidden, r, e);
    mm_param *scale = mm_param_set_add(&h->params, "logit_scale", 1, 1, 1);
    mm_param *bias = mm_param_set_add(&h->params, "logit_bias", 1, 1, 1);
    if (s != MM_OK || !scale || !bias)
        return s != MM_OK ? s : mm_fail_memory(e);
    mm_param_fill(scale, logf(1 / 0.07f));
    return MM_OK;
}

static mm_status forward(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, mm_rng *rng, mm_fused *out, mm_err *e)
{
    for (int m = 0; m < h->inputs; m++) {
        mm_node *x = mm_pooled_input(h, t, b, m);
        x = mm_apply_input_linear(h, t, rng ? mm_t_dropout(t, x, h->dropout, rng) : x, "tower_", m);
        out->projection[m] = mm_t_mul(t, mm_t_l2_normalize(t, x), mm_present_column(t, b, m));
    }
    return mm_tape_error(t, e);
}

const mm_fuse_method mm_fuse_align = {
    .name = "align",
    .summary = "a projection head for each modality, into one joint space",
    .init = init,
    .forward = forward,
};
