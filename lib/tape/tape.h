/* tape.h: reverse-mode differentiation over small dense f32 matrices. Heads are made of these operations, for training
 * and inference alike (a tape that records no gradients only runs forward).
 *
 * Every value is a matrix [rows, cols]. Sequences are packed: the rows of all items are concatenated, and `cu` holds
 * the n + 1 cumulative counts. A missing modality has no rows, so nothing needs a mask.
 *
 * Sums run in one fixed order whatever the number of threads: the same seed gives the same weights, bit for bit.
 * Values live until mm_tape_reset; parameters and their gradients until mm_param_set_free. Errors (memory, shapes that
 * do not fit) stick to the tape: check mm_tape_error after building a step.
 *
 * The method is the classic one: Baydin et al., "Automatic Differentiation in Machine Learning: a Survey", JMLR 2018.
 */
#ifndef MM_TAPE_TAPE_H
#define MM_TAPE_TAPE_H

#include "base/arena.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/threads.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- parameters ---- */

typedef struct {
    const char *name; /* as in the PyTorch module's state_dict: "fc_image.weight" */
    int rank;         /* 1 or 2, in safetensors; a vector has one row */
    int64_t rows, cols;
    float *value, *grad; /* [rows, cols] */
    float *transposed;   /* [cols, rows], the values as they were at mm_param_set_settle; NULL: they still change */
    bool decay;          /* weight decay applies (matrices yes, biases, gains and temperatures no) */
} mm_param;

static inline int64_t mm_param_count(const mm_param *p)
{
    return p->rows * p->cols;
}

typedef struct {
    mm_param **p;
    int n;
    int64_t cap;
    mm_arena arena;
} mm_param_set; /* all zero is an empty set */

/* Adds a parameter of zeros; NULL when memory is out. rows is 1 for a vector (rank 1). */
mm_param *mm_param_set_add(mm_param_set *s, const char *name, int rank, int64_t rows, int64_t cols);
mm_param *mm_param_set_find(const mm_param_set *s, const char *name); /* NULL: none */
void mm_param_set_zero_grad(mm_param_set *s);
/* The values will not change any more: matrices are transposed once, not for each batch. MM_FATAL: memory. */
mm_status mm_param_set_settle(mm_param_set *s, mm_err *e);
void mm_param_set_free(mm_param_set *s);

/* Initialises like torch.nn.Linear: weight and bias uniform in ±1/sqrt(fan_in). */
void mm_param_init_linear(mm_param *p, int64_t fan_in, mm_rng *r);
void mm_param_fill(mm_param *p, float value);

/* ---- the tape ---- */

typedef struct mm_tape mm_tape;
typedef struct mm_node mm_node; /* a value on the tape */

/* pool NULL: one thread. `training` records gradients and enables dropout. */
mm_status mm_tape_new(mm_tape **out, mm_threads *pool, bool training, mm_err *e);
void mm_tape_free(mm_tape *t);
void mm_tape_reset(mm_tape *t); /* forgets all values (not the parameters) */
mm_status mm_tape_error(const mm_tape *t, mm_err *e);
/* Rounds the inputs of every matrix product to bf16 (sums stay f32): mixed precision with f32 master weights. */
void mm_tape_bf16(mm_tape *t, bool on);

/* Cleared memory that lives as long as the values; NULL: the tape is in error. */
void *mm_tape_scratch(mm_tape *t, size_t bytes);

int64_t mm_rows(const mm_node *x);
int64_t mm_cols(const mm_node *x);
const float *mm_value(const mm_node *x); /* [rows, cols] */

mm_node *mm_t_input(mm_tape *t, int64_t rows, int64_t cols, const float *data); /* copied; no gradient */
mm_node *mm_t_use(mm_tape *t, mm_param *p);                                     /* gradient is added to p->grad */

