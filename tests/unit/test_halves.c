/* Half matrices (backend.h, mm_dev_halves) beside loops in double precision over the same rounded numbers: products,
 * layer norm and attention that read or write them, of ragged shapes. They need MM_TEST_DEVICE and a device that has
 * them; without, the CPU must refuse them. */
#include "backend_util.h"

/* Good bits of results: halves hold eleven, sums are longer, but matrix units round attention's weights to halves, and
 * some devices add up a few products in f16. */
enum { FLOAT_BITS = 14, WEIGHT_BITS = 10, HALF_BITS = 10, SHORT_SUM_BITS = 7 };

static mm_dev *open_fp16(void)
{
    mm_dev *d = open_other(MM_PREC_FP16, 2);
    assert_true(mm_dev_halves(d));
    return d;
}

#define NEEDS_HALVES                                                                                                   \
    if (!other_device())                                                                                               \
    skip()

/* x as halves hold it. */
static void round_to_half(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const uint16_t h = mm_f32_to_f16(x[i]);
        mm_to_f32(x + i, &h, MM_F16, 1);
    }
}

/* rows × width numbers, with a gap after each row; x NULL: undefined. */
static mm_mat make(mm_dev *d, const float *x, int64_t rows, int64_t width, bool half)
{
    mm_mat m = {.off = 4, .ld = (half ? width / 2 : width) + 4, .half = half};
    mm_err e = {0};
    assert_int_equal(mm_dev_alloc(&m.buf, d, m.off + rows * m.ld, &e), MM_OK);
    uint16_t *row = malloc((size_t)width * sizeof(float));
    for (int64_t r = 0; x && r < rows; r++) {
        for (int64_t i = 0; half && i < width; i++)
            row[i] = mm_f32_to_f16(x[r * width + i]);
        if (half)
            mm_dev_write(d, m.buf, m.off + r * m.ld, (const float *)(void *)row, width / 2);
        else
            mm_dev_write(d, m.buf, m.off + r * m.ld, x + r * width, width);
    }
    free(row);
    return m;
}

/* Compares the matrix, and frees it. */
static void check(mm_dev *d, mm_mat *m, const double *want, int64_t rows, int64_t width, int bits, const char *what)
{
    const double most = ldexp(1, m->half && bits > HALF_BITS ? -HALF_BITS : -bits);
    const int64_t taken = m->half ? width / 2 : width;
    float *raw = fetch(d, m, rows, taken), *y = malloc((size_t)(rows * width) * sizeof *y);
    mm_to_f32(y, raw, m->half ? MM_F16 : MM_F32, rows * width);
    for (int64_t i = 0; i < rows * width; i++)
        if (!(fabs(y[i] - want[i]) <= most * (1 + fabs(want[i]))))
            fail_msg("%s: element %lld of row %lld is %.6g, not %.6g", what, (long long)(i % width),
                     (long long)(i / width), y[i], want[i]);
    free(raw);
    free(y);
    mm_dev_free(d, m->buf);
}

/* ---- products ---- */

typedef struct {
    int64_t m, k, n;
    bool x, y; /* half */
    mm_act act;
    bool residual;
} product;

static void check_product(mm_dev *d, const product *c)
{
    float *x = random_floats(c->m * c->k), *w = random_floats(c->n * c->k), *b = random_floats(c->n),
          *r = random_floats(c->m * c->n);
    double *want = malloc((size_t)(c->m * c->n) * sizeof *want);
    for (int64_t i = 0; i < c->n * c->k; i++)
        w[i] /= sqrtf((float)c->k);
    round_to_half(x, c->m * c->k); /* the device may do so, too, when x is not half */
    round_to_half(w, c->n * c->k);
    for (int64_t i = 0; i < c->m; i++)
        for (int64_t j = 0; j < c->n; j++) {
            double sum = b[j];
            for (int64_t k = 0; k < c->k; k++)
                sum += (double)x[i * c->k + k] * w[j * c->k + k];
            want[i * c->n + j] = act(c->act, sum) + (c->residual ? r[i * c->n + j] : 0);
        }
    const mm_linear_weight lw = {
        .parts = 1, .w = {tensor(MM_F32, w, 2, c->n, c->k)}, .bias = {tensor(MM_F32, b, 1, c->n)}};
    mm_weight *weight;
    mm_err e = {0};
    assert_int_equal(mm_dev_linear_weight(&weight, d, &lw, &e), MM_OK);
    mm_mat xm = make(d, x, c->m, c->k, c->x), ym = make(d, NULL, c->m, c->n, c->y), rm = make(d, r, c->m, c->n, false);
    mm_dev_linear(
        d, &(mm_linear_op){
               .x = xm, .y = ym, .w = weight, .rows = c->m, .act = c->act, .residual = c->residual ? rm : (mm_mat){0}});
    char what[96];
    snprintf(what, sizeof what, "%lld x %lld x %lld, %s to %s", (long long)c->m, (long long)c->k, (long long)c->n,
             c->x ? "half" : "float", c->y ? "half" : "float");
    const bool short_sums = strstr(mm_dev_name(d), ", fp16");
    check(d, &ym, want, c->m, c->n, short_sums ? SHORT_SUM_BITS : FLOAT_BITS, what);
    mm_dev_free(d, xm.buf);
    mm_dev_free(d, rm.buf);
    mm_dev_weight_free(d, weight);
    free(x);
    free(w);
    free(b);
    free(r);
    free(want);
}

