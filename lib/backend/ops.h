/* ops.h: the operations that every encoder and decoder is made of, whatever computes them.
 *
 * An operation is one descriptor, mm_NAME_op, handed to one function, mm_dev_NAME. MM_OPS lists them; the functions,
 * the checks of descriptors (ops.c) and the tables of all devices are made from that list.
 *
 * Operations only record work: the CPU runs it at once, a GPU fills a command buffer; mm_dev_flush waits. Errors are
 * sticky until mm_dev_flush, which reports the first.
 *
 * Batches are packed: the rows of all items lie one after another without padding, and `cu` holds the n + 1
 * cumulative row counts (cu[0] = 0, item i has rows cu[i] .. cu[i+1]-1). An item's result is bit-identical
 * whatever it is batched with and however many threads there are: every output element is summed in one fixed
 * order, so no split along K, no atomics. On the CPU a decoder that goes on from a cache, a token or some at a time,
 * has the bits of one that takes the whole sequence at once.
 *
 * Activations are f32, row-major (but see mm_dev_halves). Arrays in descriptors are host memory and read before the
 * call returns. */
#ifndef MM_BACKEND_OPS_H
#define MM_BACKEND_OPS_H

#include "backend/backend.h"

/* X(name, rows): the rows that an mm_NAME_op *op computes; where there are none, the device is not asked. */
#define MM_OPS(X)                                                                                                      \
    X(linear, op->rows)                                                                                                \
    X(conv, op->cu_y[op->n])                                                                                           \
    X(norm, op->rows)                                                                                                  \
    X(attend, op->cu_q[op->n])                                                                                         \
    X(rotate, op->rows)                                                                                                \
    X(glu, op->rows)                                                                                                   \
    X(gather, op->rows)                                                                                                \
    X(scatter, op->rows)                                                                                               \
    X(pool_rows, op->n)

/* A matrix inside a buffer: rows of `ld` floats, the first at float `off`. A half matrix has f16 numbers, two in the
 * place of a float: see mm_dev_halves. */
typedef struct {
    mm_dbuf *buf;
    int64_t off, ld;
    bool half;
} mm_mat;

typedef enum {
    MM_ACT_NONE,
    MM_ACT_RELU,
    MM_ACT_GELU,       /* x Φ(x), exact (erf) */
    MM_ACT_GELU_TANH,  /* the tanh approximation, Hendrycks & Gimpel 2016 */
    MM_ACT_QUICK_GELU, /* x σ(1.702 x), CLIP */
    MM_ACT_SILU,
    MM_ACT_TANH,
} mm_act;

/* y[rows,N] = act(x[rows,K] Wᵀ + b) ⊙ scale[N] + residual[rows,N]. y may be the residual, not x. */
typedef struct {
    mm_mat x, y;
    const mm_weight *w; /* from mm_dev_linear_weight */
    int64_t rows;
    mm_act act;
    const mm_weight *scale; /* LayerScale, [N] from mm_dev_vector; NULL: 1 */
    mm_mat residual;        /* buf NULL: 0 */
} mm_linear_op;

/* Channels-last convolution of each item: in rows of item i are its positions (row-major over its `rank` spatial
 * dimensions in_dim[i*rank ..]) × I channels; out rows likewise × O. Zero padding `pad` on both sides.
 * y = act(conv(x) + b) + residual. Output rows of item i start at row cu_y[i]. */
typedef struct {
    mm_mat x, y;
    const mm_weight *w; /* from mm_dev_conv_weight */
    int rank;
    int n;                      /* items */
    const int64_t *in_dim;      /* [n × rank] */
    const int64_t *cu_x, *cu_y; /* [n+1] */
    int64_t stride[3], pad[3];
    int64_t trim; /* rank 1: outputs dropped at the end (Wav2Vec2's even positional kernel: 1) */
    mm_act act;
    mm_mat residual;
} mm_conv_op;

/* Outputs along one dimension (before trim). */
int64_t mm_conv_out(int64_t in, int64_t kernel, int64_t stride, int64_t pad);

typedef enum {
    MM_NORM_LAYER,      /* over the C channels of a row; two-pass variance (Ba et al. 2016) */
    MM_NORM_GROUP_TIME, /* each channel over the rows of its item: GroupNorm with one channel a group (Wav2Vec2 base) */
    MM_NORM_RMS,        /* over the C channels of a row, without a mean: RMSNorm (Zhang & Sennrich 2019) */
} mm_norm_kind;

/* y = act((x − mean) / sqrt(var + eps) ⊙ gain + bias), RMS: y = act(x / sqrt(mean(x²) + eps) ⊙ gain + bias); y may be
 * x. Norms over channels may write the same to a half matrix, too, for a product to take while y stays the residual. */
typedef struct {
    mm_norm_kind kind;
    mm_mat x, y;
    int64_t rows, channels;
    int n;                        /* GROUP_TIME: items */
    const int64_t *cu;            /* GROUP_TIME: [n+1] */
    const mm_weight *gain, *bias; /* vectors [C]; bias may be NULL */
    float eps;
    mm_act act;
    mm_mat also; /* half; buf NULL: none */
} mm_norm_op;

