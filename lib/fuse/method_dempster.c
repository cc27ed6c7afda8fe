/* method_dempster.c: each modality has its own classifier, p_m = softmax(fc_m(x_m)); the predictions are combined as
 * evidence, each discounted by a learned reliability σ(reliability_m): the differentiable form of evidence.h's rule. */
#include "fuse/layers.h"

#include <math.h>

static mm_status init(mm_head *h, mm_rng *r, mm_err *e)
{
    if (h->task != MM_TASK_CLASSIFY || h->outputs != 1)
        return mm_fail(e, MM_FATAL, "dempster combines distributions over the classes of one label field");
    mm_status s = mm_add_input_layers(h, h->output[0].width, r, e);
    mm_param *p = mm_param_set_add(&h->params, "reliability", 1, 1, h->inputs);
    if (s != MM_OK || !p)
        return s != MM_OK ? s : mm_fail_memory(e);
    mm_param_fill(p, 2); /* σ(2) = 0.88: trusted, but not blindly */
    return MM_OK;
}

static mm_node *sigmoid(mm_tape *t, mm_node *x)
{
    const float half = 0.5f;
    return mm_t_add(t, mm_t_scale(t, mm_t_tanh(t, mm_t_scale(t, x, half)), half), mm_t_input(t, 1, 1, &half));
}

static mm_node *one_minus(mm_tape *t, mm_node *x)
{
    const float one = 1;
    return mm_t_add(t, mm_t_scale(t, x, -1), mm_t_input(t, 1, 1, &one));
}

static mm_status forward(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, mm_rng *rng, mm_fused *out, mm_err *e)
{
    (void)rng;
    mm_node *trust = sigmoid(t, mm_t_use(t, mm_param_set_find(&h->params, "reliability"))); /* [1, inputs] */
    mm_node *product = NULL, *unknown = NULL; /* Π q [n,C], Π m(Θ) [n,1] */
    for (int m = 0; m < h->inputs; m++) {
        mm_node *p = mm_t_softmax(t, mm_apply_input_linear(h, t, mm_pooled_input(h, t, b, m), "fc_", m), NULL);
        /* a missing source says nothing */
        mm_node *r = mm_t_mul(t, mm_present_column(t, b, m), mm_t_columns(t, trust, m, 1));
        mm_node *open = one_minus(t, r), *q = mm_t_add(t, mm_t_mul(t, p, r), open);
        product = product ? mm_t_mul(t, product, q) : q;
        unknown = unknown ? mm_t_mul(t, unknown, open) : open;
    }
    /* pignistic, before normalisation: Π q − Π m(Θ) (1 − 1/C); softmax of its logarithm normalises by 1 − K */
    mm_node *mass = mm_t_add(t, product, mm_t_scale(t, unknown, 1 / (float)h->output[0].width - 1));
    out->fused = mass;
    out->out = mm_t_log(t, mass);
    return mm_tape_error(t, e);
}

const mm_fuse_method mm_fuse_dempster = {
    .name = "dempster",
    .summary = "a classifier for each modality, combined as evidence with learned reliabilities",
    .evidence = true,
    .flat = true,
    .init = init,
    .forward = forward,
};
