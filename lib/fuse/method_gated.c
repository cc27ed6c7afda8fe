/* method_gated.c: gated fusion: each modality's hidden vector gets a weight that depends on the input, a softmax over
 * the modalities that are present (gated multimodal units, Arevalo et al. 2017, with softmax in place of tanh/sigmoid
 * pairs). */
#include "fuse/layers.h"

static mm_status init(mm_head *h, mm_rng *r, mm_err *e)
{
    mm_status s = mm_add_input_layers(h, h->hidden, r, e);
    for (int m = 0; s == MM_OK && m < h->inputs; m++)
        s = mm_add_input_linear(h, "gate_", m, h->inputs * h->hidden, 1, r, e);
    return s == MM_OK ? mm_add_linear(h, "fc_out", h->hidden, mm_head_out_width(h), r, e) : s;
}

static mm_status forward(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, mm_rng *rng, mm_fused *out, mm_err *e)
{
    mm_node *hidden[MM_MAX_MODALITIES], *gate[MM_MAX_MODALITIES], *fused = NULL;
    for (int m = 0; m < h->inputs; m++)
        hidden[m] = mm_hidden_input(h, t, b, m);
    mm_node *all = mm_t_concat(t, hidden, h->inputs); /* every gate sees every modality: [n, inputs * hidden] */
    for (int m = 0; m < h->inputs; m++)
        gate[m] = mm_apply_input_linear(h, t, all, "gate_", m); /* [n, 1] */
    const uint8_t *present = mm_present(h, t, b);
    out->weights = mm_t_softmax(t, mm_t_concat(t, gate, h->inputs), present); /* [n, inputs] */
    for (int m = 0; m < h->inputs; m++) {
        mm_node *part = mm_t_mul(t, hidden[m], mm_t_columns(t, out->weights, m, 1));
        fused = fused ? mm_t_add(t, fused, part) : part;
    }
    mm_finish(h, t, fused, rng, out);
    return mm_tape_error(t, e);
}

const mm_fuse_method mm_fuse_gated = {
    .name = "gated",
    .summary = "input-dependent softmax gates weigh the modalities",
    .init = init,
    .forward = forward,
};
