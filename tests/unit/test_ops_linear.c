/* Linear layers and activations, in every instruction set that this processor has (or on MM_TEST_DEVICE), beside plain
 * loops in double precision, on ragged shapes. */
#include "backend_util.h"

/* ---- linear ---- */

typedef struct {
    int64_t m, k, n[MM_MAX_PARTS];
    int parts;
    bool transposed, biased, scaled, residual;
    mm_type type;
    mm_act act;
} linear_case;

static void check_linear(mm_dev *d, const linear_case *c)
{
    int64_t n = 0;
    mm_linear_weight lw = {.parts = c->parts, .transposed = c->transposed};
    float *wf[MM_MAX_PARTS], *bf[MM_MAX_PARTS];
    void *wt[MM_MAX_PARTS];
    for (int i = 0; i < c->parts; i++) {
        int64_t size = c->n[i] * c->k;
        float *raw = random_floats(size);
        wt[i] = as_type(raw, size, c->type);
        wf[i] = malloc((size_t)size * 4);
        mm_to_f32(wf[i], wt[i], c->type, size);
        free(raw);
        bf[i] = random_floats(c->n[i]);
        lw.w[i] = c->transposed ? tensor(c->type, wt[i], 2, c->k, c->n[i]) : tensor(c->type, wt[i], 2, c->n[i], c->k);
        if (c->biased && i != 1) /* the second part has none, as Whisper's keys */
            lw.bias[i] = tensor(MM_F32, bf[i], 1, c->n[i]);
        n += c->n[i];
    }
    float *x = random_floats(c->m * c->k), *r = random_floats(c->m * n), *s = random_floats(n);
    double *ref = malloc((size_t)(c->m * n) * sizeof *ref);
    for (int64_t i = 0; i < c->m; i++) {
        int64_t col = 0;
        for (int p = 0; p < c->parts; p++)
            for (int64_t j = 0; j < c->n[p]; j++, col++) {
                double sum = c->biased && p != 1 ? bf[p][j] : 0;
                for (int64_t k = 0; k < c->k; k++)
                    sum += (double)x[i * c->k + k] * wf[p][c->transposed ? k * c->n[p] + j : j * c->k + k];
                ref[i * n + col] = act(c->act, sum) * (c->scaled ? s[col] : 1) + (c->residual ? r[i * n + col] : 0);
            }
    }
    mm_weight *w, *sw = NULL;
    mm_err e = {0};
    if (mm_dev_linear_weight(&w, d, &lw, &e) != MM_OK)
        fail_msg("%s", e.text);
    mm_tensor st = tensor(MM_F32, s, 1, n);
    if (c->scaled)
        assert_int_equal(mm_dev_vector(&sw, d, &st, &e), MM_OK);
    mm_mat xm = mat(d, x, c->m, c->k, 5), ym = mat(d, c->residual ? r : NULL, c->m, n, 2);
    float *first = NULL;
    for (int use = 0; use < 3; use++) { /* on the fly, then packed for good: the same bits */
        if (c->residual)
            for (int64_t i = 0; i < c->m; i++)
                mm_dev_write(d, ym.buf, ym.off + i * ym.ld, r + i * n, n);
        mm_dev_linear(d, &(mm_linear_op){.x = xm,
                                         .y = ym,
                                         .w = w,
                                         .rows = c->m,
                                         .act = c->act,
                                         .scale = sw,
                                         .residual = c->residual ? ym : (mm_mat){0}});
        float *y = fetch(d, &ym, c->m, n);
        char what[128];
        snprintf(what, sizeof what, "linear %s %lldx%lldx%lld use %d", mm_dev_name(d), (long long)c->m, (long long)c->k,
                 (long long)n, use);
        close_to(y, ref, c->m * n, 2e-6 * sqrt((double)c->k) + 1e-6, what);
        if (first)
            assert_memory_equal(first, y, (size_t)(c->m * n) * 4);
        else
            first = y;
        if (first != y)
            free(y);
    }
    free(first);
    mm_dev_weight_free(d, w);
    mm_dev_weight_free(d, sw);
    mm_dev_free(d, xm.buf);
    mm_dev_free(d, ym.buf);
    for (int i = 0; i < c->parts; i++) {
        free(wf[i]);
        free(bf[i]);
        free(wt[i]);
    }
    free(x);
    free(r);
    free(s);
    free(ref);
}

