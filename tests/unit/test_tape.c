/* Every gradient of the tape against central finite differences of its own forward pass, and the forward values of the
 * operations with a closed form against that form. (Agreement with PyTorch's autograd: test_heads.c.) */
#include "tape/ordered_gemm.h"
#include "tape/tape.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROWS = 5, COLS = 6, HIDDEN = 4 };

typedef struct {
    mm_param_set params;
    mm_param *a, *b, *w, *bias, *gain, *row, *square;
} world;

static void random_param(mm_param *p, mm_rng *r)
{
    for (int64_t i = 0; i < p->rows * p->cols; i++)
        p->value[i] = (float)(2 * mm_rng_uniform(r) - 1);
}

static int set_up(void **state)
{
    world *s = calloc(1, sizeof *s);
    mm_rng r = {.state = 7};
    s->a = mm_param_set_add(&s->params, "a", 2, ROWS, COLS);
    s->b = mm_param_set_add(&s->params, "b", 2, ROWS, COLS);
    s->w = mm_param_set_add(&s->params, "w", 2, HIDDEN, COLS);
    s->bias = mm_param_set_add(&s->params, "bias", 1, 1, HIDDEN);
    s->gain = mm_param_set_add(&s->params, "gain", 1, 1, COLS);
    s->row = mm_param_set_add(&s->params, "row", 1, 1, COLS);
    s->square = mm_param_set_add(&s->params, "square", 2, ROWS, ROWS);
    for (int i = 0; i < s->params.n; i++)
        random_param(s->params.p[i], &r);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    world *s = *state;
    mm_param_set_free(&s->params);
    free(s);
    return 0;
}

/* A weighted sum of all elements, so that every output element has a slope of its own: Σ x ⊙ c as a [1,1] node. */
static mm_node *to_scalar(mm_tape *t, mm_node *x)
{
    int64_t n = mm_rows(x) * mm_cols(x);
    float *c = malloc((size_t)n * sizeof *c);
    for (int64_t i = 0; i < n; i++)
        c[i] = (float)(0.3 + 0.1 * (double)(i % 7));
    mm_node *sum = mm_t_row_dot(t, x, mm_t_input(t, mm_rows(x), mm_cols(x), c));
    free(c);
    int64_t cu[2] = {0, mm_rows(x)};
    return mm_t_scale(t, mm_t_mean_rows(t, sum, 1, cu), (float)mm_rows(x));
}

typedef mm_node *(*graph)(mm_tape *t, world *s);

static double loss_of(graph g, world *s, mm_tape *t)
{
    mm_tape_reset(t);
    mm_node *y = to_scalar(t, g(t, s));
    assert_int_equal(mm_tape_error(t, NULL), MM_OK);
    return mm_value(y)[0];
}

static void check_gradient(world *s, graph g)
{
    mm_tape *t;
    assert_int_equal(mm_tape_new(&t, NULL, true, NULL), MM_OK);
    mm_param_set_zero_grad(&s->params);
    mm_node *y = to_scalar(t, g(t, s));
    mm_err e = {0};
    if (mm_tape_error(t, &e) != MM_OK)
        fail_msg("%s", e.text);
    mm_backward(t, y, 1);
    for (int i = 0; i < s->params.n; i++) {
        mm_param *p = s->params.p[i];
        for (int64_t j = 0; j < p->rows * p->cols; j++) {
            const float h = 4e-3f;
            float was = p->value[j], grad = p->grad[j];
            p->value[j] = was + h;
            double up = loss_of(g, s, t);
            p->value[j] = was - h;
            double down = loss_of(g, s, t);
            p->value[j] = was;
            double slope = (up - down) / (2 * h);
            if (fabs(slope - grad) > 3e-3 + 2e-2 * fabs(slope))
                fail_msg("d/d%s[%d]: tape %g, finite difference %g", p->name, (int)j, grad, slope);
        }
    }
    mm_tape_free(t);
}

#define GRADIENT(name, ...)                                                                                            \
    static mm_node *name(mm_tape *t, world *s)                                                                         \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }                                                                                                                  \
    static void test_##name(void **state)                                                                              \
    {                                                                                                                  \
        check_gradient(*state, name);                                                                                  \
    }

#define A mm_t_use(t, s->a)
#define B mm_t_use(t, s->b)

