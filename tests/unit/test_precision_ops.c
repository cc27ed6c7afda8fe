/* Reduced precision beyond the linear layer: convolution, attention, activations, NaN, under every mask of features
 * that this processor can show (or int8 on MM_TEST_DEVICE). */
#include "precision_util.h"

/* A convolution is the product of its windows: the same bits as a linear layer (that of bf16, which int8 runs keep for
 * convolutions). Two items, padding, a stride. */
static void check_conv(const cpu_mask *m, mm_precision p)
{
    enum { IN = 27, OUT = 37, TAPS = 3, ITEMS = 2, STRIDE = 2 };
    static const int64_t dims[ITEMS] = {31, 18}, cu_x[] = {0, 31, 49}, cu_y[] = {0, 16, 25};
    seed = 5;
    mm_dev *d = open_dev(m, p, 2), *plain = open_dev(m, p == MM_PREC_INT8 ? MM_PREC_BF16 : p, 1);
    float *x = random_floats(cu_x[2] * IN), *w = random_floats(OUT * IN * TAPS), *rows = calloc(25 * IN * TAPS, 4),
          *wide = malloc(OUT * IN * TAPS * 4);
    for (int i = 0; i < ITEMS; i++)
        for (int64_t o = 0; o < cu_y[i + 1] - cu_y[i]; o++)
            for (int t = 0; t < TAPS; t++) {
                int64_t at = o * STRIDE - 1 + t;
                if (at >= 0 && at < dims[i])
                    memcpy(rows + ((cu_y[i] + o) * TAPS + t) * IN, x + (cu_x[i] + at) * IN, IN * 4);
            }
    for (int o = 0; o < OUT; o++)
        for (int c = 0; c < IN; c++)
            for (int t = 0; t < TAPS; t++)
                wide[(o * TAPS + t) * IN + c] = w[(o * IN + c) * TAPS + t];
    layer l = {.m = 25, .k = IN * TAPS, .n = OUT, .x = rows};
    l.lw = (mm_linear_weight){.parts = 1, .w = {tensor(MM_F32, wide, 2, (int64_t)OUT, (int64_t)(IN * TAPS))}};
    float *expected = run_layer(plain, &l);
    mm_weight *cw;
    mm_conv_weight c = {.w = tensor(MM_F32, w, 3, (int64_t)OUT, (int64_t)IN, (int64_t)TAPS), .groups = 1};
    assert_int_equal(mm_dev_conv_weight(&cw, d, &c, NULL), MM_OK);
    mm_mat xm = mat(d, x, cu_x[2], IN, 0), ym = mat(d, NULL, 25, OUT, 1);
    mm_dev_conv(d, &(mm_conv_op){.x = xm,
                                 .y = ym,
                                 .w = cw,
                                 .rank = 1,
                                 .n = ITEMS,
                                 .in_dim = dims,
                                 .cu_x = cu_x,
                                 .cu_y = cu_y,
                                 .stride = {STRIDE},
                                 .pad = {1}});
    float *y = fetch(d, &ym, 25, OUT);
    assert_memory_equal(expected, y, 25 * OUT * 4);
    mm_dev_weight_free(d, cw);
    mm_dev_free(d, xm.buf);
    mm_dev_free(d, ym.buf);
    mm_dev_close(d);
    mm_dev_close(plain);
    float *all[] = {x, w, rows, wide, expected, y};
    for (int i = 0; i < 6; i++)
        free(all[i]);
}

static void test_conv(void **state)
{
    (void)state;
    if (left_out(MM_PREC_BF16))
        skip();
    for (int m = 0; m < MASKS; m++)
        if (have_mask(&masks[m])) {
            check_conv(&masks[m], MM_PREC_BF16);
            check_conv(&masks[m], MM_PREC_INT16);
            check_conv(&masks[m], MM_PREC_INT8);
        }
}

/* Attention: reduced runs may have both products in bf16. Scores of magnitude s are then off by up to 2⁻⁷ s, weights
 * and values by 2⁻⁸ each, beside fp32 on the portable kernels. */
static float *attend_with(const cpu_mask *m, mm_precision p, const float *x, bool causal)
{
    enum { HEADS = 3, HEAD = 20, ROWS = 700, W = HEADS * HEAD };
    static const int64_t cu[] = {0, 1, 38, 700};
    mm_dev *d = open_dev(m, p, 2);
    mm_mat q = mat(d, x, ROWS, 3 * W, 1), k = q, v = q, y = mat(d, NULL, ROWS, W, 0);
    k.off += W;
    v.off += 2 * W;
    mm_dev_attend(d, &(mm_attend_op){.q = q,
                                     .k = k,
                                     .v = v,
                                     .out = y,
                                     .heads = HEADS,
                                     .head = HEAD,
                                     .n = 3,
                                     .cu_q = cu,
                                     .k_start = cu,
                                     .scale = 0.5f,
                                     .causal = causal});
    float *out = fetch(d, &y, ROWS, W);
    mm_dev_free(d, q.buf);
    mm_dev_free(d, y.buf);
    mm_dev_close(d);
    return out;
}

