/* Reduced precision: bf16 and int8 under every mask of features that this processor can show, on ragged shapes, against
 * plain loops. bf16 lies within what rounding the factors may do; int8 is the same to the bit everywhere, since its
 * sums are exact.
 *
 * With MM_TEST_DEVICE int8 and fp16 are tested on that device, as far as it has them. */
#include "backend_util.h"

typedef struct {
    int64_t m, k, n[MM_MAX_PARTS];
    int parts;
    bool transposed, biased;
    mm_type type;
} layer;

/* A linear layer with its weights [N,K] as floats beside the tensors that the device reads. */
typedef struct {
    mm_linear_weight lw;
    void *typed[MM_MAX_PARTS];
    float *bias[MM_MAX_PARTS], *w, *b, *x;
    int64_t m, k, n;
} made;

static float in_type(float x, mm_type t, void *at)
{
    if (t == MM_F32)
        memcpy(at, &x, 4);
    else {
        uint16_t h = t == MM_F16 ? mm_f32_to_f16(x) : mm_f32_to_bf16(x);
        memcpy(at, &h, 2);
    }
    mm_to_f32(&x, at, t, 1);
    return x;
}

static made make(const layer *c)
{
    made l = {.m = c->m, .k = c->k, .lw = {.parts = c->parts, .transposed = c->transposed}};
    for (int p = 0; p < c->parts; p++)
        l.n += c->n[p];
    l.w = malloc((size_t)(l.n * l.k) * sizeof *l.w);
    l.b = malloc((size_t)l.n * sizeof *l.b);
    l.x = random_floats(l.m * l.k);
    for (int64_t i = 0; i < l.m; i++) /* rows of very different size: each has its own scale */
        for (int64_t k = 0; k < l.k; k++)
            l.x[i * l.k + k] *= powf(10, (float)(i % 7) - 3);
    int64_t at = 0;
    for (int p = 0; p < c->parts; at += c->n[p], p++) {
        l.typed[p] = malloc((size_t)(c->n[p] * l.k) * 4);
        l.bias[p] = random_floats(c->n[p]);
        for (int64_t j = 0; j < c->n[p]; j++) {
            for (int64_t k = 0; k < l.k; k++) {
                int64_t place = c->transposed ? k * c->n[p] + j : j * l.k + k;
                float x = noise() * powf(10, (float)(j % 5) - 2);
                l.w[(at + j) * l.k + k] =
                    in_type(j % 11 == 10 ? 0 : x, c->type, (char *)l.typed[p] + (size_t)place * mm_type_size(c->type));
            }
            l.b[at + j] = c->biased ? l.bias[p][j] : 0;
        }
        l.lw.w[p] =
            c->transposed ? tensor(c->type, l.typed[p], 2, l.k, c->n[p]) : tensor(c->type, l.typed[p], 2, c->n[p], l.k);
        if (c->biased)
            l.lw.bias[p] = tensor(MM_F32, l.bias[p], 1, c->n[p]);
    }
    return l;
}

static void unmake(made *l)
{
    for (int p = 0; p < l->lw.parts; p++) {
        free(l->typed[p]);
        free(l->bias[p]);
    }
    free(l->w);
    free(l->b);
    free(l->x);
}

/* The device's result, twice: weights packed on the fly and packed for good give the same bits. */
static float *compute(mm_dev *d, const made *l)
{
    mm_weight *w;
    mm_err e = {0};
    if (mm_dev_linear_weight(&w, d, &l->lw, &e) != MM_OK)
        fail_msg("%s", e.text);
    mm_mat x = mat(d, l->x, l->m, l->k, 3), y = mat(d, NULL, l->m, l->n, 5);
    float *first = NULL;
    for (int use = 0; use < 3; use++) {
        mm_dev_linear(d, &(mm_linear_op){.x = x, .y = y, .w = w, .rows = l->m});
        float *out = fetch(d, &y, l->m, l->n);
        if (first) {
            assert_memory_equal(first, out, (size_t)(l->m * l->n) * 4);
            free(out);
        } else
            first = out;
    }
    mm_dev_weight_free(d, w);
    mm_dev_free(d, x.buf);
    mm_dev_free(d, y.buf);
    return first;
}

static float as_bf16(float x)
{
    uint16_t h = mm_f32_to_bf16(x);
    mm_to_f32(&x, &h, MM_BF16, 1);
    return x;
}

/* Each factor rounded: 2⁻⁸ of each product for A (B is rounded in the reference as well), and fp32's own error. */
static void check_bf16(const made *l, const float *y, const char *what)
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
static void check_fp16(const made *l, const float *y, const char *what)
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

static integers quantised(const float *x, int64_t n)
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
        r.scale = (hi - lo) / 254.0f;
        inv = 254.0f / (hi - lo);
    }
    const long zero = lrintf(-lo * inv);
    for (int64_t i = 0; i < n; i++)
        r.q[i] = lrintf(fminf(fmaxf(x[i] * inv, (float)-zero), (float)(255 - zero)));
    r.rest = x[r.at] - r.scale * (float)r.q[r.at];
    return r;
}

