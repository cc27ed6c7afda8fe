/* device.h: the CPU as a device (backend.h): its state, its parameters and its scratch memory. */
#ifndef MM_CPU_DEVICE_H
#define MM_CPU_DEVICE_H

#include "backend/cpu/kernels.h"
#include "backend/vtable.h"

extern const mm_backend mm_backend_cpu;

typedef struct {
    mm_dev head;
    const mm_kernels *k;
    const mm_matmul *matmul, *precise; /* for linear layers; for those of first and last layers, and convolutions */
    mm_log log;
    char text[64], layout[64];
    char **scratch; /* [threads], scratch_bytes each */
    size_t scratch_bytes;
    size_t packed, packed_limit; /* bytes of weights kept in panels, and how many at most */
    uint32_t *panels;            /* of one operation's weight that is not kept */
    int64_t panels_words;
} mm_cpu_dev;

/* Activations: memory aligned to 64 bytes, with a vector's width after it for over-reads. */
typedef struct {
    mm_dbuf head;
    float *data;
} mm_cpu_buf;

typedef struct {
    mm_weight head;
    /* linear and table: the tensors where they lie */
    int parts;
    mm_tensor part[MM_MAX_PARTS];
    bool transposed;
    int uses;
    /* linear and conv: bias [n], or NULL; vector: the vector. Padded with zeros to whole vectors. */
    float *vector;
    /* linear and conv: the format it is multiplied in. linear: NULL until the weight is worth packing; conv: always.
     * Panels of matmul.h, groups one after another */
    const mm_matmul *m;
    uint32_t *packed;
    size_t packed_bytes;
    /* int8: w = q * scale, and Σ q, of each output. Padded like the vector */
    float *scale;
    int32_t *sum;
    bool mapped; /* packed, scale and sum belong to a file */
} mm_cpu_weight;

mm_status mm_cpu_linear_weight(mm_weight **out, mm_dev *d, const mm_linear_weight *w, mm_err *e);
mm_status mm_cpu_conv_weight(mm_weight **out, mm_dev *d, const mm_conv_weight *w, mm_err *e);
mm_status mm_cpu_vector(mm_weight **out, mm_dev *d, const mm_tensor *t, mm_err *e);
mm_status mm_cpu_table(mm_weight **out, mm_dev *d, const mm_tensor *t, mm_err *e);
void mm_cpu_weight_free(mm_dev *d, mm_weight *w);

int64_t mm_cpu_panel_words(const mm_matmul *m, int64_t n, int64_t k); /* of all panels of n columns */

/* Packs columns n0 .. n0+n-1 of the transposed linear weight, k from k0, into dst[k][width] as words of the weight's
 * format, which has no scales; `scratch` is MM_PANEL_PIECE * width + 16 floats. */
enum { MM_PANEL_PIECE = 64 };
void mm_cpu_pack_words(const mm_kernels *kern, const mm_cpu_weight *w, uint32_t *dst, int width, int64_t n0, int n,
                       int64_t k0, int64_t k, float *scratch);

/* Called before each use of a linear weight: packs all of it permanently when that saves time. MM_FATAL when it has to
 * be packed and memory runs out. */
mm_status mm_cpu_consider_packing(mm_cpu_dev *d, mm_cpu_weight *w, mm_err *e);

/* Packs all of a weight without scales for one operation; NULL: out of memory. The next call overwrites it. */
const uint32_t *mm_cpu_pack_once(mm_cpu_dev *d, mm_cpu_weight *w);

/* Packs a convolution's weights. */
mm_status mm_cpu_pack_conv(mm_cpu_dev *d, mm_cpu_weight *w, const mm_conv_weight *cw, mm_err *e);

/* Takes over panels from a packed model (NULL: there are none); MM_FATAL when they do not fit. */
mm_status mm_cpu_adopt(mm_cpu_weight *w, const mm_laid_out *r, mm_err *e);
mm_status mm_cpu_lay_out(mm_laid_out *out, mm_dev *d, mm_weight *w, mm_err *e);

mm_status mm_cpu_alloc(mm_dbuf **out, mm_dev *d, int64_t floats, mm_err *e);
void mm_cpu_free(mm_dev *d, mm_dbuf *b);
mm_status mm_cpu_write(mm_dev *d, mm_dbuf *b, int64_t off, const float *src, int64_t n, mm_err *e);
mm_status mm_cpu_read(mm_dev *d, const mm_dbuf *b, int64_t off, float *dst, int64_t n, mm_err *e);

#define MM_CPU_OP(name, rows) mm_status mm_cpu_##name(mm_dev *d, const mm_##name##_op *op, mm_err *e);
MM_OPS(MM_CPU_OP)
#undef MM_CPU_OP

static inline float *mm_cpu_at(const mm_mat *m)
{
    return ((const mm_cpu_buf *)m->buf)->data + m->off;
}

/* n floats aligned to 64 bytes, with a vector's width after them; NULL: out of memory. free() frees them. */
float *mm_cpu_floats(int64_t n);
float *mm_cpu_padded(int64_t n); /* the same, all zeros */

/* Gives every thread at least `floats` floats of scratch memory, contents undefined. */
mm_status mm_cpu_scratch(mm_cpu_dev *d, int64_t floats, mm_err *e);

/* Scratch memory is carved into pieces that each begin on a cache line and may be over-written by a vector. */
static inline int64_t mm_cpu_piece(int64_t floats)
{
    return (floats + 16 + 15) / 16 * 16;
}

/* As narrow.inc rounds. */
static inline int32_t mm_cpu_round(float x)
{
    union {
        float f;
        int32_t i;
    } u = {x + 12582912.0f};
    return u.i - 0x4b400000;
}

static inline int64_t mm_ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

#endif