mm_node *mm_t_linear(mm_tape *t, mm_node *x, mm_param *w, mm_param *b); /* x[R,in] wᵀ[in,out] + b[out]; b may be NULL */
mm_node *mm_t_matmul_nt(mm_tape *t, mm_node *a, mm_node *b);            /* a[R,K] bᵀ, b[S,K] → [R,S] */
mm_node *mm_t_add(mm_tape *t, mm_node *a, mm_node *b);                  /* same shape, or b one row added to each */
mm_node *mm_t_mul(mm_tape *t, mm_node *a, mm_node *b); /* elementwise; b may be one row, one column or [1,1] */
mm_node *mm_t_scale(mm_tape *t, mm_node *x, float s);
mm_node *mm_t_relu(mm_tape *t, mm_node *x);
mm_node *mm_t_gelu(mm_tape *t, mm_node *x); /* exact, erf */
mm_node *mm_t_tanh(mm_tape *t, mm_node *x);
mm_node *mm_t_exp(mm_tape *t, mm_node *x);
mm_node *mm_t_log(mm_tape *t, mm_node *x);                  /* of max(x, 1e-30): −69 instead of −inf */
mm_node *mm_t_concat(mm_tape *t, mm_node *const *x, int n); /* along columns; equal rows */
mm_node *mm_t_stack(mm_tape *t, mm_node *const *x, int n);  /* along rows; equal columns */
mm_node *mm_t_take(mm_tape *t, mm_node *x, const int32_t *ids, int64_t rows); /* rows of x; −1 gives a row of zeros */
mm_node *mm_t_columns(mm_tape *t, mm_node *x, int64_t from, int64_t count);   /* a slice of columns */
mm_node *mm_t_softmax(mm_tape *t, mm_node *x,
                      const uint8_t *keep); /* over columns; keep[rows*cols] 0 excludes; NULL: all */
mm_node *mm_t_layer_norm(mm_tape *t, mm_node *x, mm_param *gain, mm_param *bias, float eps);
mm_node *mm_t_l2_normalize(mm_tape *t, mm_node *x); /* each row over max(‖x‖, 1e-12) */
mm_node *mm_t_squash(mm_tape *t, mm_node *x); /* rows: ‖x‖²/(1+‖x‖²) · x/‖x‖, Sabour et al. 2017, eq. 1 */
mm_node *mm_t_row_dot(mm_tape *t, mm_node *a, mm_node *b);                 /* [R,K],[R,K] → [R,1] */
mm_node *mm_t_mean_rows(mm_tape *t, mm_node *x, int n, const int64_t *cu); /* [n, cols]; an empty item gives zeros */
mm_node *mm_t_dropout(mm_tape *t, mm_node *x, float p, mm_rng *r);         /* inverted; no effect unless training */
/* softmax(q kᵀ / sqrt(head)) v for each item and head; all [rows, heads*head], packed. *weights (may be NULL) receives
 * the attention averaged over heads, item after item row-major [q rows, k rows], in the tape's memory. */
mm_node *mm_t_attention(mm_tape *t, mm_node *q, mm_node *k, mm_node *v, int heads, int n, const int64_t *cu_q,
                        const int64_t *cu_k, const float **weights);

/* ---- losses: a [1,1] node ---- */
/* Mean over rows with target ≥ 0 of the cross-entropy; torch.nn.CrossEntropyLoss with label_smoothing and weight (NULL:
 * 1), including its weighted mean. */
mm_node *mm_t_cross_entropy(mm_tape *t, mm_node *logits, const int32_t *target, float smoothing, const float *weight);
mm_node *mm_t_mse(mm_tape *t, mm_node *x, const float *target); /* mean of (x − target)², NaN targets left out */
/* Symmetric InfoNCE over logits[n,n] whose diagonal holds the positive pairs (CLIP, Radford et al. 2021). */
mm_node *mm_t_info_nce(mm_tape *t, mm_node *logits);
/* −mean over i of Σ_j log σ(y_ij logits_ij), y = 1 on the diagonal, −1 off it (SigLIP, Zhai et al. 2023). */
mm_node *mm_t_sigmoid_loss(mm_tape *t, mm_node *logits);

/* Runs the tape backwards from loss, adding `seed` · d loss / d p to each parameter's gradient (seed 1/k accumulates
 * the mean over k mini-batches). */
void mm_backward(mm_tape *t, mm_node *loss, float seed);

#endif
