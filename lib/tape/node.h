/* node.h: the inside of a tape, for the files that implement its operations. */
#ifndef MM_TAPE_NODE_H
#define MM_TAPE_NODE_H

#include "tape/ordered_gemm.h"
#include "tape/tape.h"

/* What an operation saves for its backward pass. Only the members that it needs are set. */
typedef struct {
    mm_node *in[4]; /* inputs */
    mm_node **many; /* concat, stack */
    int n;          /* how many of them; items of a packed batch; heads … */
    int heads;
    float number;
    float *saved; /* intermediate values */
    const int32_t *ids;
    const uint8_t *keep;
    const int64_t *cu_q, *cu_k;
    int64_t from;
    mm_param *param[2];
} mm_saved;

struct mm_node {
    int64_t rows, cols;
    float *value, *grad;                    /* grad is NULL until a gradient flows into it */
    bool flows;                             /* it depends on a parameter */
    void (*back)(mm_tape *t, mm_node *out); /* adds to the gradients of the inputs; NULL for a leaf */
    mm_saved s;
    mm_node *older;
};

struct mm_tape {
    mm_arena arena;
    mm_threads *pool;
    bool training, bf16;
    mm_node *newest;
    mm_err failed;
};

/* A new node with undefined values, its inputs (NULL: none) and backward function. On failure the tape is in error and
 * the node empty: operations check mm_tape_ok before they compute. */
mm_node *mm_node_of(mm_tape *t, int64_t rows, int64_t cols, void (*back)(mm_tape *, mm_node *), mm_node *a, mm_node *b);
static inline bool mm_tape_ok(const mm_tape *t)
{
    return t->failed.status == MM_OK;
}
void *mm_tape_alloc(mm_tape *t, size_t count, size_t size); /* cleared, tape memory; NULL: the tape is in error */
/* The node's gradient, allocated (zeros) on first use; NULL when it needs none. */
float *mm_grad_of(mm_tape *t, mm_node *x);
/* Puts the tape in error with a message about shapes. */
void mm_tape_misuse(mm_tape *t, const char *op, const mm_node *a, const mm_node *b);

/* The values of x, rounded to bf16 on a tape with bf16 products. */
const float *mm_operand(mm_tape *t, const float *x, int64_t n);
void mm_transpose(float *restrict y, const float *restrict x, int64_t rows, int64_t cols); /* y [cols, rows] */
const float *mm_transposed(mm_tape *t, const float *x, int64_t rows, int64_t cols); /* [cols, rows], tape memory */

#endif