static void test_attend(void **state)
{
    (void)state;
    if (left_out(MM_PREC_BF16))
        skip();
    enum { N = 700 * 60 };
    seed = 11;
    float *x = random_floats(3 * N);
    for (int causal = 0; causal < 2; causal++) {
        float *plain = attend_with(&masks[0], MM_PREC_FP32, x, causal);
        for (int m = 0; m < MASKS; m++) {
            if (!have_mask(&masks[m]))
                continue;
            float *y = attend_with(&masks[m], MM_PREC_BF16, x, causal);
            for (int i = 0; i < N; i++)
                if (!(fabsf(y[i] - plain[i]) <= 0.03f))
                    fail_msg("%s: element %d is %g, not %g", masks[m].cpu, i, y[i], plain[i]);
            free(y);
        }
        free(plain);
    }
    free(x);
}

/* On every instruction set in bf16 and int8; another device has no bf16. */
static void each_reduced(void (*check)(const cpu_mask *m, mm_precision p))
{
    for (int m = 0; m < MASKS; m++)
        if (have_mask(&masks[m])) {
            if (!other_device())
                check(&masks[m], MM_PREC_BF16);
            check(&masks[m], MM_PREC_INT8);
        }
}

/* Numbers that do not exist stay visible, in their own row alone; a row of zeros is one. */
static void check_special(const cpu_mask *m, mm_precision p)
{
    enum { K = 70, N = 40 };
    seed = 9;
    mm_dev *d = open_dev(m, p, 1);
    layer l = make_layer(&(layer_case){.m = 4, .k = K, .n = {N}, .parts = 1, .type = MM_F32});
    float *plain = run_layer(d, &l);
    l.x[K + 3] = NAN;
    for (int k = 0; k < K; k++)
        l.x[2 * K + k] = 0;
    float *y = run_layer(d, &l);
    for (int j = 0; j < N; j++) {
        assert_true(y[j] == plain[j] && y[3 * N + j] == plain[3 * N + j]);
        assert_true(isnan(y[N + j]));
        assert_true(y[2 * N + j] == 0);
    }
    free(plain);
    free(y);
    free_layer(&l);
    close_dev(d);
}

static void test_special(void **state)
{
    (void)state;
    if (left_out(MM_PREC_INT8))
        skip();
    each_reduced(check_special);
}

/* GELU after a product of reduced precision, beside libm's of that product's own sums. */
static void check_gelu(const cpu_mask *mask, mm_precision p)
{
    enum { M = 9, K = 64, N = 70 };
    const layer_case c = {.m = M, .k = K, .n = {N}, .parts = 1, .biased = true, .type = MM_F32};
    layer l = make_layer(&c);
    mm_dev *d = open_dev(mask, p, 2);
    mm_weight *w;
    assert_int_equal(mm_dev_linear_weight(&w, d, &l.lw, NULL), MM_OK);
    mm_mat x = mat(d, l.x, M, K, 0), y = mat(d, NULL, M, N, 0);
    mm_dev_linear(d, &(mm_linear_op){.x = x, .y = y, .w = w, .rows = M});
    float *plain = fetch(d, &y, M, N);
    mm_dev_linear(d, &(mm_linear_op){.x = x, .y = y, .w = w, .rows = M, .act = MM_ACT_GELU});
    float *out = fetch(d, &y, M, N);
    int small = 0;
    for (int i = 0; i < M * N; i++) {
        const double v = plain[i], expected = v * 0.5 * erfc(-v / sqrt(2.0));
        small += fabs(v) < 6;
        if (fabs(out[i] - expected) > 5e-5 + 1e-5 * fabs(v))
            fail_msg("gelu(%g) = %g, not %g", v, out[i], expected);
    }
    assert_true(small > M * N / 4);
    free(plain);
    free(out);
    mm_dev_weight_free(d, w);
    mm_dev_free(d, x.buf);
    mm_dev_free(d, y.buf);
    close_dev(d);
    free_layer(&l);
}

static void test_gelu(void **state)
{
    (void)state;
    if (left_out(MM_PREC_INT8))
        skip();
    each_reduced(check_gelu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),
        cmocka_unit_test(test_attend),
        cmocka_unit_test(test_special),
        cmocka_unit_test(test_gelu),
    };
    return cmocka_run_group_tests(tests, keep_driver, let_driver_go);
}
