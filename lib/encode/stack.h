/* stack.h: the transformer layers that every architecture is built of.
 *
 *   pre-norm (ViT, CLIP, Whisper …)              post-norm (BERT, Wav2Vec2 base; Vaswani et al. 2017)
 *     x += s1 ⊙ Attention(Norm1(x))                x = Norm1(x + Attention(x))
 *     x += s2 ⊙ FFN(Norm2(x))                      x = Norm2(x + FFN(x))
 *     output: FinalNorm(x), where there is one
 *
 * Attention: softmax(q kᵀ / √head) v with fused q, k, v weights; FFN: W2 act(W1 x). s1, s2: LayerScale or 1. */
#ifndef MM_ENCODE_STACK_H
#define MM_ENCODE_STACK_H

#include "encode/forward.h"

/* The names of a layer's parameters in the file, after mm_params' prefix. */
typedef struct {
    const char *layer; /* "encoder.layer.%d." */
    const char *q, *k, *v, *out;
    const char *norm1, *norm2, *fc1, *fc2;
    const char *scale1, *scale2; /* LayerScale's vectors; NULL: none */
    const char *final_norm;      /* without `layer`; NULL: none */
} mm_stack_names;

typedef struct {
    int layers, heads;
    int64_t width; /* of hidden states; heads divide it */
    int64_t inner; /* of the FFN */
    float eps;     /* of the norms */
    mm_act act;
    bool post_norm, causal;
    mm_bias qkv_bias;
} mm_stack_spec;

typedef struct {
    mm_weight *qkv;              /* [3W,W] */
    mm_weight *out;              /* [W,W] */
    mm_weight *fc1, *fc2;        /* [F,W], [W,F] */
    mm_norm_params norm1, norm2; /* [W] */
    mm_weight *scale1, *scale2;  /* [W] or NULL */
} mm_layer;

typedef struct {
    mm_stack_spec spec;
    mm_layer *layer;      /* [layers] in the mm_params' arena */
    mm_norm_params final; /* gain NULL: none */
} mm_stack;

/* From config.json, by the keys that ViT, BERT and most others use; their base models' sizes where a key is missing.
 * eps: the architecture's default. */
mm_stack_spec mm_stack_spec_of(mm_params *p, double eps);
/* Failures go to p. */
void mm_stack_load(mm_stack *s, mm_params *p, const mm_stack_spec *spec, const mm_stack_names *names);
/* Floats of scratch that a run over this many rows takes. */
int64_t mm_stack_scratch(const mm_stack *s, int64_t rows);
/* Runs over x [cu[n], W] in place and taps the wanted states; f->cu must be filled. */
void mm_stack_run(const mm_stack *s, mm_dev *d, mm_mat x, mm_mat scratch, mm_forward *f);

#endif