/* A GPU's division may be off in its last bits: a number between two integers may become the other one, seldom. */
static void check_int8(const made *l, const float *y, const char *what)
{
    int64_t off = 0;
    for (int64_t i = 0; i < l->m; i++) {
        integers x = quantised(l->x + i * l->k, l->k);
        for (int64_t j = 0; j < l->n; j++) {
            const float *w = l->w + j * l->k, mw = largest(w, l->k), iw = mw > 0 ? 127.0f / mw : 0;
            long sum = 0;
            for (int64_t k = 0; k < l->k; k++)
                sum += x.q[k] * lrintf(w[k] * iw);
            const float expected =
                ((float)sum * x.scale + (float)lrintf(w[x.at] * iw) * x.rest) * (mw / 127.0f) + l->b[j];
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

/* On the device `only`, or on the CPU in every way. */
static void check_layer(const layer *c, mm_precision p, mm_dev *only)
{
    for (int m = 0; m < MASKS; m++) {
        if (!have_mask(&masks[m]))
            continue;
        made l = make(c);
        for (int64_t i = 0; p == MM_PREC_FP16 && i < l.m * l.k; i++)
            l.x[i] /= powf(10, (float)(i / l.k % 7) - 3); /* within f16's range, and products too */
        mm_dev *d = only ? only : open_dev(&masks[m], p, 1 + m % 3);
        char what[160];
        snprintf(what, sizeof what, "%s %s %lldx%lldx%lld of type %d", masks[m].cpu, mm_precision_name(p),
                 (long long)l.m, (long long)l.k, (long long)l.n, c->type);
        float *y = compute(d, &l);
        (p == MM_PREC_BF16 ? check_bf16 : p == MM_PREC_FP16 ? check_fp16 : check_int8)(&l, y, what);
        free(y);
        if (!only)
            close_dev(d);
        unmake(&l);
    }
}

static void check_layers(mm_precision p)
{
    static const layer fixed[] = {
        {1, 1, {1}, 1, false, false, MM_F32},           {14, 64, {32}, 1, false, true, MM_F32},
        {33, 192, {64}, 1, false, true, MM_BF16},       {31, 4500, {33}, 1, false, false, MM_F32},
        {230, 1025, {40}, 1, false, true, MM_F32},      {29, 48, {48, 48, 48}, 3, false, true, MM_F32},
        {29, 47, {10, 20, 37}, 3, false, true, MM_F16}, {29, 47, {10, 20, 37}, 3, true, true, MM_F32},
        {9, 70, {100}, 1, true, false, MM_F16},         {49, 513, {65}, 1, true, true, MM_BF16},
    };
    mm_dev *only = other_device() ? open_other(p, 1) : NULL; /* a GPU's pipelines are made once */
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        seed = i;
        check_layer(&fixed[i], p, only);
    }
    for (int i = 0; i < 40; i++) {
        seed = (uint64_t)i * 977;
        layer c = {.m = up_to(70), .k = up_to(150), .parts = (int)up_to(3)};
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

/* Not what the other device computes, if there is one; or not at all on it. */
static bool left_out(mm_precision p)
{
    mm_dev *d;
    mm_err e;
    if (!other_device())
        return false;
    if (p == MM_PREC_BF16)
        return true;
    mm_status s = mm_dev_open(&d, &(mm_dev_opts){.name = other_device(), .threads = 1, .precision = p}, &e);
    if (s != MM_OK)
        print_message("%s\n", e.text);
    mm_dev_close(d);
    return s != MM_OK;
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

/* By whatever path a GPU has for it. */
static void test_fp16(void **state)
{
    (void)state;
    if (!other_device())
        skip();
    check_layers(MM_PREC_FP16);
}

/* A convolution is the product of its windows: the same bits as a linear layer (that of bf16, which int8 runs keep for
 * convolutions). Two items, padding, a stride. */
static void check_conv(const cpu_mask *m, mm_precision p)
{
    enum { IN = 7, OUT = 37, TAPS = 3, ITEMS = 2, STRIDE = 2 };
    static const int64_t dims[ITEMS] = {31, 18}, cu_x[] = {0, 31, 49}, cu_y[] = {0, 16, 25};
    seed = 5;
    mm_dev *d = open_dev(m, p, 2), *plain = open_dev(m, MM_PREC_BF16, 1);
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
    made l = {.m = 25, .k = IN * TAPS, .n = OUT, .x = rows};
    l.lw = (mm_linear_weight){.parts = 1, .w = {tensor(MM_F32, wide, 2, (int64_t)OUT, (int64_t)(IN * TAPS))}};
    float *expected = compute(plain, &l);
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
                                     .cu_k = cu,
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
    made l = make(&(layer){.m = 4, .k = K, .n = {N}, .parts = 1, .type = MM_F32});
    float *plain = compute(d, &l);
    l.x[K + 3] = NAN;
    for (int k = 0; k < K; k++)
        l.x[2 * K + k] = 0;
    float *y = compute(d, &l);
    for (int j = 0; j < N; j++) {
        assert_true(y[j] == plain[j] && y[3 * N + j] == plain[3 * N + j]);
        assert_true(isnan(y[N + j]));
        assert_true(y[2 * N + j] == 0);
    }
    free(plain);
    free(y);
    unmake(&l);
    close_dev(d);
}

static void test_special(void **state)
{
    (void)state;
    if (left_out(MM_PREC_INT8))
        skip();
    each_reduced(check_special);
}

/* GELU behind a product of reduced precision, beside libm's of that product's own sums. */
static void check_gelu(const cpu_mask *mask, mm_precision p)
{
    enum { M = 9, K = 64, N = 70 };
    const layer c = {.m = M, .k = K, .n = {N}, .parts = 1, .biased = true, .type = MM_F32};
    made l = make(&c);
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
    unmake(&l);
}

static void test_gelu(void **state)
{
    (void)state;
    if (left_out(MM_PREC_INT8))
        skip();
    each_reduced(check_gelu);
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
        cmocka_unit_test(test_bf16), cmocka_unit_test(test_int8),    cmocka_unit_test(test_fp16),
        cmocka_unit_test(test_conv), cmocka_unit_test(test_attend),  cmocka_unit_test(test_special),
        cmocka_unit_test(test_gelu), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, keep_driver, let_driver_go);
}
