/* ops_matrix.c: products of matrices. */
#include "tape/node.h"

/* d[M,N] += a[M,K] b[K,N], any strides of a */
static void product_into(mm_tape *t, float *d, int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row,
                         int64_t a_col, const float *b, bool add)
{
    mm_ordered_gemm(&(mm_ordered_gemm_args){.m = m,
                                            .n = n,
                                            .k = k,
                                            .a = a,
                                            .a_row = a_row,
                                            .a_col = a_col,
                                            .b = b,
                                            .ldb = n,
                                            .c = d,
                                            .ldc = n,
                                            .add = add},
                    t->pool);
}

/* y[R,out] = x[R,in] wᵀ + b, so dx = dy w, dw += dyᵀ x, db += Σ_rows dy */
static void linear_back(mm_tape *t, mm_node *y)
{
    mm_node *x = y->s.in[0], *w = y->s.in[1], *b = y->s.in[2];
    int64_t rows = y->rows, out = y->cols, in = x->cols;
    const float *dy = mm_operand(t, y->grad, rows * out);
    if (mm_grad_of(t, x))
        product_into(t, x->grad, rows, in, out, dy, out, 1, mm_operand(t, w->value, out * in), true);
    if (mm_grad_of(t, w))
        product_into(t, w->grad, out, in, rows, dy, 1, out, mm_operand(t, x->value, rows * in), true);
    if (b && mm_grad_of(t, b))
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < out; c++)
                b->grad[c] += y->grad[r * out + c];
}

mm_node *mm_t_linear(mm_tape *t, mm_node *x, mm_param *w, mm_param *b)
{
    mm_node *wn = mm_t_use(t, w), *bn = b ? mm_t_use(t, b) : NULL;
    mm_node *y = mm_node_of(t, x->rows, w->rows, linear_back, x, wn);
    if (!mm_tape_ok(t) || x->cols != w->cols || (b && b->cols != w->rows)) {
        mm_tape_misuse(t, w->name, x, wn);
        return y;
    }
    y->s.in[2] = bn;
    y->flows |= bn && bn->flows;
    for (int64_t r = 0; r < y->rows; r++)
        for (int64_t c = 0; c < y->cols; c++)
            y->value[r * y->cols + c] = b ? b->value[c] : 0;
    const float *wt = w->transposed ? mm_operand(t, w->transposed, w->rows * w->cols)
                                    : mm_transposed(t, mm_operand(t, w->value, w->rows * w->cols), w->rows, w->cols);
    product_into(t, y->value, y->rows, y->cols, x->cols, mm_operand(t, x->value, x->rows * x->cols), x->cols, 1, wt,
                 true);
    return y;
}

/* y[R,S] = a[R,K] bᵀ, so da = dy b, db = dyᵀ a */
static void matmul_nt_back(mm_tape *t, mm_node *y)
{
    mm_node *a = y->s.in[0], *b = y->s.in[1];
    int64_t r = y->rows, s = y->cols, k = a->cols;
    const float *dy = mm_operand(t, y->grad, r * s);
    if (mm_grad_of(t, a))
        product_into(t, a->grad, r, k, s, dy, s, 1, mm_operand(t, b->value, s * k), true);
    if (mm_grad_of(t, b))
        product_into(t, b->grad, s, k, r, dy, 1, s, mm_operand(t, a->value, r * k), true);
}

mm_node *mm_t_matmul_nt(mm_tape *t, mm_node *a, mm_node *b)
{
    mm_node *y = mm_node_of(t, a->rows, b->rows, matmul_nt_back, a, b);
    if (!mm_tape_ok(t) || a->cols != b->cols) {
        mm_tape_misuse(t, "matrix product", a, b);
        return y;
    }
    const float *bt = mm_transposed(t, mm_operand(t, b->value, b->rows * b->cols), b->rows, b->cols);
    product_into(t, y->value, y->rows, y->cols, a->cols, mm_operand(t, a->value, a->rows * a->cols), a->cols, 1, bt,
                 false);
    return y;
}
