/* The figures of lib/eval against scikit-learn's and SciPy's (tests/goldens/make_metrics.py). */
#include "base/rng.h"
#include "eval/report.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define GOLDEN "tests/goldens/metrics.json"

static int load(void **state)
{
    json_error_t e;
    *state = json_load_file(GOLDEN, JSON_ALLOW_NUL, &e);
    if (!*state)
        fail_msg("%s: %s", GOLDEN, e.text);
    return 0;
}

static int unload(void **state)
{
    json_decref(*state);
    return 0;
}

static double *numbers(const json_t *o, const char *key, int64_t *n)
{
    const json_t *list = json_object_get(o, key);
    *n = (int64_t)json_array_size(list);
    double *x = malloc((size_t)*n * sizeof *x);
    for (int64_t i = 0; i < *n; i++)
        x[i] = json_number_value(json_array_get(list, (size_t)i));
    return x;
}

static int32_t *classes_of(const json_t *o, const char *key, int64_t *n)
{
    double *x = numbers(o, key, n);
    int32_t *c = malloc((size_t)*n * sizeof *c);
    for (int64_t i = 0; i < *n; i++)
        c[i] = (int32_t)x[i];
    free(x);
    return c;
}

static void expect(double got, const json_t *o, const char *key)
{
    double want = json_number_value(json_object_get(o, key));
    if (!(fabs(got - want) <= 1e-9 * fmax(1, fabs(want))))
        fail_msg("%s: got %.15g, the reference says %.15g", key, got, want);
}

static void test_classification(void **state)
{
    const json_t *o;
    size_t at;
    json_array_foreach(json_object_get(*state, "classification"), at, o)
    {
        int64_t n, m;
        int k = (int)json_integer_value(json_object_get(o, "classes"));
        int32_t *target = classes_of(o, "truth", &n), *predicted = classes_of(o, "guess", &n);
        double *prob = numbers(o, "prob", &m), area;
        int64_t counts[16];
        mm_confusion(counts, target, predicted, n, k);
        for (int i = 0; i < k * k; i++)
            assert_int_equal(counts[i], json_integer_value(json_array_get(json_object_get(o, "confusion"), (size_t)i)));
        for (int i = 0; i < k; i++) {
            mm_class_metrics r = mm_class_metrics_of(counts, k, i);
            double p = json_number_value(json_array_get(json_object_get(o, "precision"), (size_t)i));
            double c = json_number_value(json_array_get(json_object_get(o, "recall"), (size_t)i));
            assert_true(fabs(r.precision - p) < 1e-9 && fabs(r.recall - c) < 1e-9);
        }
        expect(mm_accuracy(counts, k), o, "accuracy");
        expect(mm_balanced_accuracy(counts, k), o, "balanced_accuracy");
        expect(mm_f1_macro(counts, k), o, "f1_macro");
        expect(mm_f1_weighted(counts, k), o, "f1_weighted");
        expect(mm_log_loss(target, prob, n, k), o, "log_loss");
        for (int64_t i = 0; i < n; i++) { /* the reference was given rows that sum to one */
            double sum = 0;
            for (int c = 0; c < k && k > 2; c++)
                sum += prob[i * k + c];
            for (int c = 0; c < k && k > 2; c++)
                prob[i * k + c] /= sum;
        }
        assert_int_equal(mm_auroc_ovr(&area, target, prob, n, k, NULL), MM_OK);
        expect(area, o, "auroc");
        free(target);
        free(predicted);
        free(prob);
    }
}

static void test_regression(void **state)
{
    const json_t *o;
    size_t at;
    json_array_foreach(json_object_get(*state, "regression"), at, o)
    {
        int64_t n;
        double *target = numbers(o, "truth", &n), *predicted = numbers(o, "guess", &n), *want = numbers(o, "ranks", &n),
               rho;
        double *rank = malloc((size_t)n * sizeof *rank);
        expect(mm_mae(target, predicted, n), o, "mae");
        expect(mm_rmse(target, predicted, n), o, "rmse");
        expect(mm_r2(target, predicted, n), o, "r2");
        expect(mm_pearson(target, predicted, n), o, "pearson");
        assert_int_equal(mm_spearman(&rho, target, predicted, n, NULL), MM_OK);
        expect(rho, o, "spearman");
        assert_int_equal(mm_ranks(rank, predicted, n, NULL), MM_OK);
        assert_memory_equal(rank, want, (size_t)n * sizeof *rank);
        free(target);
        free(predicted);
        free(want);
        free(rank);
    }
}

static void test_undefined_is_nan(void **state)
{
    (void)state;
    const int64_t never[4] = {3, 0, 1, 0}; /* class 1 is never guessed */
    const uint8_t ones[3] = {1, 1, 1};
    const double score[3] = {0.1, 0.2, 0.3}, flat[3] = {1, 1, 1};
    double area;
    assert_true(isnan(mm_class_metrics_of(never, 2, 1).precision));
    assert_int_equal(mm_auroc(&area, ones, score, 3, NULL), MM_OK);
    assert_true(isnan(area));
    assert_true(isnan(mm_pearson(flat, score, 3)) && isnan(mm_r2(flat, score, 3)) && isnan(mm_mae(flat, score, 0)));
    const double tenth[3] = {0.1, 0.1, 0.1}; /* whose sum is not three times 0.1 */
    assert_true(isnan(mm_pearson(tenth, score, 3)) && isnan(mm_r2(tenth, score, 3)));
}