GRADIENT(linear, return mm_t_linear(t, A, s->w, s->bias);)
GRADIENT(linear_without_bias, return mm_t_linear(t, A, s->w, NULL);)
GRADIENT(matmul, return mm_t_matmul_nt(t, A, B);)
GRADIENT(add, return mm_t_add(t, A, B);)
GRADIENT(add_row, return mm_t_add(t, A, mm_t_use(t, s->row));)
GRADIENT(mul, return mm_t_mul(t, A, B);)
GRADIENT(mul_row, return mm_t_mul(t, A, mm_t_use(t, s->row));)
GRADIENT(mul_column, return mm_t_mul(t, A, mm_t_columns(t, B, 2, 1));)
GRADIENT(gelu, return mm_t_gelu(t, A);)
GRADIENT(tanh_, return mm_t_tanh(t, A);)
GRADIENT(exp_, return mm_t_exp(t, A);)
GRADIENT(log_, return mm_t_log(t, mm_t_exp(t, A));)
GRADIENT(concat, mm_node *x[] = {A, mm_t_scale(t, B, 2), A}; return mm_t_concat(t, x, 3);)
GRADIENT(stack, mm_node *x[] = {A, mm_t_scale(t, B, 2), A}; return mm_t_stack(t, x, 3);)
GRADIENT(take, const int32_t ids[] = {4, -1, 0, 4}; return mm_t_take(t, A, ids, 4);)
GRADIENT(columns, return mm_t_columns(t, A, 1, 3);)
GRADIENT(softmax, return mm_t_softmax(t, A, NULL);)
GRADIENT(softmax_masked, uint8_t keep[ROWS * COLS] = {[0] = 1, [1] = 1, [7] = 1, [12] = 1, [13] = 1, [14] = 1};
         return mm_t_softmax(t, A, keep);)
GRADIENT(layer_norm, return mm_t_layer_norm(t, A, s->gain, s->row, 1e-5f);)
GRADIENT(l2_normalize, return mm_t_l2_normalize(t, A);)
GRADIENT(squash, return mm_t_squash(t, A);)
GRADIENT(row_dot, return mm_t_row_dot(t, A, B);)
GRADIENT(mean_rows, const int64_t cu[] = {0, 2, 2, 5}; return mm_t_mean_rows(t, A, 3, cu);)
GRADIENT(attention, const int64_t cu_q[] = {0, 2, 5}, cu_k[] = {0, 4, 5};
         return mm_t_attention(t, A, B, mm_t_mul(t, A, B), 2, 2, cu_q, cu_k, NULL);)
GRADIENT(cross_entropy, const int32_t target[ROWS] = {0, 5, -1, 2, 2};
         return mm_t_cross_entropy(t, A, target, 0, NULL);)
GRADIENT(cross_entropy_smoothed, const int32_t target[ROWS] = {0, 5, -1, 2, 2};
         const float weight[COLS] = {1, 2, 0.5f, 1, 1, 3}; return mm_t_cross_entropy(t, A, target, 0.1f, weight);)
GRADIENT(mse, float y[ROWS * COLS] = {1, 2, NAN, 4}; return mm_t_mse(t, A, y);)
GRADIENT(info_nce, return mm_t_info_nce(t, mm_t_scale(t, mm_t_use(t, s->square), 3));)
GRADIENT(sigmoid_loss, return mm_t_sigmoid_loss(t, mm_t_scale(t, mm_t_use(t, s->square), 3));)

/* ReLU is not smooth at 0: its values are checked instead, its slope where the input is away from 0. */
static void test_relu(void **state)
{
    (void)state;
    mm_param_set set = {0};
    mm_param *p = mm_param_set_add(&set, "p", 1, 1, 4);
    const float in[4] = {-2, -0.5f, 0.5f, 3}, out[4] = {0, 0, 0.5f, 3}, slope[4] = {0, 0, 1, 1};
    memcpy(p->value, in, sizeof in);
    mm_tape *t;
    assert_int_equal(mm_tape_new(&t, NULL, true, NULL), MM_OK);
    mm_node *y = mm_t_relu(t, mm_t_use(t, p));
    assert_memory_equal(mm_value(y), out, sizeof out);
    const float ones[4] = {1, 1, 1, 1};
    mm_backward(t, mm_t_row_dot(t, y, mm_t_input(t, 1, 4, ones)), 1);
    assert_memory_equal(p->grad, slope, sizeof slope);
    mm_tape_free(t);
    mm_param_set_free(&set);
}

/* The same bits from every number of threads, for a product large enough to be shared out. */
static void test_threads_agree(void **state)
{
    (void)state;
    enum { M = 67, N = 83, K = 129 };
    float *first = NULL;
    for (int threads = 1; threads <= 4; threads++) {
        mm_threads *pool;
        mm_tape *t;
        mm_param_set set = {0};
        mm_rng r = {.state = 3};
        mm_param *w = mm_param_set_add(&set, "w", 2, N, K), *x = mm_param_set_add(&set, "x", 2, M, K);
        random_param(w, &r);
        random_param(x, &r);
        assert_int_equal(mm_threads_new(&pool, threads, NULL), MM_OK);
        assert_int_equal(mm_tape_new(&t, pool, true, NULL), MM_OK);
        mm_backward(t, to_scalar(t, mm_t_gelu(t, mm_t_linear(t, mm_t_use(t, x), w, NULL))), 1);
        if (first)
            assert_memory_equal(first, w->grad, N * K * sizeof(float));
        else
            memcpy(first = malloc(N * K * sizeof(float)), w->grad, N * K * sizeof(float));
        mm_tape_free(t);
        mm_threads_free(pool);
        mm_param_set_free(&set);
    }
    free(first);
}

