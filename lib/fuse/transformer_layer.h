/* transformer_layer.h: one pre-norm Transformer layer over packed rows, with the parameter names of
 * torch.nn.MultiheadAttention and torch.nn.TransformerEncoderLayer(norm_first=True, activation="gelu"). */
#ifndef MM_FUSE_TRANSFORMER_LAYER_H
#define MM_FUSE_TRANSFORMER_LAYER_H

#include "fuse/head.h"

/* Adds, for `prefix` ("layer" or "cross"): <prefix>.self_attn.in_proj_weight [3F,F], in_proj_bias [3F], out_proj, and
 * linear1 [2F,F], linear2 [F,2F], norm1, norm2; F = h->hidden. */
mm_status mm_add_transformer_layer(mm_head *h, const char *prefix, mm_rng *r, mm_err *e);

/* x + attention(norm1(x) over norm1(keys)), then + linear2(gelu(linear1(norm2(·)))). keys NULL: self-attention. x and
 * keys hold n items, packed by cu_x and cu_keys [n+1]; *weights as in mm_t_attention. */
mm_node *mm_apply_transformer_layer(const mm_head *h, mm_tape *t, const char *prefix, mm_node *x, mm_node *keys, int n,
                                    const int64_t *cu_x, const int64_t *cu_keys, const float **weights);

/* Adds type_embedding.weight [inputs, F], a learned vector for each modality. */
mm_status mm_add_type_embedding(mm_head *h, mm_rng *r, mm_err *e);
/* x + the type embedding of modality m */
mm_node *mm_apply_type_embedding(const mm_head *h, mm_tape *t, mm_node *x, int m);

#endif
