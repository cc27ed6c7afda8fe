/* Operations on rows (norms, rotary positions, gated units, gathering, scattering, pooling), in every instruction set
 * that this processor has (or on MM_TEST_DEVICE), beside plain loops in double precision, on ragged shapes. */
#include "backend_util.h"

/* ---- normalisation ---- */

static void check_norm(mm_dev *d, mm_norm_kind kind, const int64_t *cu, int n, int64_t channels, mm_act a, bool biased,
                       float offset)
{
    const bool per_row = kind != MM_NORM_GROUP_TIME;
    const int64_t rows = cu[n];
    float *x = random_floats(rows * channels), *g = random_floats(channels), *b = random_floats(channels);
    double *ref = malloc((size_t)(rows * channels + 1) * sizeof *ref);
    for (int64_t i = 0; i < rows * channels; i++)
        x[i] += offset;
    const int64_t sets = per_row ? rows : n * channels;
    for (int64_t s = 0; s < sets; s++) { /* one mean and variance each */
        const int64_t item = s / channels, c = s % channels;
        const int64_t count = per_row ? channels : cu[item + 1] - cu[item];
        const int64_t first = per_row ? s * channels : cu[item] * channels + c;
        const int64_t step = per_row ? 1 : channels;
        double mean = 0, var = 0;
        for (int64_t i = 0; i < count && kind != MM_NORM_RMS; i++)
            mean += x[first + i * step] / (double)count;
        for (int64_t i = 0; i < count; i++)
            var += pow(x[first + i * step] - mean, 2) / (double)count;
        for (int64_t i = 0; i < count; i++) {
            int64_t ch = per_row ? i : c, at = first + i * step;
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
    close_to(y, ref, rows * channels, 4e-6 * (1 + fabsf(offset)),
             kind == MM_NORM_RMS ? "RMS norm"
             : per_row           ? "layer norm"
                                 : "group norm");
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
        check_norm(d, MM_NORM_RMS, cu, 2, up_to(200), i % 2 ? MM_ACT_NONE : MM_ACT_SILU, i % 3 == 0, i % 5 ? 0 : 20);
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
/* ---- rotary positions ---- */

static void check_rotate(mm_dev *d, int64_t rows, int heads, int head, int pairs, bool interleaved, bool in_place)
{
    enum { POSITIONS = 50 };
    const int64_t width = (int64_t)heads * head;
    float *x = random_floats(rows * width), *table = random_floats(POSITIONS * 2 * pairs);
    double *ref = malloc((size_t)(rows * width) * sizeof *ref);
    int32_t *ids = malloc((size_t)rows * sizeof *ids);
    for (int64_t r = 0; r < rows; r++) {
        ids[r] = (int32_t)up_to(POSITIONS) - 1;
        const float *c = table + ids[r] * 2 * pairs, *s = c + pairs;
        for (int h = 0; h < heads; h++) {
            const float *from = x + r * width + h * head;
            double *to = ref + r * width + h * head;
            for (int i = 0; i < head; i++)
                to[i] = from[i];
            for (int i = 0; i < pairs; i++) {
                const int a = interleaved ? 2 * i : i, b = interleaved ? 2 * i + 1 : i + pairs;
                to[a] = (double)from[a] * c[i] - (double)from[b] * s[i];
                to[b] = (double)from[b] * c[i] + (double)from[a] * s[i];
            }
        }
    }
    mm_mat xm = mat(d, x, rows, width, 3), tm = mat(d, table, POSITIONS, 2 * pairs, 1), ym = xm;
    if (!in_place)
        ym = mat(d, NULL, rows, width, 0);
    mm_dev_rotate(d, &(mm_rotate_op){.x = xm,
                                     .y = ym,
                                     .rows = rows,
                                     .heads = heads,
                                     .head = head,
                                     .pairs = pairs,
                                     .interleaved = interleaved,
                                     .table = tm,
                                     .ids = ids});
    float *y = fetch(d, &ym, rows, width);
    close_to(y, ref, rows * width, 3e-7, "rotate");
    if (!in_place)
        mm_dev_free(d, ym.buf);
    mm_dev_free(d, xm.buf);
    mm_dev_free(d, tm.buf);
    free(x);
    free(table);
    free(ref);
    free(ids);
    free(y);
}

static void rotate_cases(mm_dev *d)
{
    static const int heads[][3] = {{1, 2, 1}, {4, 64, 32}, {3, 80, 16}, {2, 37, 18}, {5, 128, 64}, {2, 24, 5}};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        for (int way = 0; way < 4; way++)
            check_rotate(d, way == 3 ? 300 : up_to(20), heads[i][0], heads[i][1], heads[i][2], way % 2, way / 2);
}

static void test_rotate(void **state)
{
    (void)state;
    each_tier(rotate_cases);
}

/* ---- gated units ---- */

static void glu_cases(mm_dev *d)
{
    for (int i = 0; i < 28; i++) { /* a and b are columns of one matrix; the result goes to a, to b or elsewhere */
        const int64_t rows = up_to(90), width = up_to(300);
        const mm_act kind = (mm_act)(i % 7);
        float *x = random_floats(rows * 2 * width);
        double *ref = malloc((size_t)(rows * width) * sizeof *ref);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < width; c++) {
                x[r * 2 * width + c] *= 6;
                ref[r * width + c] = act(kind, x[r * 2 * width + c]) * x[r * 2 * width + width + c];
            }
        mm_mat both = mat(d, x, rows, 2 * width, 1), b = both, y;
        b.off += width;
        y = i % 3 == 0 ? both : i % 3 == 1 ? b : mat(d, NULL, rows, width, 2);
        mm_dev_glu(d, &(mm_glu_op){.a = both, .b = b, .y = y, .rows = rows, .width = width, .act = kind});
        float *got = fetch(d, &y, rows, width);
        close_to(got, ref, rows * width, 1e-6, "glu");
        if (i % 3 == 2)
            mm_dev_free(d, y.buf);
        mm_dev_free(d, both.buf);
        free(x);
        free(ref);
        free(got);
    }
}

static void test_glu(void **state)
{
    (void)state;
    each_tier(glu_cases);
}

/* ---- scattering ---- */

static void scatter_cases(mm_dev *d)
{
    for (int i = 0; i < 10; i++) {
        const int64_t rows = up_to(200), places = rows + up_to(50), width = up_to(300);
        float *x = random_floats(rows * width), *want = random_floats(places * width);
        int32_t *ids = malloc((size_t)rows * sizeof *ids);
        mm_mat xm = mat(d, x, rows, width, 2), ym = mat(d, want, places, width, 1);
        for (int64_t r = 0; r < rows; r++) { /* 7 has no divisor with the number of places: no id comes twice */
            ids[r] = r % 5 == 4 ? -1 : (int32_t)((r * 7 + 3) % (places % 7 ? places : places - 1));
            if (ids[r] >= 0)
                memcpy(want + ids[r] * width, x + r * width, (size_t)width * sizeof *x);
        }
        mm_dev_scatter(d, &(mm_scatter_op){.x = xm, .y = ym, .rows = rows, .width = width, .ids = ids});
        float *y = fetch(d, &ym, places, width);
        assert_memory_equal(y, want, (size_t)(places * width) * sizeof *y);
        mm_dev_free(d, xm.buf);
        mm_dev_free(d, ym.buf);
        free(x);
        free(want);
        free(ids);
        free(y);
    }
}

static void test_scatter(void **state)
{
    (void)state;
    each_tier(scatter_cases);
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
        cmocka_unit_test(test_norm),    cmocka_unit_test(test_rotate), cmocka_unit_test(test_glu),
        cmocka_unit_test(test_scatter), cmocka_unit_test(test_gather), cmocka_unit_test(test_pool),
    };
    return cmocka_run_group_tests(tests, keep_driver, let_driver_go);
}
