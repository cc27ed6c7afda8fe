/* vtable.h: what a device implements: one const table (listed in backend.c) and the heads of its own structs. */
#ifndef MM_BACKEND_VTABLE_H
#define MM_BACKEND_VTABLE_H

#include "backend/layout.h"
#include "backend/ops.h"

typedef struct mm_backend {
    const char *name; /* "cpu" also answers to "cpu:…" */
    mm_status (*open)(mm_dev **out, const mm_dev_opts *o, mm_err *e);
    void (*close)(mm_dev *d);
    const char *(*describe)(const mm_dev *d);
    bool (*supports)(mm_precision p); /* this machine can run it at all */
    mm_status (*linear_weight)(mm_weight **out, mm_dev *d, const mm_linear_weight *w, mm_err *e);
    mm_status (*conv_weight)(mm_weight **out, mm_dev *d, const mm_conv_weight *w, mm_err *e);
    mm_status (*vector)(mm_weight **out, mm_dev *d, const mm_tensor *t, mm_err *e);
    mm_status (*table)(mm_weight **out, mm_dev *d, const mm_tensor *t, mm_err *e);
    void (*weight_free)(mm_dev *d, mm_weight *w);
    void (*each)(void (*each)(void *ctx, const char *name), void *ctx); /* NULL: one device, called as the back end */
    int (*facts)(const mm_dev *d, mm_fact *facts, int most);            /* NULL: none */
    const char *(*layout)(const mm_dev *d);                             /* NULL: weights cannot be packed for it */
    mm_status (*lay_out)(mm_laid_out *out, mm_dev *d, mm_weight *w, mm_err *e);
    mm_status (*alloc)(mm_dbuf **out, mm_dev *d, int64_t floats, mm_err *e);
    void (*free)(mm_dev *d, mm_dbuf *b);
    mm_status (*write)(mm_dev *d, mm_dbuf *b, int64_t off, const float *src, int64_t n, mm_err *e);
    mm_status (*read)(mm_dev *d, const mm_dbuf *b, int64_t off, float *dst, int64_t n, mm_err *e);
#define MM_OP_ENTRY(name, rows) mm_status (*name)(mm_dev * d, const mm_##name##_op *op, mm_err *e);
    MM_OPS(MM_OP_ENTRY)
#undef MM_OP_ENTRY
    mm_status (*flush)(mm_dev *d, mm_err *e);
    bool (*halves)(const mm_dev *d);                             /* NULL: no */
    int64_t (*batch_floats)(const mm_dev *d);                    /* floats, as mm_dev_batch_floats; NULL: the usual */
    mm_status (*submit)(mm_dev *d, uint64_t *ticket, mm_err *e); /* NULL: operations are done when they return */
    mm_status (*wait)(mm_dev *d, uint64_t ticket, mm_err *e);
} mm_backend;

/* Whatever fails fills `e` (mm_fail). Descriptors are checked before a device sees them (ops.c): shapes fit together,
 * matrices lie in their buffers. */

int32_t mm_largest_id(const int32_t *ids, int64_t n); /* −1: all are negative */

struct mm_dev {
    const mm_backend *be;
    mm_precision precision;
    mm_threads *pool;     /* owned by the device */
    mm_weight_made *made; /* NULL: nobody watches */
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

static inline bool mm_dbuf_holds(const mm_dbuf *b, int64_t off, int64_t floats)
{
    return b && off >= 0 && floats >= 0 && floats <= b->floats && off <= b->floats - floats;
}

/* ---- mm_attend_op with its defaults filled in ---- */

static inline int mm_attend_kv_heads(const mm_attend_op *op)
{
    return op->kv_heads > 0 ? op->kv_heads : op->heads;
}

static inline int64_t mm_attend_keys(const mm_attend_op *op, int item)
{
    return op->k_count ? op->k_count[item] : op->k_start[item + 1] - op->k_start[item];
}

static inline int64_t mm_attend_start(const mm_attend_op *op, int item) /* position of the first query */
{
    return op->q_start ? op->q_start[item] : 0;
}

static inline int64_t mm_attend_prefix(const mm_attend_op *op, int item)
{
    return op->prefix ? op->prefix[item] : 0;
}

#endif
