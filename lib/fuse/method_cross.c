/* method_cross.c: cross attention: the rows of the first modality (text tokens) attend to the rows of all others (image
 * patches, audio frames). Where a sample lacks the first modality, a learned query takes its place. */
#include "fuse/layers.h"
#include "fuse/transformer_layer.h"

static mm_status init(mm_head *h, mm_rng *r, mm_err *e)
{
    if (h->inputs < 2)
        return mm_fail(e, MM_FATAL, "cross attention needs at least two modalities");
    mm_status s = mm_add_input_layers(h, h->hidden, r, e);
    if (s == MM_OK)
        s = mm_add_type_embedding(h, r, e);
    if (s == MM_OK && !mm_param_set_add(&h->params, "query", 2, 1, h->hidden))
        s = mm_fail_memory(e);
    if (s == MM_OK)
        s = mm_add_transformer_layer(h, "cross", r, e);
    return s == MM_OK ? mm_add_linear(h, "fc_out", h->hidden, mm_head_out_width(h), r, e) : s;
}

/* fc_<modality>(rows) + type: [cu[n], F] */
static mm_node *embedded_rows(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, int m)
{
    return mm_apply_type_embedding(h, t, mm_apply_input_linear(h, t, mm_rows_input(h, t, b, m), "fc_", m), m);
}

/* The first modality's rows, or the learned query (the last row of the stack) where a sample has none. */
static mm_node *queries(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, int64_t *cu)
{
    int64_t rows = b->cu[0][b->n], n = 0;
    int32_t *ids = mm_tape_scratch(t, ((size_t)rows + (size_t)b->n) * sizeof *ids);
    for (int i = 0; ids && i < b->n; i++) {
        for (int64_t r = b->cu[0][i]; r < b->cu[0][i + 1]; r++)
            ids[n++] = (int32_t)r;
        if (b->cu[0][i + 1] == b->cu[0][i])
            ids[n++] = (int32_t)rows;
        cu[i + 1] = n;
    }
    mm_node *both[2] = {embedded_rows(h, t, b, 0), mm_t_use(t, mm_param_set_find(&h->params, "query"))};
    return mm_t_take(t, mm_t_stack(t, both, 2), ids, n);
}

/* The rows of all other modalities, sample by sample. */
static mm_node *keys(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, int64_t *cu)
{
    mm_node *part[MM_MAX_MODALITIES];
    int64_t base[MM_MAX_MODALITIES] = {0}, total = 0, n = 0;
    for (int m = 1; m < h->inputs; m++) {
        part[m - 1] = embedded_rows(h, t, b, m);
        base[m] = total;
        total += b->cu[m][b->n];
    }
    int32_t *ids = mm_tape_scratch(t, ((size_t)total + 1) * sizeof *ids);
    for (int i = 0; ids && i < b->n; i++) {
        for (int m = 1; m < h->inputs; m++)
            for (int64_t r = b->cu[m][i]; r < b->cu[m][i + 1]; r++)
                ids[n++] = (int32_t)(base[m] + r);
        cu[i + 1] = n;
    }
    return mm_t_take(t, mm_t_stack(t, part, h->inputs - 1), ids, n);
}

static mm_status forward(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, mm_rng *rng, mm_fused *out, mm_err *e)
{
    int64_t *cu_q = mm_tape_scratch(t, 2 * ((size_t)b->n + 1) * sizeof *cu_q), *cu_k = cu_q ? cu_q + b->n + 1 : NULL;
    if (!cu_q)
        return mm_tape_error(t, e);
    mm_node *q = queries(h, t, b, cu_q), *k = keys(h, t, b, cu_k);
    mm_node *x = mm_apply_transformer_layer(h, t, "cross", q, k, b->n, cu_q, cu_k, &out->attention);
    mm_finish(h, t, mm_t_mean_rows(t, x, b->n, cu_q), rng, out);
    return mm_tape_error(t, e);
}

const mm_fuse_method mm_fuse_cross = {
    .name = "cross",
    .summary = "rows of the first modality attend over the rows of the others",
    .sequences = true,
    .init = init,
    .forward = forward,
};