/* Softmax attention (Vaswani et al. 2017) for each item and head h: out = softmax(scale q kᵀ + biases) v, with an
 * online softmax. Head h uses columns h·head .. (h+1)·head−1 of q and out, and those of head h / (heads / kv_heads) of
 * k and v (grouped-query attention, Ainslie et al. 2023).
 *
 * Queries of item i are rows cu_q[i] .. cu_q[i+1]−1 of q and out. Its keys and values are rows k_start[i] ..
 * k_start[i]+k_count[i]−1 of k and v: a cache has room after them, and items may share keys. The first key has position
 * 0, and the first query position q_start[i]. A query at position p sees the keys
 *     j <= p             if causal,
 *     |p − j| < window   if there is a window (Mistral's sliding window with causal, ModernBERT's local attention
 *                        without), and
 *     j < prefix[i]      in any case (prefix language models, PaliGemma).
 * A query that sees no key gives zeros. */
typedef struct {
    mm_mat q, k, v, out;
    int heads, kv_heads, head; /* number of heads; of those of k and v, a divisor of it (0: heads); width of one */
    int n;
    const int64_t *cu_q;    /* [n+1] */
    const int64_t *k_start; /* [n]; where k_count is NULL [n+1] */
    const int64_t *k_count; /* [n]; NULL: up to k_start[i+1], as in packed batches, in which k_start = cu_q */
    const int64_t *q_start; /* [n]; NULL: 0. A decoder's step: the keys that the cache had before */
    float scale;
    bool causal;
    int64_t window;        /* 0: none */
    const int64_t *prefix; /* [n]; NULL: 0 */

    /* Added to the scaled score of head h, query position p and key j; buf NULL: none. −∞ hides a key.
     * bias: number j of row bias_start[i] + h · bias_rows + p, one matrix [heads, bias_rows, keys] for all items or,
     * with bias_start, for each its own (BEiT; Swin's windows with their masks). distance: row h, number clamp(j − p,
     * −reach, reach) + reach, [heads, 2 reach + 1] (T5, MPNet, ALiBi). */
    mm_mat bias, distance;
    int64_t bias_rows, reach;
    const int64_t *bias_start; /* [n]; NULL: 0 */
} mm_attend_op;

/* Rotary position embedding (RoFormer, Su et al. 2021), y may be x: each head of `head` columns has `pairs` pairs
 * (a, b) of columns, and pair i of a row turns by that row's i-th angle:
 *     a' = a cos − b sin, b' = b cos + a sin.
 * The pair is columns i and i + pairs of the head (Llama, GPT-NeoX), or 2i and 2i + 1 when `interleaved` (RoFormer,
 * GPT-J). Columns from 2 pairs on stay as they are (part of a head: GPT-NeoX, Phi). */
typedef struct {
    mm_mat x, y;
    int64_t rows;
    int heads, head, pairs;
    bool interleaved;
    mm_mat table;       /* cosines in columns 0 .. pairs−1, sines in pairs .. 2 pairs−1; made on the host */
    const int32_t *ids; /* [rows] rows of the table, >= 0; 2-D: a row a place, with the angles of both directions */
} mm_rotate_op;

/* y[rows,width] = act(a) ⊙ b: gated linear units (Shazeer 2020), SILU: SwiGLU, GELU: GEGLU. a and b are often columns
 * of one matrix; y may be a or b. */
typedef struct {
    mm_mat a, b, y;
    int64_t rows, width;
    mm_act act;
} mm_glu_op;

/* y[r] = (add ? y[r] : 0) + (ids[r] < 0 ? 0 : table[ids[r]]) for r in 0..rows-1. The table is a parameter
 * (word, position, type embeddings, a CLS token) or a matrix on the device (patch rows): exactly one of them. */
typedef struct {
    const mm_weight *table; /* from mm_dev_table */
    mm_mat x;               /* or this; used when table is NULL */
    mm_mat y;
    int64_t rows, width;
    const int32_t *ids; /* [rows] */
    bool add;
} mm_gather_op;

/* y[ids[r]] = x[r] for r in 0..rows-1: new keys and values go to their places in a cache. A negative id drops its row;
 * no other id comes twice. Rows of y without an id keep what they have; x and y do not overlap. */
typedef struct {
    mm_mat x, y;
    int64_t rows, width;
    const int32_t *ids; /* [rows] */
} mm_scatter_op;

/* y[i] = mean of rows lo[i] .. hi[i]-1 of x, i in 0..n-1: one row (CLS, EOS) or a mean over tokens or frames;
 * then divided by its L2 norm when `l2`. An empty range gives zeros. */
typedef struct {
    mm_mat x, y;
    int64_t width;
    int n;
    const int64_t *lo, *hi;
    bool l2;
} mm_pool_rows_op;

#define MM_OP_FUNCTION(name, rows) void mm_dev_##name(mm_dev *d, const mm_##name##_op *op);
MM_OPS(MM_OP_FUNCTION)
#undef MM_OP_FUNCTION

/* True when products round what they take to f16. Then linear's x and y, layer norm's and RMS norm's y, and attend's q,
 * k and v (all three) and out may be half matrices, which halves their traffic and changes no product: `off` and `ld`
 * multiples of 4, widths multiples of 8, heads of up to 128 columns. Other operations take none. */
bool mm_dev_halves(const mm_dev *d);

#endif
