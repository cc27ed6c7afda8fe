/* Operations on rows (norms, gathering, pooling), in every instruction set that this processor has (or on
 * MM_TEST_DEVICE), beside plain loops in double precision, on ragged shapes. */
#include "backend_util.h"

/* ---- normalisation ---- */

static void check_norm(mm_dev *d, mm_norm_kind kind, const int64_t *cu, int n, int64_t channels, mm_act a, bool biased,
                       float offset)
{
    const int64_t rows = cu[n];
    float *x = random_floats(rows * channels), *g = random_floats(channels), *b = random_floats(channels);
    double *ref = malloc((size_t)(rows * channels + 1) * sizeof *ref);
    for (int64_t i = 0; i < rows * channels; i++)
        x[i] += offset;
    const int64_t sets = kind == MM_NORM_LAYER ? rows : n * channels;
    for (int64_t s = 0; s < sets; s++) { /* one mean and variance each */
        const int64_t item = s / channels, c = s % channels;
        const int64_t count = kind == MM_NORM_LAYER ? channels : cu[item + 1] - cu[item];
        const int64_t first = kind == MM_NORM_LAYER ? s * channels : cu[item] * channels + c;
        const int64_t step = kind == MM_NORM_LAYER ? 1 : channels;
        double mean = 0, var = 0;
        for (int64_t i = 0; i < count; i++)
            mean += x[first + i * step] / (double)count;
        for (int64_t i = 0; i < count; i++)
            var += pow(x[first + i * step] - mean, 2) / (double)count;
        for (int64_t i = 0; i < count; i++) {
            int64_t ch = kind == MM_NORM_LAYER ? i : c, at = first + i * step;
            ref[at] = act(a, (x[at] - mean) / sqrt(var + 1e-5) * g[ch] + (biased ? b[ch] : 0));
        }
    }
    mm_weight *gw, *bw = NULL;
    mm_tensor gt = tensor(MM_F32, g, 1, channels), bt = tensor(MM_F32, b, 1, channels);
    assert_int_equal(mm_dev_vector(&gw, d, &gt, NULL), MM_OK);
    if (biased)
        assert_int_equal(mm_dev_vector(&bw, d, &bt, NULL), MM_OK);
    mm_mat m = mat(d, x, rows, channels, 1);
    mm_dev_norm(d, &(mm_norm_op){.kind = kind,
                                 .x = m,
                                 .y = m,
                                 .rows = rows,
                                 .channels = channels,
                                 .n = n,
                                 .cu = cu,
                                 .gain = gw,
                                 .bias = bw,
                                 .eps = 1e-5f,
                                 .act = a});
    float *y = fetch(d, &m, rows, channels);
    close_to(y, ref, rows * channels, 4e-6 * (1 + fabsf(offset)), kind == MM_NORM_LAYER ? "layer norm" : "group norm");
    mm_dev_weight_free(d, gw);
    mm_dev_weight_free(d, bw);
    mm_dev_free(d, m.buf);
    free(x);
    free(g);
    free(b);
    free(y);
    free(ref);
}

static void norm_cases(mm_dev *d)
{
    for (int i = 0; i < 30; i++) {
        int64_t a = up_to(40), b = a + up_to(40) - 1, cu[] = {0, a, b};
        check_norm(d, MM_NORM_LAYER, cu, 2, up_to(200), i % 2 ? MM_ACT_GELU : MM_ACT_NONE, i % 3 != 0, i % 5 ? 0 : 20);
        check_norm(d, MM_NORM_GROUP_TIME, cu, 2, up_to(70), i % 2 ? MM_ACT_NONE : MM_ACT_GELU, i % 3 != 0,
                   i % 5 ? 0 : 20);
    }
    int64_t cu[] = {0, 1000, 1000, 3001};
    check_norm(d, MM_NORM_GROUP_TIME, cu, 3, 37, MM_ACT_GELU, true, 1);
}

static void test_norm(void **state)
{
    (void)state;
    each_tier(norm_cases);
}
/* ---- gather and pool ---- */

