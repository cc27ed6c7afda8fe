/* method_linear.c: logistic or linear regression over all modalities: the sum of a linear layer for each, that is, one
 * layer over their concatenation. The baseline that a hidden layer has to beat. */
#include "fuse/layers.h"

static mm_status init(mm_head *h, mm_rng *r, mm_err *e)
{
    return mm_add_input_layers(h, mm_head_out_width(h), r, e);
}

static mm_status forward(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, mm_rng *rng, mm_fused *out, mm_err *e)
{
    mm_node *sum = NULL;
    for (int m = 0; m < h->inputs; m++) {
        mm_node *x = mm_pooled_input(h, t, b, m);
        x = mm_apply_input_linear(h, t, rng ? mm_t_dropout(t, x, h->dropout, rng) : x, "fc_", m); /* [n, outputs] */
        x = mm_t_mul(t, x, mm_present_column(t, b, m));
        sum = sum ? mm_t_add(t, sum, x) : x;
    }
    out->fused = out->out = sum;
    return mm_tape_error(t, e);
}

const mm_fuse_method mm_fuse_linear = {
    .name = "linear",
    .summary = "one linear layer over all modalities: logistic or linear regression",
    .flat = true,
    .init = init,
    .forward = forward,
};