static void test_products(void **state)
{
    (void)state;
    NEEDS_HALVES;
    static const product cases[] = {
        {.m = 1, .k = 8, .n = 8, .x = true, .y = true},
        {.m = 197, .k = 192, .n = 192, .x = true, .y = true, .act = MM_ACT_GELU},
        {.m = 197, .k = 192, .n = 72, .x = true, .residual = true},
        {.m = 33, .k = 64, .n = 200, .y = true, .act = MM_ACT_QUICK_GELU},
        {.m = 70, .k = 72, .n = 136, .x = true, .y = true},
        {.m = 131, .k = 2504, .n = 40, .x = true},
        {.m = 900, .k = 128, .n = 768, .x = true, .y = true, .act = MM_ACT_GELU}, /* large tiles, where there are some
                                                                                   */
    };
    mm_dev *d = open_fp16();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_product(d, &cases[i]);
    close_dev(d);
}

/* ---- layer norm ---- */

static void check_norm(mm_dev *d, int64_t rows, int64_t width, bool y_half, bool also)
{
    float *x = random_floats(rows * width), *g = random_floats(width), *b = random_floats(width);
    double *want = malloc((size_t)(rows * width) * sizeof *want);
    for (int64_t r = 0; r < rows; r++) {
        double mean = 0, var = 0;
        for (int64_t i = 0; i < width; i++)
            mean += x[r * width + i] / (double)width;
        for (int64_t i = 0; i < width; i++)
            var += (x[r * width + i] - mean) * (x[r * width + i] - mean) / (double)width;
        for (int64_t i = 0; i < width; i++)
            want[r * width + i] = (x[r * width + i] - mean) / sqrt(var + 1e-5) * g[i] + b[i];
    }
    const mm_tensor gt = tensor(MM_F32, g, 1, width), bt = tensor(MM_F32, b, 1, width);
    mm_weight *gain, *bias;
    mm_err e = {0};
    assert_int_equal(mm_dev_vector(&gain, d, &gt, &e), MM_OK);
    assert_int_equal(mm_dev_vector(&bias, d, &bt, &e), MM_OK);
    mm_mat xm = make(d, x, rows, width, false), ym = y_half ? make(d, NULL, rows, width, true) : xm, am = {0};
    if (also)
        am = make(d, NULL, rows, width, true);
    const mm_norm_op op = {.kind = MM_NORM_LAYER,
                           .x = xm,
                           .y = ym,
                           .rows = rows,
                           .channels = width,
                           .gain = gain,
                           .bias = bias,
                           .eps = 1e-5f,
                           .also = am};
    mm_dev_norm(d, &op);
    char what[96];
    snprintf(what, sizeof what, "norm of %lld x %lld", (long long)rows, (long long)width);
    check(d, &ym, want, rows, width, FLOAT_BITS, what);
    if (also)
        check(d, &am, want, rows, width, FLOAT_BITS, what);
    if (y_half)
        mm_dev_free(d, xm.buf);
    mm_dev_weight_free(d, gain);
    mm_dev_weight_free(d, bias);
    free(x);
    free(g);
    free(b);
    free(want);
}

static void test_norms(void **state)
{
    (void)state;
    NEEDS_HALVES;
    static const int64_t widths[] = {8, 40, 192, 1024, 1280}; /* the last one is too wide for registers */
    mm_dev *d = open_fp16();
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        check_norm(d, 7, widths[i], true, false);
        check_norm(d, 7, widths[i], false, true);
        check_norm(d, 1, widths[i], true, true);
    }
    close_dev(d);
}

/* ---- attention ---- */

enum { ITEMS = 3, HEADS = 3 };
static const int64_t cu[ITEMS + 1] = {0, 70, 70, 79};

