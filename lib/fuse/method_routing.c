/* method_routing.c: routing by agreement (Sabour, Frosst & Hinton, "Dynamic Routing Between Capsules", 2017). Each
 * modality is a capsule u_m; it predicts each of CAPSULES output capsules, û_{m→j} = W_mj u_m; the coupling c_mj =
 * softmax_j(b_mj) grows where a prediction agrees with the output v_j = squash(Σ_m c_mj û_{m→j}). A missing modality
 * contributes nothing. */
#include "fuse/layers.h"

enum { CAPSULES = 8, CAPSULE = 16 };

static mm_status init(mm_head *h, mm_rng *r, mm_err *e)
{
    mm_status s = mm_add_input_layers(h, h->hidden, r, e);
    for (int m = 0; s == MM_OK && m < h->inputs; m++)
        s = mm_add_input_linear(h, "route_", m, h->hidden, CAPSULES * CAPSULE, r, e);
    return s == MM_OK ? mm_add_linear(h, "fc_out", CAPSULES * CAPSULE, mm_head_out_width(h), r, e) : s;
}

/* v_j = squash(Σ_m c_mj û_mj), c_m = softmax(b_m): [n, CAPSULE] each */
static void output_capsules(mm_tape *t, int inputs, mm_node *const *coupling, mm_node *(*vote)[CAPSULES], mm_node **v)
{
    for (int j = 0; j < CAPSULES; j++) {
        mm_node *sum = NULL;
        for (int m = 0; m < inputs; m++) {
            mm_node *part = mm_t_mul(t, vote[m][j], mm_t_columns(t, coupling[m], j, 1));
            sum = sum ? mm_t_add(t, sum, part) : part;
        }
        v[j] = mm_t_squash(t, sum);
    }
}

/* b_m += û_m · v: [n, CAPSULES] */
static mm_node *agreement(mm_tape *t, mm_node *b, mm_node *const *vote, mm_node *const *v)
{
    mm_node *dot[CAPSULES];
    for (int j = 0; j < CAPSULES; j++)
        dot[j] = mm_t_row_dot(t, vote[j], v[j]);
    return mm_t_add(t, b, mm_t_concat(t, dot, CAPSULES));
}

/* The weight of each modality: the squared length of its coupled votes, normalised to 1: [n, inputs] */
static mm_node *modality_weights(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, mm_node *(*vote)[CAPSULES],
                                 mm_node *const *coupling)
{
    float *weight = mm_tape_scratch(t, (size_t)b->n * (size_t)h->inputs * sizeof *weight);
    for (int i = 0; weight && i < b->n; i++) {
        float total = 0;
        for (int m = 0; m < h->inputs; m++) {
            float *s = weight + i * h->inputs + m;
            for (int j = 0; j < CAPSULES; j++)
                for (int c = 0; c < CAPSULE; c++) {
                    float u = mm_value(vote[m][j])[i * CAPSULE + c] * mm_value(coupling[m])[i * CAPSULES + j];
                    *s += u * u;
                }
            total += *s;
        }
        for (int m = 0; m < h->inputs && total > 0; m++)
            weight[i * h->inputs + m] /= total;
    }
    return mm_t_input(t, weight ? b->n : 0, h->inputs, weight);
}

static mm_status forward(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, mm_rng *rng, mm_fused *out, mm_err *e)
{
    mm_node *vote[MM_MAX_MODALITIES][CAPSULES], *logit[MM_MAX_MODALITIES], *coupling[MM_MAX_MODALITIES], *v[CAPSULES];
    float *zeros = mm_tape_scratch(t, (size_t)b->n * CAPSULES * sizeof *zeros);
    for (int m = 0; m < h->inputs; m++) {
        mm_node *u = mm_t_squash(t, mm_hidden_input(h, t, b, m)); /* [n, hidden] */
        mm_node *votes = mm_t_mul(t, mm_apply_input_linear(h, t, u, "route_", m), mm_present_column(t, b, m));
        for (int j = 0; j < CAPSULES; j++)
            vote[m][j] = mm_t_columns(t, votes, j * CAPSULE, CAPSULE);
        logit[m] = mm_t_input(t, zeros ? b->n : 0, CAPSULES, zeros);
    }
    for (int i = 0; i < h->iterations; i++) {
        for (int m = 0; m < h->inputs; m++)
            coupling[m] = mm_t_softmax(t, logit[m], NULL);
        output_capsules(t, h->inputs, coupling, vote, v);
        for (int m = 0; i + 1 < h->iterations && m < h->inputs; m++)
            logit[m] = agreement(t, logit[m], vote[m], v);
    }
    if (mm_tape_error(t, e) == MM_OK)
        out->weights = modality_weights(h, t, b, vote, coupling);
    mm_finish(h, t, mm_t_concat(t, v, CAPSULES), rng, out);
    return mm_tape_error(t, e);
}

const mm_fuse_method mm_fuse_routing = {
    .name = "routing",
    .summary = "routing by agreement between modality capsules and output capsules",
    .init = init,
    .forward = forward,
};
