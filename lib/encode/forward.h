/* forward.h: one forward pass over a batch: its inputs and layout, device memory for it, and the operations that every
 * architecture uses. */
#ifndef MM_ENCODE_FORWARD_H
#define MM_ENCODE_FORWARD_H

#include "backend/ops.h"
#include "encode/encode.h"
#include "encode/params.h"

/* A forward pass over n inputs, packed. The architecture fills cu (and valid, grid, eos where they apply), then hands
 * over each hidden state that is wanted, in ascending order, by tap(ctx, k, x): x is [cu[n], width] on the device and
 * may be overwritten after the call. It may stop after the last one that is wanted. */
typedef struct mm_forward {
    const mm_input *in;
    int n;
    const bool *want; /* [layers + 1]: hidden state k is wanted */
    void (*tap)(void *ctx, int k, mm_mat x);
    void *ctx;
    mm_arena *arena; /* lives as long as this pass */
    int64_t *cu;     /* [n+1] rows of each item in the hidden states */
    int64_t *valid;  /* [n] rows of item i that hold its content, not padding; preset to −1: all of them */
    mm_grid *grid;   /* [n] preset to zeros */
    int64_t *eos;    /* [n] row within item i of the end-of-text token */
} mm_forward;

/* Rows of item i that hold its content. */
int64_t mm_valid_rows(const mm_forward *f, int i);

/* Memory on the device that grows, is kept between passes, and is handed out piece by piece. */
typedef struct {
    mm_dbuf *buf;
    int64_t cap, used;
} mm_workspace;

/* Makes `floats` available and starts handing out from the beginning; nothing may be in flight. */
mm_status mm_workspace_begin(mm_workspace *w, mm_dev *d, int64_t floats, mm_err *e);
/* [rows, ld]. Pieces begin at multiples of MM_WORKSPACE_ALIGN floats: count that much more for each. */
enum { MM_WORKSPACE_ALIGN = 16 };
mm_mat mm_workspace_take(mm_workspace *w, int64_t rows, int64_t ld);
void mm_workspace_free(mm_workspace *w, mm_dev *d);

mm_mat mm_mat_at(mm_mat m, int64_t row, int64_t column); /* the part of m that begins there */
void mm_apply_norm(mm_dev *d, const mm_norm_params *norm, float eps, mm_mat x, mm_mat y, int64_t rows, int64_t width);
/* y[i] = mean of item i's rows first .. first+count−1; count −1: of all its valid rows from `first` on, without the
 * rows of its prompt (mm_input.lead). */
mm_status mm_pool_items(mm_dev *d, const mm_forward *f, mm_mat x, mm_mat y, int64_t width, int64_t first, int64_t count,
                        mm_err *e);

#endif