/* out[row][head h], softmax and all. qkv [rows, 3 × width]. */
static void attend_in_double(double *out, const float *qkv, int64_t lo, int64_t hi, int64_t i, int h, int64_t head,
                             bool causal)
{
    const int64_t width = HEADS * head, seen = causal ? i + 1 : hi;
    const float *q = qkv + i * 3 * width + h * head;
    double sum = 0, top = -1e300, score[128];
    for (int64_t j = lo; j < seen; j++) {
        score[j - lo] = 0;
        for (int64_t c = 0; c < head; c++)
            score[j - lo] += (double)q[c] * qkv[j * 3 * width + width + h * head + c] / sqrt((double)head);
        top = fmax(top, score[j - lo]);
    }
    for (int64_t c = 0; c < head; c++)
        out[c] = 0;
    for (int64_t j = lo; j < seen; j++) {
        const double weight = exp(score[j - lo] - top);
        sum += weight;
        for (int64_t c = 0; c < head; c++)
            out[c] += weight * qkv[j * 3 * width + 2 * width + h * head + c];
    }
    for (int64_t c = 0; c < head; c++)
        out[c] /= sum;
}

static void check_attention(mm_dev *d, int64_t head, bool out_half, bool causal)
{
    const int64_t width = HEADS * head, rows = cu[ITEMS];
    float *qkv = random_floats(rows * 3 * width);
    double *want = malloc((size_t)(rows * width) * sizeof *want);
    round_to_half(qkv, rows * 3 * width);
    for (int n = 0; n < ITEMS; n++)
        for (int64_t i = cu[n]; i < cu[n + 1]; i++)
            for (int h = 0; h < HEADS; h++)
                attend_in_double(want + i * width + h * head, qkv, cu[n], cu[n + 1], i, h, head, causal);
    mm_mat q = make(d, qkv, rows, 3 * width, true), k = q, v = q, y = make(d, NULL, rows, width, out_half);
    k.off += width / 2;
    v.off += width;
    mm_dev_attend(d, &(mm_attend_op){.q = q,
                                     .k = k,
                                     .v = v,
                                     .out = y,
                                     .heads = HEADS,
                                     .head = (int)head,
                                     .n = ITEMS,
                                     .cu_q = cu,
                                     .k_start = cu,
                                     .scale = 1.0f / sqrtf((float)head),
                                     .causal = causal});
    char what[96];
    snprintf(what, sizeof what, "attention, heads of %lld%s, to %s", (long long)head, causal ? ", causal" : "",
             out_half ? "half" : "float");
    check(d, &y, want, rows, width, head == 64 ? WEIGHT_BITS : FLOAT_BITS, what);
    mm_dev_free(d, q.buf);
    free(qkv);
    free(want);
}

static void test_attention(void **state)
{
    (void)state;
    NEEDS_HALVES;
    static const int64_t heads[] = {8, 16, 32, 40, 64, 72, 128};
    mm_dev *d = open_fp16();
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        for (int v = 0; v < 4; v++)
            check_attention(d, heads[i], v & 1, v & 2);
    close_dev(d);
}

/* ---- refusals ---- */

static void assert_refused(mm_dev *d)
{
    mm_err e = {0};
    assert_int_equal(mm_dev_flush(d, &e), MM_FATAL);
    assert_non_null(strstr(e.text, "half"));
}

/* Where there are none, or widths are odd, or the operation takes floats alone. */
static void test_refusals(void **state)
{
    (void)state;
    mm_err e = {0};
    mm_dev *d;
    if (other_device())
        d = open_fp16();
    else
        assert_int_equal(mm_dev_open(&d, &(mm_dev_opts){.name = "cpu", .threads = 1}, &e), MM_OK);
    assert_int_equal(mm_dev_halves(d), other_device() != NULL);
    const int64_t odd = other_device() ? 12 : 16;
    float w[16 * 16] = {0};
    const mm_linear_weight lw = {.parts = 1, .w = {tensor(MM_F32, w, 2, odd, odd)}};
    mm_weight *weight;
    assert_int_equal(mm_dev_linear_weight(&weight, d, &lw, &e), MM_OK);
    mm_mat x = make(d, NULL, 4, 16, true), y = make(d, NULL, 4, 16, false);
    mm_dev_linear(d, &(mm_linear_op){.x = x, .y = y, .w = weight, .rows = 4});
    assert_refused(d);
    const int64_t lo = 0, hi = 4;
    mm_dev_pool_rows(d, &(mm_pool_rows_op){.x = x, .y = y, .width = 16, .n = 1, .lo = &lo, .hi = &hi});
    assert_refused(d);
    const int32_t ids[] = {0};
    mm_dev_gather(d, &(mm_gather_op){.x = x, .y = y, .rows = 1, .width = 16, .ids = ids});
    assert_refused(d);
    mm_dev_weight_free(d, weight);
    mm_dev_free(d, x.buf);
    mm_dev_free(d, y.buf);
    close_dev(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_norms),
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, keep_driver, let_driver_go);
}
