#include "fuse/layers.h"

#include <stdio.h>

enum { NAME = 96 };

static char *joined(char *out, const char *a, const char *b)
{
    snprintf(out, NAME, "%s%s", a, b);
    return out;
}

mm_status mm_add_linear(mm_head *h, const char *name, int64_t in, int64_t out, mm_rng *r, mm_err *e)
{
    char full[NAME];
    mm_param *w = mm_param_set_add(&h->params, joined(full, name, ".weight"), 2, out, in);
    mm_param *b = mm_param_set_add(&h->params, joined(full, name, ".bias"), 1, 1, out);
    if (!w || !b)
        return mm_fail_memory(e);
    mm_param_init_linear(w, in, r);
    mm_param_init_linear(b, in, r);
    return MM_OK;
}

mm_status mm_add_layer_norm(mm_head *h, const char *name, int64_t width, mm_err *e)
{
    char full[NAME];
    mm_param *w = mm_param_set_add(&h->params, joined(full, name, ".weight"), 1, 1, width);
    mm_param *b = mm_param_set_add(&h->params, joined(full, name, ".bias"), 1, 1, width);
    if (!w || !b)
        return mm_fail_memory(e);
    mm_param_fill(w, 1);
    return MM_OK;
}

mm_status mm_add_input_linear(mm_head *h, const char *prefix, int m, int64_t in, int64_t out, mm_rng *r, mm_err *e)
{
    char name[NAME];
    return mm_add_linear(h, joined(name, prefix, h->input[m].name), in, out, r, e);
}

mm_status mm_add_input_layers(mm_head *h, int64_t out, mm_rng *r, mm_err *e)
{
    mm_status s = MM_OK;
    for (int m = 0; s == MM_OK && m < h->inputs; m++)
        s = mm_add_input_linear(h, "fc_", m, h->input[m].width, out, r, e);
    return s;
}

mm_node *mm_apply_linear(const mm_head *h, mm_tape *t, mm_node *x, const char *name)
{
    char w[NAME], b[NAME];
    return mm_t_linear(t, x, mm_param_set_find(&h->params, joined(w, name, ".weight")),
                       mm_param_set_find(&h->params, joined(b, name, ".bias")));
}

mm_node *mm_apply_input_linear(const mm_head *h, mm_tape *t, mm_node *x, const char *prefix, int m)
{
    char name[NAME];
    return mm_apply_linear(h, t, x, joined(name, prefix, h->input[m].name));
}

mm_node *mm_apply_layer_norm(const mm_head *h, mm_tape *t, mm_node *x, const char *name)
{
    char w[NAME], b[NAME];
    return mm_t_layer_norm(t, x, mm_param_set_find(&h->params, joined(w, name, ".weight")),
                           mm_param_set_find(&h->params, joined(b, name, ".bias")), 1e-5f);
}

mm_node *mm_rows_input(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, int m)
{
    return mm_t_input(t, b->cu[m][b->n], h->input[m].width, b->x[m]);
}

mm_node *mm_pooled_input(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, int m)
{
    return mm_t_mean_rows(t, mm_rows_input(h, t, b, m), b->n, b->cu[m]);
}

mm_node *mm_present_column(mm_tape *t, const mm_fuse_batch *b, int m)
{
    float *is = mm_tape_scratch(t, (size_t)b->n * sizeof *is);
    for (int i = 0; is && i < b->n; i++)
        is[i] = b->cu[m][i + 1] > b->cu[m][i];
    return mm_t_input(t, is ? b->n : 0, 1, is);
}

const uint8_t *mm_present(const mm_head *h, mm_tape *t, const mm_fuse_batch *b)
{
    uint8_t *is = mm_tape_scratch(t, (size_t)b->n * (size_t)h->inputs);
    for (int i = 0; is && i < b->n; i++)
        for (int m = 0; m < h->inputs; m++)
            is[i * h->inputs + m] = b->cu[m][i + 1] > b->cu[m][i];
    return is;
}

mm_node *mm_hidden_input(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, int m)
{
    mm_node *x = mm_apply_input_linear(h, t, mm_pooled_input(h, t, b, m), "fc_", m);
    return mm_t_mul(t, mm_t_relu(t, x), mm_present_column(t, b, m)); /* not the bias, where the modality is missing */
}

void mm_finish(const mm_head *h, mm_tape *t, mm_node *fused, mm_rng *rng, mm_fused *out)
{
    out->fused = fused;
    out->out = mm_apply_linear(h, t, rng ? mm_t_dropout(t, fused, h->dropout, rng) : fused, "fc_out");
}
