/* backend.h: the dozen operations that every encoder is made of, whatever computes them.
 *
 * An operation is one descriptor handed to one function. Operations only record work: the CPU runs it at once, a
 * GPU fills a command buffer; mm_dev_flush waits. Errors are sticky until mm_dev_flush, which reports the first.
 * Nothing above this header knows which device it talks to.
 *
 * Batches are packed: the rows of all items lie one after another without padding, and `cu` holds the n + 1
 * cumulative row counts (cu[0] = 0, item i has rows cu[i] .. cu[i+1]-1). An item's result is bit-identical
 * whatever it is batched with and however many threads there are: every output element is summed in one fixed
 * order, so no split along K, no atomics.
 *
 * Activations are f32, row-major (but see mm_dev_halves). Weights keep the type they have on disk until the device
 * packs them. */
#ifndef MM_BACKEND_BACKEND_H
#define MM_BACKEND_BACKEND_H

#include "base/log.h"
#include "base/threads.h"
#include "tensor/tensor.h"

typedef enum { MM_PREC_FP32, MM_PREC_BF16, MM_PREC_FP16, MM_PREC_INT8, MM_PREC_AUTO } mm_precision;

const char *mm_precision_name(mm_precision p); /* "bf16" */
bool mm_precision_of(mm_precision *out, const char *name);

typedef struct mm_dev mm_dev;       /* an open device */
typedef struct mm_weight mm_weight; /* a parameter on the device */
typedef struct mm_dbuf mm_dbuf;     /* activations on the device */

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

/* ---- parameters ------------------------------------------------------------------------------------------- */

/* A weight as a device laid it out before (mm_dev_ready), from a packed model: used in place, no copy. panels.data
 * NULL: there is none. */
typedef struct {
    mm_tensor panels;     /* I32 [words] */
    mm_tensor scale, sum; /* F32 and I32 [outputs, filled up]; data NULL where the format has none */
} mm_ready;

/* A linear layer's weights: up to three PyTorch-shaped [N_i, K] matrices (query, key, value) that are used as one
 * [N, K], N = Σ N_i, each with its own bias [N_i] or none. The tensors must outlive the weight: they are
 * mapped files, read when needed. */
enum { MM_MAX_PARTS = 3 };
typedef struct {
    int parts;
    mm_tensor w[MM_MAX_PARTS];    /* [N_i, K]; or [K, N_i] when `transposed` */
    mm_tensor bias[MM_MAX_PARTS]; /* data NULL: zeros */
    bool transposed;
    bool precise; /* keep the higher precision in a reduced-precision run (first and last layers) */
    mm_ready ready;
} mm_linear_weight;

/* A convolution's weights as PyTorch has them: [O, I/groups, k1 .. kr], r = 1..3; the device reorders them to
 * channels last. */
typedef struct {
    mm_tensor w;
    mm_tensor bias; /* [O]; data NULL: zeros */
    int groups;
    bool precise;
    mm_ready ready;
} mm_conv_weight;

/* ---- operations ------------------------------------------------------------------------------------------- */

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
} mm_norm_kind;

/* y = act((x − mean) / sqrt(var + eps) ⊙ gain + bias); y may be x. Layer norm may write the same to a half matrix, too,
 * for a product to take while y stays the residual. */
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

/* Softmax attention for each item and head h: out = softmax(scale q kᵀ) v, with online softmax. Head h uses
 * columns h*head .. (h+1)*head-1 of q, k, v and out. Queries of item i are rows cu_q[i].., keys rows cu_k[i]..
 * Causal: query j of an item sees keys 0 .. j + q_offset (a decoder with a cache sets q_offset). */
typedef struct {
    mm_mat q, k, v, out;
    int heads, head; /* number of heads; width of one */
    int n;
    const int64_t *cu_q, *cu_k; /* [n+1] */
    float scale;
    bool causal;
    int64_t q_offset;
} mm_attend_op;

/* y[r] = (add ? y[r] : 0) + (ids[r] < 0 ? 0 : table[ids[r]]) for r in 0..rows-1. The table is a parameter
 * (word, position, type embeddings, a CLS token) or a matrix on the device (patch rows): exactly one of them. */
typedef struct {
    const mm_weight *table; /* from mm_dev_table */
    mm_mat x;               /* or this; used when table is NULL */
    mm_mat y;
    int64_t rows, width;
    const int32_t *ids; /* [rows], host memory, read before the call returns */
    bool add;
} mm_gather_op;

/* y[i] = mean of rows lo[i] .. hi[i]-1 of x, i in 0..n-1: one row (CLS, EOS) or a mean over tokens or frames;
 * then divided by its L2 norm when `l2`. An empty range gives zeros. */
