#include "fuse/transformer_layer.h"

#include "fuse/layers.h"

#include <math.h>
#include <stdio.h>

enum { NAME = 96 };

static const char *part(char *out, const char *prefix, const char *name)
{
    snprintf(out, NAME, "%s.%s", prefix, name);
    return out;
}

/* Glorot & Bengio 2010, uniform: how MultiheadAttention initialises in_proj_weight. */
static void xavier_uniform(mm_param *p, mm_rng *r)
{
    double bound = sqrt(6.0 / (double)(p->rows + p->cols));
    for (int64_t i = 0; i < mm_param_count(p); i++)
        p->value[i] = (float)((2 * mm_rng_uniform(r) - 1) * bound);
}

mm_status mm_add_transformer_layer(mm_head *h, const char *prefix, mm_rng *r, mm_err *e)
{
    char name[NAME];
    int64_t f = h->hidden;
    if (f % h->heads)
        return mm_fail(e, MM_FATAL, "%d attention heads do not divide a width of %lld", h->heads, (long long)f);
    mm_param *w = mm_param_set_add(&h->params, part(name, prefix, "self_attn.in_proj_weight"), 2, 3 * f, f);
    mm_param *b = mm_param_set_add(&h->params, part(name, prefix, "self_attn.in_proj_bias"), 1, 1, 3 * f);
    if (!w || !b)
        return mm_fail_memory(e);
    xavier_uniform(w, r);
    mm_status s = mm_add_linear(h, part(name, prefix, "self_attn.out_proj"), f, f, r, e);
    if (s == MM_OK)
        s = mm_add_linear(h, part(name, prefix, "linear1"), f, 2 * f, r, e);
    if (s == MM_OK)
        s = mm_add_linear(h, part(name, prefix, "linear2"), 2 * f, f, r, e);
    if (s == MM_OK)
        s = mm_add_layer_norm(h, part(name, prefix, "norm1"), f, e);
    return s == MM_OK ? mm_add_layer_norm(h, part(name, prefix, "norm2"), f, e) : s;
}

mm_node *mm_apply_transformer_layer(const mm_head *h, mm_tape *t, const char *prefix, mm_node *x, mm_node *keys, int n,
                                    const int64_t *cu_x, const int64_t *cu_keys, const float **weights)
{
    char name[NAME], bias[NAME];
    int64_t f = h->hidden;
    mm_param *w = mm_param_set_find(&h->params, part(name, prefix, "self_attn.in_proj_weight"));
    mm_param *b = mm_param_set_find(&h->params, part(bias, prefix, "self_attn.in_proj_bias"));
    mm_node *from = mm_apply_layer_norm(h, t, x, part(name, prefix, "norm1"));
    mm_node *over = keys ? mm_apply_layer_norm(h, t, keys, name) : from;
    mm_node *q = mm_t_linear(t, from, w, b), *kv = keys ? mm_t_linear(t, over, w, b) : q; /* [rows, 3F]: q, k, v */
    mm_node *seen = mm_t_attention(t, mm_t_columns(t, q, 0, f), mm_t_columns(t, kv, f, f),
                                   mm_t_columns(t, kv, 2 * f, f), h->heads, n, cu_x, cu_keys, weights);
    x = mm_t_add(t, x, mm_apply_linear(h, t, seen, part(name, prefix, "self_attn.out_proj")));
    mm_node *inner = mm_apply_layer_norm(h, t, x, part(name, prefix, "norm2"));
    inner = mm_t_gelu(t, mm_apply_linear(h, t, inner, part(name, prefix, "linear1")));
    return mm_t_add(t, x, mm_apply_linear(h, t, inner, part(name, prefix, "linear2")));
}

mm_status mm_add_type_embedding(mm_head *h, mm_rng *r, mm_err *e)
{
    mm_param *p = mm_param_set_add(&h->params, "type_embedding.weight", 2, h->inputs, h->hidden);
    if (!p)
        return mm_fail_memory(e);
    p->decay = false;
    for (int64_t i = 0; i < mm_param_count(p); i++)
        p->value[i] = (float)(0.04 * mm_rng_uniform(r) - 0.02);
    return MM_OK;
}

mm_node *mm_apply_type_embedding(const mm_head *h, mm_tape *t, mm_node *x, int m)
{
    const int32_t row = m;
    mm_node *types = mm_t_use(t, mm_param_set_find(&h->params, "type_embedding.weight"));
    return mm_t_add(t, x, mm_t_take(t, types, &row, 1));
}
