/* backend.h: devices that compute (the CPU; GPUs through Vulkan), the parameters of a model on them, and memory for
 * activations. What they compute with those is in ops.h. Nothing above lib/backend knows which device it talks to.
 * Weights keep the type they have on disk until the device packs them. */
#ifndef MM_BACKEND_BACKEND_H
#define MM_BACKEND_BACKEND_H

#include "base/log.h"
#include "base/threads.h"
#include "tensor/tensor.h"

typedef enum { MM_PREC_FP32, MM_PREC_BF16, MM_PREC_FP16, MM_PREC_INT16, MM_PREC_INT8, MM_PREC_AUTO } mm_precision;

const char *mm_precision_name(mm_precision p); /* "bf16" */
bool mm_precision_of(mm_precision *out, const char *name);

typedef struct mm_dev mm_dev;           /* an open device */
typedef struct mm_weight mm_weight;     /* a parameter on the device */
typedef struct mm_dbuf mm_dbuf;         /* activations on the device */
typedef struct mm_laid_out mm_laid_out; /* layout.h */

/* ---- parameters ---- */

/* A linear layer's weights: up to three PyTorch-shaped [N_i, K] matrices (query, key, value) that are used as one
 * [N, K], N = Σ N_i, each with its own bias [N_i] or none. The tensors must outlive the weight: they are
 * mapped files, read when needed. */
enum { MM_MAX_PARTS = 3 };
typedef struct {
    int parts;
    mm_tensor w[MM_MAX_PARTS];    /* [N_i, K]; or [K, N_i] when `transposed` */
    mm_tensor bias[MM_MAX_PARTS]; /* data NULL: zeros */
    bool transposed;
    bool precise;                /* keep the higher precision in a reduced-precision run (first and last layers) */
    const mm_laid_out *laid_out; /* from a packed model, used in place; NULL: none */
} mm_linear_weight;

/* A convolution's weights as PyTorch has them: [O, I/groups, k1 .. kr], r = 1..3; the device reorders them to
 * channels last. */
typedef struct {
    mm_tensor w;
    mm_tensor bias; /* [O]; data NULL: zeros */
    int groups;
    bool precise;
    const mm_laid_out *laid_out;
} mm_conv_weight;

/* ---- devices ---- */

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

/* A figure to compare machines by: floating-point operations a second, in 1e9, of a linear layer of 512 rows, 1024
 * inputs and 1024 outputs; measured for some tenths of a second. */
mm_status mm_dev_rate(double *gflops, mm_dev *d, mm_err *e);

mm_status mm_dev_linear_weight(mm_weight **out, mm_dev *d, const mm_linear_weight *w, mm_err *e);
mm_status mm_dev_conv_weight(mm_weight **out, mm_dev *d, const mm_conv_weight *w, mm_err *e);
/* [N] gains, biases, scales; flattened */
mm_status mm_dev_vector(mm_weight **out, mm_dev *d, const mm_tensor *t, mm_err *e);
/* [rows,width]; rank above 2 is flattened to its last dimension */
mm_status mm_dev_table(mm_weight **out, mm_dev *d, const mm_tensor *t, mm_err *e);
void mm_dev_weight_free(mm_dev *d, mm_weight *w); /* NULL is fine */

/* A buffer of `floats` f32; contents undefined. To grow it, free it and allocate another. */
mm_status mm_dev_alloc(mm_dbuf **out, mm_dev *d, int64_t floats, mm_err *e);
/* Floats of activations that make good use of the device at a time: 64 Mi on a processor, more on a large GPU, which is
 * idle in small batches. A hint: results do not depend on it. */
int64_t mm_dev_batch_floats(const mm_dev *d);
void mm_dev_free(mm_dev *d, mm_dbuf *b); /* NULL is fine */
/* src is read before the call returns. */
void mm_dev_write(mm_dev *d, mm_dbuf *b, int64_t off, const float *src, int64_t n);
/* dst is filled when the next flush returns. */
void mm_dev_read(mm_dev *d, const mm_dbuf *b, int64_t off, float *dst, int64_t n);

/* Waits for everything recorded since the last flush; returns the first error since then. */
mm_status mm_dev_flush(mm_dev *d, mm_err *e);
/* Starts everything recorded so far without waiting; returns the first error of recording it. mm_dev_wait returns when
 * what was read before the submission is there, whatever was recorded and submitted since. */
mm_status mm_dev_submit(mm_dev *d, uint64_t *ticket, mm_err *e);
mm_status mm_dev_wait(mm_dev *d, uint64_t ticket, mm_err *e);
bool mm_dev_overlaps(const mm_dev *d); /* true: what was submitted is computed while the next is recorded */

#endif