static void gather_cases(mm_dev *d)
{
    enum { ROWS = 300, WIDTH = 301, TABLE = 11 };
    float *t = random_floats(TABLE * WIDTH), *x = random_floats(TABLE * WIDTH);
    int32_t ids[ROWS];
    for (int i = 0; i < ROWS; i++)
        ids[i] = (int32_t)up_to(TABLE + 1) - 2; /* -1: nothing */
    for (int kind = 0; kind < 3; kind++) {
        mm_type type = (mm_type[]){MM_F32, MM_F16, MM_BF16}[kind];
        void *typed = as_type(t, TABLE * WIDTH, type);
        float *exact = malloc(sizeof(float) * TABLE * WIDTH);
        mm_to_f32(exact, typed, type, TABLE * WIDTH);
        mm_tensor tt = tensor(type, typed, 3, (int64_t)1, (int64_t)TABLE, (int64_t)WIDTH);
        mm_weight *w;
        assert_int_equal(mm_dev_table(&w, d, &tt, NULL), MM_OK);
        mm_mat y = mat(d, NULL, ROWS, WIDTH, 4), xm = mat(d, x, TABLE, WIDTH, 1);
        mm_dev_gather(d, &(mm_gather_op){.table = w, .y = y, .rows = ROWS, .width = WIDTH, .ids = ids});
        mm_dev_gather(d, &(mm_gather_op){.x = xm, .y = y, .rows = ROWS, .width = WIDTH, .ids = ids, .add = true});
        mm_dev_gather(d, &(mm_gather_op){.table = w, .y = y, .rows = ROWS, .width = WIDTH, .ids = ids, .add = true});
        float *got = fetch(d, &y, ROWS, WIDTH);
        for (int r = 0; r < ROWS; r++)
            for (int c = 0; c < WIDTH; c++) {
                int at = ids[r] * WIDTH + c;
                float want = ids[r] < 0 ? 0 : exact[at] + x[at] + exact[at];
                assert_true(got[r * WIDTH + c] == want);
            }
        free(got);
        mm_dev_free(d, y.buf);
        mm_dev_free(d, xm.buf);
        mm_dev_weight_free(d, w);
        free(typed);
        free(exact);
    }
    free(t);
    free(x);
}

static void test_gather(void **state)
{
    (void)state;
    each_tier(gather_cases);
}

static void pool_cases(mm_dev *d)
{
    enum { ROWS = 60, WIDTH = 77, N = 5 };
    const int64_t lo[N] = {0, 10, 59, 7, 5}, hi[N] = {1, 50, 60, 7, 60};
    float *x = random_floats(ROWS * WIDTH);
    double ref[N * WIDTH];
    for (int l2 = 0; l2 < 2; l2++) {
        for (int i = 0; i < N; i++) {
            double norm = 0;
            for (int c = 0; c < WIDTH; c++) {
                double s = 0;
                for (int64_t r = lo[i]; r < hi[i]; r++)
                    s += x[r * WIDTH + c];
                ref[i * WIDTH + c] = hi[i] > lo[i] ? s / (double)(hi[i] - lo[i]) : 0;
                norm += pow(ref[i * WIDTH + c], 2);
            }
            for (int c = 0; l2 && norm > 0 && c < WIDTH; c++)
                ref[i * WIDTH + c] /= sqrt(norm);
        }
        mm_mat xm = mat(d, x, ROWS, WIDTH, 2), ym = mat(d, NULL, N, WIDTH, 0);
        mm_dev_pool_rows(d, &(mm_pool_rows_op){.x = xm, .y = ym, .width = WIDTH, .n = N, .lo = lo, .hi = hi, .l2 = l2});
        float *y = fetch(d, &ym, N, WIDTH);
        close_to(y, ref, N * WIDTH, 1e-6, "pool");
        free(y);
        mm_dev_free(d, xm.buf);
        mm_dev_free(d, ym.buf);
    }
    free(x);
}

static void test_pool(void **state)
{
    (void)state;
    each_tier(pool_cases);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norm),
        cmocka_unit_test(test_gather),
        cmocka_unit_test(test_pool),
    };
    return cmocka_run_group_tests(tests, keep_driver, let_driver_go);
}
