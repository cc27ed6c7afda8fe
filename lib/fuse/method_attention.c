/* method_attention.c: modalities as tokens. Each modality that is present is one token, fc_<modality>(x) + its type
 * embedding; they attend to one another in one Transformer layer, and the mean of its outputs is the joint vector. */
#include "fuse/layers.h"
#include "fuse/transformer_layer.h"

static mm_status init(mm_head *h, mm_rng *r, mm_err *e)
{
    mm_status s = mm_add_input_layers(h, h->hidden, r, e);
    if (s == MM_OK)
        s = mm_add_type_embedding(h, r, e);
    if (s == MM_OK)
        s = mm_add_transformer_layer(h, "layer", r, e);
    return s == MM_OK ? mm_add_linear(h, "fc_out", h->hidden, mm_head_out_width(h), r, e) : s;
}

/* The tokens, packed sample by sample; cu [n+1] gets their cumulative counts. */
static mm_node *pack_tokens(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, mm_node *const *token, int64_t *cu)
{
    const uint8_t *present = mm_present(h, t, b);
    int32_t *ids = mm_tape_scratch(t, (size_t)b->n * (size_t)h->inputs * sizeof *ids);
    int64_t n = 0;
    for (int i = 0; present && ids && i < b->n; i++) {
        for (int m = 0; m < h->inputs; m++)
            if (present[i * h->inputs + m])
                ids[n++] = m * b->n + i;
        cu[i + 1] = n;
    }
    return mm_t_take(t, mm_t_stack(t, token, h->inputs), ids, n);
}

/* The attention that each modality's token receives in its sample, the mean over queries: [n, inputs] */
static mm_node *received(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, const int64_t *cu, const float *weights)
{
    const uint8_t *present = mm_present(h, t, b);
    float *weight = mm_tape_scratch(t, (size_t)b->n * (size_t)h->inputs * sizeof *weight);
    for (int i = 0; present && weight && weights && i < b->n; i++) {
        int64_t n = cu[i + 1] - cu[i], k = 0;
        for (int m = 0; m < h->inputs; m++) {
            if (!present[i * h->inputs + m])
                continue;
            for (int64_t q = 0; q < n; q++)
                weight[i * h->inputs + m] += weights[q * n + k] / (float)n;
            k++;
        }
        weights += n * n;
    }
    return mm_t_input(t, weight ? b->n : 0, h->inputs, weight);
}

static mm_status forward(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, mm_rng *rng, mm_fused *out, mm_err *e)
{
    mm_node *token[MM_MAX_MODALITIES];
    int64_t *cu = mm_tape_scratch(t, ((size_t)b->n + 1) * sizeof *cu);
    if (!cu)
        return mm_tape_error(t, e);
    for (int m = 0; m < h->inputs; m++) {
        mm_node *x = mm_apply_input_linear(h, t, mm_pooled_input(h, t, b, m), "fc_", m); /* [n, F] */
        token[m] = mm_apply_type_embedding(h, t, x, m);
    }
    mm_node *x = pack_tokens(h, t, b, token, cu);
    x = mm_apply_transformer_layer(h, t, "layer", x, NULL, b->n, cu, cu, &out->attention);
    if (mm_tape_error(t, e) == MM_OK)
        out->weights = received(h, t, b, cu, out->attention);
    mm_finish(h, t, mm_t_mean_rows(t, x, b->n, cu), rng, out);
    return mm_tape_error(t, e);
}

const mm_fuse_method mm_fuse_attention = {
    .name = "attention",
    .summary = "modalities as tokens of a Transformer layer with learned type embeddings",
    .init = init,
    .forward = forward,
};
