/* Linear layers in reduced precision: bf16, int16 and int8 under every mask of features that this processor can show,
 * on ragged shapes, beside plain loops. bf16 lies within what rounding the factors may do; integers are the same to the
 * bit everywhere, since their sums are exact.
 *
 * With MM_TEST_DEVICE int8 and fp16 are tested on that device, as far as it has them. */
#include "precision_util.h"

static float as_bf16(float x)
{
    uint16_t h = mm_f32_to_bf16(x);
    mm_to_f32(&x, &h, MM_BF16, 1);
    return x;
}

/* Each factor rounded: 2⁻⁸ of each product for A (B is rounded in the reference as well), and fp32's own error. */
static void check_bf16(const layer *l, const float *y, const char *what)
{
    for (int64_t i = 0; i < l->m; i++)
        for (int64_t j = 0; j < l->n; j++) {
            double sum = l->b[j], most = fabs(l->b[j]);
            for (int64_t k = 0; k < l->k; k++) {
                double p = (double)l->x[i * l->k + k] * as_bf16(l->w[j * l->k + k]);
                sum += p;
                most += fabs(p);
            }
            if (!(fabs(y[i * l->n + j] - sum) <= (0x1p-8 + 1e-6 * sqrt((double)l->k)) * most + 1e-37))
                fail_msg("%s: row %lld, column %lld: %.9g, not %.9g", what, (long long)i, (long long)j, y[i * l->n + j],
                         sum);
        }
}

/* Weights and inputs rounded to f16, products and sums of a few of them in f16 (at worst one after the other, to
 * eight), which has no numbers between 0 and 2⁻²⁴. */
static void check_fp16(const layer *l, const float *y, const char *what)
{
    for (int64_t i = 0; i < l->m; i++)
        for (int64_t j = 0; j < l->n; j++) {
            double sum = l->b[j], most = 0;
            for (int64_t k = 0; k < l->k; k++) {
                double p = (double)l->x[i * l->k + k] * l->w[j * l->k + k];
                sum += p;
                most += fabs(p);
            }
            if (!(fabs(y[i * l->n + j] - sum) <= 5 * 0x1p-11 * most + 0x1p-23 * (double)l->k + 1e-6 * fabs(sum)))
                fail_msg("%s: row %lld, column %lld: %.9g, not %.9g", what, (long long)i, (long long)j, y[i * l->n + j],
                         sum);
        }
}

static float largest(const float *x, int64_t n)
{
    float most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    return most;
}

/* A row as matmul.h describes it: unsigned over the range of all but the number of largest magnitude. */
typedef struct {
    float scale, rest;
    int64_t at;
    long *q; /* [k] q - zero */
} integers;

static integers quantised(const float *x, int64_t n, float steps)
{
    integers r = {.q = malloc((size_t)n * sizeof(long))};
    float lo = 0, hi = 0, inv = 0;
    for (int64_t i = 0; i < n; i++) /* of two equal magnitudes the positive one, of two equal numbers the first */
        if (fabsf(x[i]) > fabsf(x[r.at]) || (fabsf(x[i]) == fabsf(x[r.at]) && x[i] > x[r.at]))
            r.at = i;
    for (int64_t i = 0; i < n; i++)
        if (i != r.at) {
            lo = fminf(lo, x[i]);
            hi = fmaxf(hi, x[i]);
        }
    if (hi - lo > 1e-30f) {
        r.scale = (hi - lo) / steps;
        inv = steps / (hi - lo);
    }
    const long zero = lrintf(-lo * inv);
    for (int64_t i = 0; i < n; i++)
        r.q[i] = lrintf(fminf(fmaxf(x[i] * inv, (float)-zero), steps + 1 - (float)zero));
    r.rest = x[r.at] - r.scale * (float)r.q[r.at];
    return r;
}

/* A column of weights in integers: of at most 127, or of 16 bits, with room for every sum. */
typedef struct {
    float scale, inv;
} column;

static column column_of(const float *w, int64_t n, bool fine)
{
    const float most = largest(w, n), room = 1040000.0f - 0.5f * (float)n, limit = fine ? 32767.0f : 127.0f;
    float total = 0;
    for (int64_t k = 0; k < n; k++)
        total += fabsf(w[k]);
    if (most == 0)
        return (column){0};
    if (fine && total * limit > most * room)
        return (column){total / room, room / total};
    return (column){most / limit, limit / most};
}

/* A GPU's division may be off in its last bits: a number between two integers may become the other one, seldom. */
static void check_integers(const layer *l, const float *y, const char *what, bool fine)
{
    int64_t off = 0;
    for (int64_t i = 0; i < l->m; i++) {
        integers x = quantised(l->x + i * l->k, l->k, fine ? 2046.0f : 254.0f);
        for (int64_t j = 0; j < l->n; j++) {
            const float *w = l->w + j * l->k, mw = largest(w, l->k);
            const column c = column_of(w, l->k, fine);
            long sum = 0;
            for (int64_t k = 0; k < l->k; k++)
                sum += x.q[k] * lrintf(w[k] * c.inv);
            if (labs(sum) > INT32_MAX)
                fail_msg("%s: a sum of %ld has no place in 32 bits", what, sum);
            const float expected = ((float)sum * x.scale + (float)lrintf(w[x.at] * c.inv) * x.rest) * c.scale + l->b[j];
            const float apart = fabsf(y[i * l->n + j] - expected);
            if (other_device() ? !(apart <= 1.001f * x.scale * mw + 1e-5f * fabsf(expected)) : !(apart == 0))
                fail_msg("%s: row %lld, column %lld: %.9g, not %.9g", what, (long long)i, (long long)j, y[i * l->n + j],
                         expected);
            off += apart > 1e-5f * fabsf(expected);
        }
        free(x.q);
    }
    if (off > 1 + l->m * l->n / 20)
        fail_msg("%s: %lld of %lld outputs are another integer's", what, (long long)off, (long long)(l->m * l->n));
}

