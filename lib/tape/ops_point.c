/* ops_point.c: elementwise operations. */
#include "tape/node.h"

#include <math.h>

static int64_t size_of(const mm_node *x)
{
    return x->rows * x->cols;
}

/* How b is broadcast over a: the strides of its element for row r, column c of a. */
typedef struct {
    int64_t row, col;
} broadcast;

static bool broadcast_of(broadcast *s, const mm_node *a, const mm_node *b)
{
    *s = (broadcast){b->rows == 1 ? 0 : b->cols, b->cols == 1 ? 0 : 1};
    return (b->rows == a->rows || b->rows == 1) && (b->cols == a->cols || b->cols == 1);
}

static void add_back(mm_tape *t, mm_node *y)
{
    mm_node *a = y->s.in[0], *b = y->s.in[1];
    broadcast s;
    broadcast_of(&s, a, b);
    if (mm_grad_of(t, a))
        for (int64_t i = 0; i < size_of(y); i++)
            a->grad[i] += y->grad[i];
    if (mm_grad_of(t, b))
        for (int64_t r = 0; r < y->rows; r++)
            for (int64_t c = 0; c < y->cols; c++)
                b->grad[r * s.row + c * s.col] += y->grad[r * y->cols + c];
}

mm_node *mm_t_add(mm_tape *t, mm_node *a, mm_node *b)
{
    broadcast s;
    mm_node *y = mm_node_of(t, a->rows, a->cols, add_back, a, b);
    if (!mm_tape_ok(t) || !broadcast_of(&s, a, b)) {
        mm_tape_misuse(t, "sum", a, b);
        return y;
    }
    for (int64_t r = 0; r < y->rows; r++)
        for (int64_t c = 0; c < y->cols; c++)
            y->value[r * y->cols + c] = a->value[r * y->cols + c] + b->value[r * s.row + c * s.col];
    return y;
}

static void mul_back(mm_tape *t, mm_node *y)
{
    mm_node *a = y->s.in[0], *b = y->s.in[1];
    broadcast s;
    broadcast_of(&s, a, b);
    float *da = mm_grad_of(t, a), *db = mm_grad_of(t, b);
    for (int64_t r = 0; r < y->rows; r++) {
        for (int64_t c = 0; c < y->cols; c++) {
            int64_t i = r * y->cols + c, j = r * s.row + c * s.col;
            if (da)
                da[i] += y->grad[i] * b->value[j];
            if (db)
                db[j] += y->grad[i] * a->value[i];
        }
    }
}

mm_node *mm_t_mul(mm_tape *t, mm_node *a, mm_node *b)
{
    broadcast s;
    mm_node *y = mm_node_of(t, a->rows, a->cols, mul_back, a, b);
    if (!mm_tape_ok(t) || !broadcast_of(&s, a, b)) {
        mm_tape_misuse(t, "product", a, b);
        return y;
    }
    for (int64_t r = 0; r < y->rows; r++)
        for (int64_t c = 0; c < y->cols; c++)
            y->value[r * y->cols + c] = a->value[r * y->cols + c] * b->value[r * s.row + c * s.col];
    return y;
}

static void scale_back(mm_tape *t, mm_node *y)
{
    float *dx = mm_grad_of(t, y->s.in[0]);
    for (int64_t i = 0; dx && i < size_of(y); i++)
        dx[i] += y->grad[i] * y->s.number;
}

mm_node *mm_t_scale(mm_tape *t, mm_node *x, float s)
{
    mm_node *y = mm_node_of(t, x->rows, x->cols, scale_back, x, NULL);
    y->s.number = s;
    for (int64_t i = 0; mm_tape_ok(t) && i < size_of(y); i++)
        y->value[i] = x->value[i] * s;
    return y;
}

/* Activations: y = f(x), and the gradient of x from g, the gradient of y. Written so that the compiler vectorises the
 * loops. */
#define POINTWISE(name, value_of, back_of)                                                                             \
    static void name##_back(mm_tape *t, mm_node *out)                                                                  \
    {                                                                                                                  \
        float *restrict dx = mm_grad_of(t, out->s.in[0]);                                                              \
        const float *restrict from = out->s.in[0]->value, *restrict to = out->value, *restrict dy = out->grad;         \
        int64_t n = dx ? size_of(out) : 0;                                                                             \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            float x = from[i], y = to[i], g = dy[i];                                                                   \
            (void)x, (void)y;                                                                                          \
            dx[i] += (back_of);                                                                                        \
        }                                                                                                              \
    }                                                                                                                  \
    mm_node *mm_t_##name(mm_tape *t, mm_node *in)                                                                      \
    {                                                                                                                  \
        mm_node *out = mm_node_of(t, in->rows, in->cols, name##_back, in, NULL);                                       \
        const float *restrict from = in->value;                                                                        \
        float *restrict to = out->value;                                                                               \
        int64_t n = mm_tape_ok(t) ? size_of(out) : 0;                                                                  \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            float x = from[i];                                                                                         \
            to[i] = (value_of);                                                                                        \
        }                                                                                                              \
        return out;                                                                                                    \
    }

static float normal_cdf(float x)
{
    return 0.5f * (1 + erff(x * 0.70710678f));
}

static float normal_pdf(float x)
{
    return 0.39894228f * expf(-0.5f * x * x);
}

POINTWISE(relu, x > 0 ? x : 0, x > 0 ? g : 0)
POINTWISE(gelu, x *normal_cdf(x), g *(normal_cdf(x) + x * normal_pdf(x)))
POINTWISE(tanh, tanhf(x), g *(1 - y * y))
POINTWISE(exp, expf(x), g *y)
POINTWISE(log, logf(fmaxf(x, 1e-30f)), x > 1e-30f ? g / x : 0)

static void dropout_back(mm_tape *t, mm_node *y)
{
    float *dx = mm_grad_of(t, y->s.in[0]);
    for (int64_t i = 0; dx && i < size_of(y); i++)
        dx[i] += y->grad[i] * y->s.saved[i];
}

mm_node *mm_t_dropout(mm_tape *t, mm_node *x, float p, mm_rng *r)
{
    if (!t->training || p <= 0)
        return x;
    mm_node *y = mm_node_of(t, x->rows, x->cols, dropout_back, x, NULL);
    float *factor = mm_tape_alloc(t, (size_t)size_of(x), sizeof *factor);
    if (!mm_tape_ok(t))
        return y;
    y->s.saved = factor;
    for (int64_t i = 0; i < size_of(y); i++) {
        factor[i] = mm_rng_uniform(r) < p ? 0 : 1 / (1 - p);
        y->value[i] = x->value[i] * factor[i];
    }
    return y;
}