static void test_shapes_are_checked(void **state)
{
    world *s = *state;
    mm_tape *t;
    mm_err e = {0};
    assert_int_equal(mm_tape_new(&t, NULL, true, NULL), MM_OK);
    mm_node *y = mm_t_add(t, A, mm_t_use(t, s->square));
    mm_backward(t, y, 1);
    assert_int_equal(mm_tape_error(t, &e), MM_FATAL);
    assert_string_equal(e.text, "sum: [5,6] does not go with [5,5]");
    mm_tape_free(t);
}

#define WITH_WORLD(f) cmocka_unit_test_setup_teardown(test_##f, set_up, tear_down)

/* ---- the matrix product ---- */

/* c = (add ? c : 0) + a·b as gemm.h defines it: one sum an element, k upwards, nothing fused */
static void plain_product(const mm_ordered_gemm_args *g, float *c)
{
    for (int64_t i = 0; i < g->m; i++) {
        for (int64_t j = 0; j < g->n; j++) {
            volatile float sum = g->add ? c[i * g->ldc + j] : 0, one;
            for (int64_t p = 0; p < g->k; p++) {
                one = g->a[i * g->a_row + p * g->a_col] * g->b[p * g->ldb + j];
                sum = sum + one;
            }
            c[i * g->ldc + j] = sum;
        }
    }
}

/* Every instruction set gives the same bits, whatever is left over of a tile, and writes nothing beside it. */
static void test_products_are_the_same_everywhere(void **state)
{
    (void)state;
    enum { SIZE = 5000 };
    static float a[SIZE], b[SIZE], c[SIZE], want[SIZE];
    void (*tier[3])(const mm_ordered_gemm_args *, int64_t, int64_t) = {mm_ordered_gemm_rows_portable};
    int tiers = 1;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        tier[tiers++] = mm_ordered_gemm_rows_avx2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"))
        tier[tiers++] = mm_ordered_gemm_rows_avx512;
#endif
    mm_rng r = {.state = 3};
    for (int i = 0; i < SIZE; i++) {
        a[i] = (float)(2 * mm_rng_uniform(&r) - 1);
        b[i] = (float)(2 * mm_rng_uniform(&r) - 1);
    }
    for (int64_t n = 1; n < 70; n++) {
        for (int t = 0; t < tiers; t++) {
            int64_t m = n % 9 + 1, k = n % 13 + 1;
            mm_ordered_gemm_args g = {
                .m = m, .n = n, .k = k, .a = a, .b = b, .ldb = n, .c = c, .ldc = n + 2, .add = n % 2};
            g.a_row = n % 3 ? k : 1; /* as it is, or transposed */
            g.a_col = n % 3 ? 1 : m;
            memcpy(c, b, sizeof c);
            memcpy(want, b, sizeof want);
            plain_product(&g, want);
            tier[t](&g, 0, m);
            assert_memory_equal(c, want, sizeof c);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(linear),
        WITH_WORLD(linear_without_bias),
        WITH_WORLD(matmul),
        WITH_WORLD(add),
        WITH_WORLD(add_row),
        WITH_WORLD(mul),
        WITH_WORLD(mul_row),
        WITH_WORLD(mul_column),
        WITH_WORLD(gelu),
        WITH_WORLD(tanh_),
        WITH_WORLD(exp_),
        WITH_WORLD(log_),
        WITH_WORLD(concat),
        WITH_WORLD(stack),
        WITH_WORLD(take),
        WITH_WORLD(columns),
        WITH_WORLD(softmax),
        WITH_WORLD(softmax_masked),
        WITH_WORLD(layer_norm),
        WITH_WORLD(l2_normalize),
        WITH_WORLD(squash),
        WITH_WORLD(row_dot),
        WITH_WORLD(mean_rows),
        WITH_WORLD(attention),
        WITH_WORLD(cross_entropy),
        WITH_WORLD(cross_entropy_smoothed),
        WITH_WORLD(mse),
        WITH_WORLD(info_nce),
        WITH_WORLD(sigmoid_loss),
        cmocka_unit_test(test_relu),
        cmocka_unit_test(test_threads_agree),
        WITH_WORLD(shapes_are_checked),
        cmocka_unit_test(test_products_are_the_same_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