typedef struct {
    mm_mat x, y;
    int64_t width;
    int n;
    const int64_t *lo, *hi;
    bool l2;
} mm_pool_op;

/* ---- devices ---------------------------------------------------------------------------------------------- */

/* The environment's MM_CPU (portable, avx2, avx512, neon) keeps the CPU from using newer instruction sets than that;
 * mm_dev_name shows what is in effect. */
typedef struct {
    const char *name; /* "cpu", "vulkan", "vulkan:1", "auto"; NULL: "auto" */
    int threads;      /* 0: mm_cpu_count() */
    mm_precision precision;
    const mm_log *log;
} mm_dev_opts;

mm_status mm_dev_open(mm_dev **out, const mm_dev_opts *o, mm_err *e);
void mm_dev_close(mm_dev *d);                   /* NULL is fine; weights and buffers must be gone */
const char *mm_dev_name(const mm_dev *d);       /* "cpu (avx512, 2 threads)" */
mm_precision mm_dev_precision(const mm_dev *d); /* what is in effect; never MM_PREC_AUTO */
mm_threads *mm_dev_threads(mm_dev *d);          /* for host-side work beside it (mel, resize) */

/* Calls each(ctx, name) with the name of every device that can be asked for: "cpu", "vulkan:0", "vulkan:1" … */
void mm_dev_each(void (*each)(void *ctx, const char *name), void *ctx);

/* What there is to know about an open device: hardware, driver, limits, what the self-test said. */
typedef struct {
    char key[32], value[256];
} mm_fact;
int mm_dev_facts(const mm_dev *d, mm_fact *facts, int most); /* how many were written */

/* Multiply-adds twice over a second of a linear layer of 512 rows, 1024 inputs and 1024 outputs, in 1e9; measured for
 * some tenths of a second. */
mm_status mm_dev_rate(double *gflops, mm_dev *d, mm_err *e);

mm_status mm_dev_linear_weight(mm_weight **out, mm_dev *d, const mm_linear_weight *w, mm_err *e);
mm_status mm_dev_conv_weight(mm_weight **out, mm_dev *d, const mm_conv_weight *w, mm_err *e);
mm_status mm_dev_vector(mm_weight **out, mm_dev *d, const mm_tensor *t,
                        mm_err *e); /* [N] gains, biases, scales; flattened */
mm_status mm_dev_table(mm_weight **out, mm_dev *d, const mm_tensor *t,
                       mm_err *e);                /* [rows,width]; rank above 2 is flattened to its last dimension */
void mm_dev_weight_free(mm_dev *d, mm_weight *w); /* NULL is fine */

/* How this device lays out a packed model's weights: equal texts take each other's. NULL: it does not. */
const char *mm_dev_layout(const mm_dev *d);
/* A linear or convolution weight in that layout; the tensors live as long as the weight. */
mm_status mm_dev_ready(mm_ready *out, mm_dev *d, mm_weight *w, mm_err *e);
/* made(ctx, name, w) is called for every linear and convolution weight from now on, with the name that
 * mm_dev_named gave. */
typedef void mm_dev_made(void *ctx, const char *name, mm_weight *w);
void mm_dev_watch(mm_dev *d, mm_dev_made *made, void *ctx);
void mm_dev_named(mm_dev *d, const char *name, mm_weight *w);

/* Room for `floats` f32; contents undefined. A buffer grows by being freed and made anew. */
mm_status mm_dev_alloc(mm_dbuf **out, mm_dev *d, int64_t floats, mm_err *e);
/* Floats of activations that make good use of the device at a time: 64 Mi on a processor, more on a large GPU, which is
 * idle in small batches. A hint: results do not depend on it. */
int64_t mm_dev_room(const mm_dev *d);
void mm_dev_free(mm_dev *d, mm_dbuf *b); /* NULL is fine */
void mm_dev_write(mm_dev *d, mm_dbuf *b, int64_t off, const float *src,
                  int64_t n); /* src is read before the call returns */
void mm_dev_read(mm_dev *d, const mm_dbuf *b, int64_t off, float *dst,
                 int64_t n); /* dst is filled when the next flush returns */

void mm_dev_linear(mm_dev *d, const mm_linear_op *op);
void mm_dev_conv(mm_dev *d, const mm_conv_op *op);
void mm_dev_norm(mm_dev *d, const mm_norm_op *op);
void mm_dev_attend(mm_dev *d, const mm_attend_op *op);
void mm_dev_gather(mm_dev *d, const mm_gather_op *op);
void mm_dev_pool_rows(mm_dev *d, const mm_pool_op *op);
/* Waits for everything recorded since the last flush; the first error since then. */
mm_status mm_dev_flush(mm_dev *d, mm_err *e);
/* Starts everything recorded so far without waiting; the first error of recording it. mm_dev_wait returns when what
 * was read before the submission is there, whatever was recorded and submitted since. */