static void linear_cases(mm_dev *d)
{
    const linear_case fixed[] = {
        {.m = 1, .k = 1, .n = {1}, .parts = 1},
        {.m = 14, .k = 64, .n = {32}, .parts = 1, .biased = true},
        {.m = 197, .k = 192, .n = {64}, .parts = 1, .biased = true, .act = MM_ACT_GELU},
        {.m = 31, .k = 2500, .n = {33}, .parts = 1, .residual = true, .scaled = true},
        {.m = 230, .k = 1025, .n = {40}, .parts = 1, .biased = true, .residual = true},
        {.m = 29, .k = 48, .n = {48, 48, 48}, .parts = 3, .biased = true},
        {.m = 29, .k = 47, .n = {10, 20, 37}, .parts = 3, .biased = true},
        {.m = 29, .k = 47, .n = {10, 20, 37}, .parts = 3, .biased = true, .transposed = true},
        {.m = 9, .k = 70, .n = {100}, .parts = 1, .transposed = true, .type = MM_F16},
    };
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        linear_case c = fixed[i];
        if (c.type == MM_U8)
            c.type = MM_F32;
        check_linear(d, &c);
    }
    for (int i = 0; i < 60; i++) {
        linear_case c = {.m = up_to(70), .k = up_to(90), .parts = (int)up_to(3)};
        for (int p = 0; p < c.parts; p++)
            c.n[p] = up_to(50);
        c.transposed = up_to(2) == 1;
        c.biased = up_to(2) == 1;
        c.scaled = up_to(2) == 1;
        c.residual = up_to(2) == 1;
        c.type = (mm_type[]){MM_F32, MM_F16, MM_BF16}[i % 3];
        c.act = (mm_act)(i % 7);
        check_linear(d, &c);
    }
}

static void test_linear(void **state)
{
    (void)state;
    each_tier(linear_cases);
}

/* ---- activations over their whole range ---- */

static void activation_range(mm_dev *d)
{
    enum { N = 4000 };
    float one = 1, *x = malloc(N * sizeof *x);
    double *ref = malloc(N * sizeof *ref);
    mm_weight *w;
    mm_linear_weight lw = {.parts = 1, .w = {tensor(MM_F32, &one, 2, (int64_t)1, (int64_t)1)}};
    assert_int_equal(mm_dev_linear_weight(&w, d, &lw, NULL), MM_OK);
    for (int i = 0; i < N; i++)
        x[i] = (float)(i - N / 2) / 100.0f;
    x[0] = -1e30f;
    x[1] = 1e30f;
    x[2] = -100;
    x[3] = 100;
    for (int a = MM_ACT_NONE; a <= MM_ACT_TANH; a++) {
        mm_mat xm = mat(d, x, N, 1, 0), ym = mat(d, NULL, N, 1, 0);
        mm_dev_linear(d, &(mm_linear_op){.x = xm, .y = ym, .w = w, .rows = N, .act = (mm_act)a});
        float *y = fetch(d, &ym, N, 1);
        for (int i = 0; i < N; i++)
            ref[i] = act((mm_act)a, x[i]);
        char what[64];
        snprintf(what, sizeof what, "activation %d", a);
        close_to(y, ref, N, 3e-7, what);
        free(y);
        mm_dev_free(d, xm.buf);
        mm_dev_free(d, ym.buf);
    }
    mm_dev_weight_free(d, w);
    free(x);
    free(ref);
}

static void test_activations(void **state)
{
    (void)state;
    each_tier(activation_range);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_activations),
    };
    return cmocka_run_group_tests(tests, keep_driver, let_driver_go);
}
