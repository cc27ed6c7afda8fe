/* blocks.h: the transformer encoder that every architecture is built of.
 *
 *   pre-norm (ViT, CLIP, Whisper …)              post-norm (BERT, Wav2Vec2 base; Vaswani et al. 2017)
 *     x += s1 ⊙ Attention(Norm1(x))                x = Norm1(x + Attention(x))
 *     x += s2 ⊙ FFN(Norm2(x))                      x = Norm2(x + FFN(x))
 *     output: FinalNorm(x), where there is one
 *
 * Attention: softmax(q kᵀ / √head) v with fused q, k, v weights; FFN: W2 act(W1 x). s1, s2: LayerScale or 1. */
#ifndef MM_ENCODE_BLOCKS_H
#define MM_ENCODE_BLOCKS_H

#include "encode/arch.h"
#include "encode/params.h"

/* Where the parameters of a layer are in the file, below mm_params' prefix. */
typedef struct {
    const char *layer; /* "encoder.layer.%d." */
    const char *q, *k, *v, *out;
    const char *norm1, *norm2, *fc1, *fc2;
    const char *scale1, *scale2; /* LayerScale's vectors; NULL: none */
    const char *final_norm;      /* not below `layer`; NULL: none */
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
    mm_layer *layer;      /* from the mm_params' arena */
    mm_norm_params final; /* gain NULL: none */
} mm_stack;

/* Failures go to p. */
void mm_stack_load(mm_stack *s, mm_params *p, const mm_stack_spec *spec, const mm_stack_names *names);
/* Floats of scratch that a run over this many rows takes. */
int64_t mm_stack_scratch(const mm_stack *s, int64_t rows);
/* Runs over x [cu[n], W] in place and taps what is wanted; f->cu must be filled. */
void mm_stack_run(const mm_stack *s, mm_dev *d, mm_mat x, mm_mat scratch, mm_forward *f);

/* ---- small words for the ops that everyone uses ---- */
void mm_apply_norm(mm_dev *d, const mm_norm_params *norm, float eps, mm_mat x, mm_mat y, int64_t rows, int64_t width);
mm_mat mm_mat_at(mm_mat m, int64_t row, int64_t column); /* the part of m that begins there */
/* Rows of item i that stand for its content. */
int64_t mm_valid_rows(const mm_forward *f, int i);
/* y[i] = mean of rows first .. first+count−1 of item i's; count −1: all its valid rows from `first`, or from what its
 * prompt takes (mm_input.lead), on. */
mm_status mm_pool_items(mm_dev *d, const mm_forward *f, mm_mat x, mm_mat y, int64_t width, int64_t first, int64_t count,
                        mm_err *e);

/* Memory on the device that grows, is kept between runs, and is handed out piece by piece. */
typedef struct {
    mm_dbuf *buf;
    int64_t cap, used;
} mm_workspace;
/* Makes `floats` available and starts handing out from the beginning; nothing may be in flight. */
mm_status mm_workspace_begin(mm_workspace *r, mm_dev *d, int64_t floats, mm_err *e);
/* [rows, ld]. Pieces begin at multiples of MM_WORKSPACE_ALIGN floats: count that much more for each. */
enum { MM_WORKSPACE_ALIGN = 16 };
mm_mat mm_workspace_take(mm_workspace *r, int64_t rows, int64_t ld);
void mm_workspace_free(mm_workspace *r, mm_dev *d);

#endif
