/* An item's result is the same to the bit whatever it is batched with and however many threads there are: a small
 * network in every instruction set and precision (or on MM_TEST_DEVICE). */
#include "backend_util.h"

enum { ITEMS = 5, WIDE = 96, HIDDEN = 200, HEADS = 3 };
static const int64_t lengths[ITEMS] = {37, 1, 130, 320, 14}; /* together more than a block of rows */

typedef struct {
    float *w1, *w2, *conv, *gain;
} net;

/* A small network over items lo .. hi-1 of x in one batch: norm, linear, attention, linear, conv, group norm. */
static float *run_net(const net *f, mm_dev *d, const float *x, int lo, int hi, int repeats)
{
    int64_t cu[ITEMS + 1] = {0}, dims[ITEMS], first = 0;
    for (int i = 0; i < lo; i++)
        first += lengths[i];
    for (int i = lo; i < hi; i++) {
        dims[i - lo] = lengths[i];
        cu[i - lo + 1] = cu[i - lo] + lengths[i];
    }
    const int n = hi - lo;
    const int64_t rows = cu[n], kernel = 5, wide = WIDE, hidden = HIDDEN, three = 3 * WIDE;
    mm_weight *w1, *w2, *cw, *gw;
    mm_linear_weight l1 = {.parts = 1, .w = {tensor(MM_F32, f->w1, 2, three, wide)}};
    mm_linear_weight l2 = {.parts = 1, .w = {tensor(MM_F32, f->w2, 2, hidden, wide)}};
    mm_conv_weight c = {.w = tensor(MM_F32, f->conv, 3, wide, hidden / 4, kernel), .groups = 4};
    mm_tensor g = tensor(MM_F32, f->gain, 1, wide);
    assert_int_equal(mm_dev_linear_weight(&w1, d, &l1, NULL), MM_OK);
    assert_int_equal(mm_dev_linear_weight(&w2, d, &l2, NULL), MM_OK);
    assert_int_equal(mm_dev_conv_weight(&cw, d, &c, NULL), MM_OK);
    assert_int_equal(mm_dev_vector(&gw, d, &g, NULL), MM_OK);
    mm_mat a = mat(d, x + first * WIDE, rows, wide, 0), qkv = mat(d, NULL, rows, three, 0),
           b = mat(d, NULL, rows, wide, 0), h = mat(d, NULL, rows, hidden, 0), y = mat(d, NULL, rows, wide, 0), k = qkv,
           v = qkv;
    k.off += WIDE;
    v.off += 2 * WIDE;
    for (int i = 0; i < repeats; i++) { /* the second time weights are packed for good */
        mm_dev_norm(d, &(mm_norm_op){.x = a, .y = b, .rows = rows, .channels = wide, .gain = gw, .eps = 1e-6f});
        mm_dev_linear(d, &(mm_linear_op){.x = b, .y = qkv, .w = w1, .rows = rows});
        mm_dev_attend(d, &(mm_attend_op){.q = qkv,
                                         .k = k,
                                         .v = v,
                                         .out = b,
                                         .heads = HEADS,
                                         .head = WIDE / HEADS,
                                         .n = n,
                                         .cu_q = cu,
                                         .k_start = cu,
                                         .scale = 0.2f});
        mm_dev_linear(d, &(mm_linear_op){.x = b, .y = h, .w = w2, .rows = rows, .act = MM_ACT_GELU});
        mm_dev_conv(d, &(mm_conv_op){.x = h,
                                     .y = y,
                                     .w = cw,
                                     .rank = 1,
                                     .n = n,
                                     .in_dim = dims,
                                     .cu_x = cu,
                                     .cu_y = cu,
                                     .stride = {1},
                                     .pad = {2},
                                     .residual = a});
        mm_dev_norm(d, &(mm_norm_op){.kind = MM_NORM_GROUP_TIME,
                                     .x = y,
                                     .y = y,
                                     .rows = rows,
                                     .channels = wide,
                                     .n = n,
                                     .cu = cu,
                                     .gain = gw,
                                     .eps = 1e-6f});
    }
    float *out = fetch(d, &y, rows, wide);
    mm_weight *ws[] = {w1, w2, cw, gw};
    mm_mat ms[] = {a, qkv, b, h, y};
    for (int i = 0; i < 4; i++)
        mm_dev_weight_free(d, ws[i]);
    for (int i = 0; i < 5; i++)
        mm_dev_free(d, ms[i].buf);
    return out;
}

/* Every mask and precision: one thread and all items, against more threads, an item alone, and pairs. */
static void check_identical(const net *f, const cpu_mask *m, mm_precision p, const float *x, int64_t rows)
{
    mm_dev *d = open_dev(m, p, 1);
    float *whole = run_net(f, d, x, 0, ITEMS, 1);
    close_dev(d);
    for (int threads = 1; threads <= (other_device() ? 1 : 4); threads++) {
        d = open_dev(m, p, threads); /* one for all batches: drivers may compile their shaders for each device again */
        float *again = run_net(f, d, x, 0, ITEMS, 1 + threads % 2);
        assert_memory_equal(whole, again, (size_t)rows * WIDE * sizeof(float));
        free(again);
        int64_t at = 0;
        for (int i = 0; i < ITEMS; i++) { /* alone, and with the next one */
            int64_t both = lengths[i] + (i + 1 < ITEMS ? lengths[i + 1] : 0);
            float *alone = run_net(f, d, x, i, i + 1, 1);
            assert_memory_equal(whole + at * WIDE, alone, (size_t)lengths[i] * WIDE * sizeof(float));
            float *pair = run_net(f, d, x, i, i + 2 <= ITEMS ? i + 2 : ITEMS, 2);
            assert_memory_equal(whole + at * WIDE, pair, (size_t)both * WIDE * sizeof(float));
            free(alone);
            free(pair);
            at += lengths[i];
        }
        close_dev(d);
    }
    free(whole);
}

static void test_bit_identical(void **state)
{
    (void)state;
    seed = 7;
    net f = {random_floats(3 * WIDE * WIDE), random_floats(HIDDEN * WIDE), random_floats(WIDE * (HIDDEN / 4) * 5),
             random_floats(WIDE)};
    int64_t rows = 0;
    for (int i = 0; i < ITEMS; i++)
        rows += lengths[i];
    float *x = random_floats(rows * WIDE);
    static const mm_precision precisions[] = {MM_PREC_FP32, MM_PREC_BF16, MM_PREC_INT16, MM_PREC_INT8};
    for (int t = 0; t < MASKS; t++)
        for (int p = 0; p < (other_device() ? 1 : 4); p++)
            if (have_mask(&masks[t]) && (p > 0 || !masks[t].reduced))
                check_identical(&f, &masks[t], precisions[p], x, rows);
    free(f.w1);
    free(f.w2);
    free(f.conv);
    free(f.gain);
    free(x);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bit_identical),
    };
    return cmocka_run_group_tests(tests, keep_driver, let_driver_go);
}