static double metric(const mm_report *r, const char *name)
{
    for (int i = 0; i < r->metrics; i++)
        if (strcmp(r->metric[i].name, name) == 0)
            return r->metric[i].value;
    fail_msg("no %s", name);
    return 0;
}

/* scikit-learn's roc_auc_score of these is nan, with a warning that class c has no sample. */
static void test_auroc_wants_every_class(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", "c"};
    const int32_t target[4] = {0, 1, 0, 1}, predicted[4] = {0, 1, 1, 1}, all[4] = {0, 1, 2, 1};
    const double prob[12] = {0.6, 0.3, 0.1, 0.2, 0.7, 0.1, 0.3, 0.4, 0.3, 0.1, 0.8, 0.1};
    mm_class_predictions p = {
        .n = 4, .classes = 3, .name = names, .target = target, .predicted = predicted, .prob = prob};
    mm_arena a = {0};
    mm_report r;
    assert_int_equal(mm_report_classes(&r, &p, 50, 1, &a, NULL), MM_OK);
    assert_true(isnan(metric(&r, "AUROC")) && metric(&r, "accuracy") == 0.75 && !isnan(metric(&r, "log loss")));
    p.target = all;
    assert_int_equal(mm_report_classes(&r, &p, 50, 1, &a, NULL), MM_OK);
    assert_false(isnan(metric(&r, "AUROC")));
    mm_arena_free(&a);
}

/* Squares of these are beyond what a double holds; ratios are not. */
static void test_numbers_of_any_size(void **state)
{
    (void)state;
    static const double sizes[] = {1, 1e-200, 1e200};
    for (int i = 0; i < 3; i++) {
        double u = sizes[i], target[4] = {u, 2 * u, 3 * u, 4 * u}, predicted[4] = {2 * u, 2 * u, 3 * u, 3 * u};
        assert_true(fabs(mm_r2(target, predicted, 4) - 0.6) < 1e-12);
        assert_true(fabs(mm_rmse(target, predicted, 4) / u - sqrt(0.5)) < 1e-12);
        assert_true(fabs(mm_pearson(target, predicted, 4) - 2 / sqrt(5)) < 1e-12);
    }
}

static void test_calibration(void **state)
{
    (void)state;
    const int32_t target[4] = {0, 1, 1, 0}, predicted[4] = {0, 1, 0, 0};
    const double confidence[4] = {0.9, 0.95, 0.6, 0.7};
    mm_bin bin[2];
    /* all four lie in (0.5, 1]: mean confidence 0.7875, accuracy 0.75 */
    assert_true(fabs(mm_calibration(bin, 2, target, predicted, confidence, 4) - 0.0375) < 1e-12);
    assert_true(bin[0].count == 0 && isnan(bin[0].accuracy) && bin[1].count == 4);
}

static void test_mcnemar_and_quantile(void **state)
{
    const json_t *row;
    const double x[5] = {1, 2, 4, 8, 16.5};
    size_t at;
    json_array_foreach(json_object_get(*state, "mcnemar"), at, row)
    {
        double want = json_number_value(json_array_get(row, 2));
        double got = mm_mcnemar(json_integer_value(json_array_get(row, 0)), json_integer_value(json_array_get(row, 1)));
        assert_true(fabs(got - want) < 1e-9);
    }
    json_array_foreach(json_object_get(*state, "quantile"), at, row)
    {
        double q = json_number_value(json_array_get(row, 0)), want = json_number_value(json_array_get(row, 1));
        assert_true(fabs(mm_quantile_sorted(x, 5, q) - want) < 1e-12);
    }
}

static double mean_of_rows(void *ctx, const int64_t *row, int64_t n)
{
    const double *x = ctx;
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[row[i]];
    return sum / (double)n;
}

/* The bootstrap interval of a mean is close to the normal one; resampling whole groups of equal rows widens it by
 * √size. */
static void test_bootstrap(void **state)
{
    (void)state;
    enum { N = 400, SIZE = 4 };
    double x[N];
    int64_t group[N];
    mm_interval rows, again, groups;
    mm_rng r = {.state = 5};
    for (int i = 0; i < N; i++) {
        x[i] = i % SIZE ? x[i - 1] : mm_rng_uniform(&r);
        group[i] = i / SIZE;
    }
    assert_int_equal(mm_bootstrap(&rows, mean_of_rows, x, N, NULL, 2000, 1, NULL), MM_OK);
    assert_int_equal(mm_bootstrap(&again, mean_of_rows, x, N, NULL, 2000, 1, NULL), MM_OK);
    assert_int_equal(mm_bootstrap(&groups, mean_of_rows, x, N, group, 2000, 1, NULL), MM_OK);
    assert_true(rows.low == again.low && rows.high == again.high);
    double expected = 2 * 1.96 * sqrt(1.0 / 12 / N), width = rows.high - rows.low;
    assert_true(fabs(width / expected - 1) < 0.15);
    assert_true(fabs((groups.high - groups.low) / width - 2) < 0.3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_auroc_wants_every_class), cmocka_unit_test(test_numbers_of_any_size),
        cmocka_unit_test(test_classification),          cmocka_unit_test(test_regression),
        cmocka_unit_test(test_undefined_is_nan),        cmocka_unit_test(test_calibration),
        cmocka_unit_test(test_mcnemar_and_quantile),    cmocka_unit_test(test_bootstrap),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