static void check_int8(const layer *l, const float *y, const char *what)
{
    check_integers(l, y, what, false);
}

static void check_int16(const layer *l, const float *y, const char *what)
{
    check_integers(l, y, what, true);
}

/* On the device `only`, or on the CPU in every way. */
static void check_layer(const layer_case *c, mm_precision p, mm_dev *only)
{
    for (int m = 0; m < MASKS; m++) {
        if (!have_mask(&masks[m]))
            continue;
        layer l = make_layer(c);
        for (int64_t i = 0; p == MM_PREC_FP16 && i < l.m * l.k; i++)
            l.x[i] /= powf(10, (float)(i / l.k % 7) - 3); /* within f16's range, and products too */
        mm_dev *d = only ? only : open_dev(&masks[m], p, 1 + m % 3);
        char what[160];
        snprintf(what, sizeof what, "%s %s %lldx%lldx%lld of type %d", masks[m].cpu, mm_precision_name(p),
                 (long long)l.m, (long long)l.k, (long long)l.n, c->type);
        float *y = run_layer(d, &l);
        (p == MM_PREC_BF16    ? check_bf16
         : p == MM_PREC_FP16  ? check_fp16
         : p == MM_PREC_INT16 ? check_int16
                              : check_int8)(&l, y, what);
        free(y);
        if (!only)
            close_dev(d);
        free_layer(&l);
    }
}

static void check_layers(mm_precision p)
{
    static const layer_case fixed[] = {
        {1, 1, {1}, 1, false, false, MM_F32},           {14, 64, {32}, 1, false, true, MM_F32},
        {33, 192, {64}, 1, false, true, MM_BF16},       {31, 4500, {33}, 1, false, false, MM_F32},
        {230, 1025, {40}, 1, false, true, MM_F32},      {29, 48, {48, 48, 48}, 3, false, true, MM_F32},
        {29, 47, {10, 20, 37}, 3, false, true, MM_F16}, {29, 47, {10, 20, 37}, 3, true, true, MM_F32},
        {9, 70, {100}, 1, true, false, MM_F16},         {49, 513, {65}, 1, true, true, MM_BF16},
    };
    mm_dev *only = other_device() ? open_other(p, 1) : NULL; /* a GPU's pipelines are built once */
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        seed = i;
        check_layer(&fixed[i], p, only);
    }
    for (int i = 0; i < 40; i++) {
        seed = (uint64_t)i * 977;
        layer_case c = {.m = up_to(70), .k = up_to(150), .parts = (int)up_to(3)};
        for (int j = 0; j < c.parts; j++)
            c.n[j] = up_to(50);
        c.transposed = up_to(2) == 1;
        c.biased = up_to(2) == 1;
        c.type = (mm_type[]){MM_F32, MM_F16, MM_BF16}[i % 3];
        check_layer(&c, p, only);
    }
    if (only)
        close_dev(only);
}

static void test_bf16(void **state)
{
    (void)state;
    if (left_out(MM_PREC_BF16))
        skip();
    check_layers(MM_PREC_BF16);
}

static void test_int8(void **state)
{
    (void)state;
    if (left_out(MM_PREC_INT8))
        skip();
    check_layers(MM_PREC_INT8);
}

static void test_int16(void **state)
{
    (void)state;
    if (left_out(MM_PREC_INT16))
        skip();
    check_layers(MM_PREC_INT16);
}

/* The largest sums that there can be: rows of equal numbers but for one, columns of one sign. */
static void test_int16_is_full(void **state)
{
    (void)state;
    if (left_out(MM_PREC_INT16))
        skip();
    static const int64_t depths[] = {1, 2, 31, 33, 768, 3072, 20000};
    for (int m = 0; m < MASKS; m++) {
        if (!have_mask(&masks[m]))
            continue;
        mm_dev *d = open_dev(&masks[m], MM_PREC_INT16, 1);
        for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
            layer l = make_layer(&(layer_case){2, depths[i], {3}, 1, false, false, MM_F32});
            for (int64_t k = 0; k < l.m * l.k; k++)
                l.x[k] = k < l.k ? 1.0f : -1.0f;
            for (int64_t k = 0; k < l.n * l.k; k++)
                l.w[k] = ((float *)l.typed[0])[k] = k < l.k ? 1.0f : k < 2 * l.k ? -0.75f : k % l.k ? 1e-3f : 2.0f;
            float *y = run_layer(d, &l);
            check_int16(&l, y, masks[m].cpu);
            free(y);
            free_layer(&l);
        }
        close_dev(d);
    }
}

/* By whatever path a GPU has for it. */
static void test_fp16(void **state)
{
    (void)state;
    if (!other_device())
        skip();
    check_layers(MM_PREC_FP16);
}

static void test_refused(void **state)
{
    (void)state;
    mm_dev *d;
    mm_err e = {0};
    assert_int_equal(mm_dev_open(&d, &(mm_dev_opts){.name = "cpu", .precision = MM_PREC_FP16}, &e), MM_FATAL);
    assert_non_null(strstr(e.text, "fp16"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bf16), cmocka_unit_test(test_int16), cmocka_unit_test(test_int16_is_full),
        cmocka_unit_test(test_int8), cmocka_unit_test(test_fp16),  cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, keep_driver, let_driver_go);
}