mm_status mm_dev_submit(mm_dev *d, uint64_t *ticket, mm_err *e);
mm_status mm_dev_wait(mm_dev *d, uint64_t ticket, mm_err *e);
/* True when products round what they take to f16. Then linear's x and y, layer norm's y, and attend's q, k and v (all
 * three) and out may be half matrices, which halves their traffic and changes no product: `off` and `ld` multiples of
 * 4, widths multiples of 8, heads of up to 128 columns. Other operations take none. */
bool mm_dev_halves(const mm_dev *d);
bool mm_dev_overlaps(const mm_dev *d); /* does it compute what was submitted while the next is recorded? */

/* ---- what a device implements (one const table per device, listed in backend.c) ---------------------------- */

typedef struct mm_backend {
    const char *name; /* "cpu" also answers to "cpu:…" */
    mm_status (*open)(mm_dev **out, const mm_dev_opts *o, mm_err *e);
    void (*close)(mm_dev *d);
    const char *(*describe)(const mm_dev *d);
    bool (*supports)(mm_precision p); /* can this machine run it at all */
    mm_status (*linear_weight)(mm_weight **out, mm_dev *d, const mm_linear_weight *w, mm_err *e);
    mm_status (*conv_weight)(mm_weight **out, mm_dev *d, const mm_conv_weight *w, mm_err *e);
    mm_status (*vector)(mm_weight **out, mm_dev *d, const mm_tensor *t, mm_err *e);
    mm_status (*table)(mm_weight **out, mm_dev *d, const mm_tensor *t, mm_err *e);
    void (*weight_free)(mm_dev *d, mm_weight *w);
    void (*each)(void (*each)(void *ctx, const char *name), void *ctx); /* NULL: one device, called as the back end */
    int (*facts)(const mm_dev *d, mm_fact *facts, int most);            /* NULL: none */
    const char *(*layout)(const mm_dev *d);                             /* NULL: weights cannot be packed for it */
    mm_status (*ready)(mm_ready *out, mm_dev *d, mm_weight *w, mm_err *e);
    mm_status (*alloc)(mm_dbuf **out, mm_dev *d, int64_t floats, mm_err *e);
    void (*free)(mm_dev *d, mm_dbuf *b);
    mm_status (*write)(mm_dev *d, mm_dbuf *b, int64_t off, const float *src, int64_t n, mm_err *e);
    mm_status (*read)(mm_dev *d, const mm_dbuf *b, int64_t off, float *dst, int64_t n, mm_err *e);
    mm_status (*linear)(mm_dev *d, const mm_linear_op *op, mm_err *e);
    mm_status (*conv)(mm_dev *d, const mm_conv_op *op, mm_err *e);
    mm_status (*norm)(mm_dev *d, const mm_norm_op *op, mm_err *e);
    mm_status (*attend)(mm_dev *d, const mm_attend_op *op, mm_err *e);
    mm_status (*gather)(mm_dev *d, const mm_gather_op *op, mm_err *e);
    mm_status (*pool)(mm_dev *d, const mm_pool_op *op, mm_err *e);
    mm_status (*flush)(mm_dev *d, mm_err *e);
    bool (*halves)(const mm_dev *d);                             /* NULL: no */
    int64_t (*room)(const mm_dev *d);                            /* floats, as mm_dev_room; NULL: the usual */
    mm_status (*submit)(mm_dev *d, uint64_t *ticket, mm_err *e); /* NULL: operations are done when they return */
    mm_status (*wait)(mm_dev *d, uint64_t ticket, mm_err *e);
} mm_backend;

/* The heads of every device's own structs. backend.c checks every descriptor against them (shapes that do not fit,
 * matrices that leave their buffer), so that a device may believe what it is handed. */
struct mm_dev {
    const mm_backend *be;
    mm_precision precision;
    mm_threads *pool;  /* owned by the device */
    mm_dev_made *made; /* NULL: nobody watches */
    void *made_ctx;
    mm_err failed; /* the sticky error; status MM_OK: nothing failed since the last flush */
};

typedef enum { MM_WEIGHT_LINEAR, MM_WEIGHT_CONV, MM_WEIGHT_VECTOR, MM_WEIGHT_TABLE } mm_weight_kind;
struct mm_weight {
    mm_weight_kind kind;
    int64_t n, k;      /* linear: [n,k]; conv: n outputs, k inputs of one group; vector: [n]; table: [n,k] */
    int groups, rank;  /* conv */
    int64_t kernel[3]; /* conv */
};

struct mm_dbuf {
    int64_t floats;
};

#endif
