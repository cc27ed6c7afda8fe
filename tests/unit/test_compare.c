/* Two sets of predictions beside NumPy and SciPy (tests/goldens/make_compare.py): differences exactly, intervals of the
 * paired bootstrap as closely as their random numbers allow. */
#include "eval/compare.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 150, ROUNDS = 20000 };

static void numbers(double *out, const json_t *all, const char *name)
{
    for (size_t i = 0; i < N; i++)
        out[i] = json_number_value(json_array_get(json_object_get(all, name), i));
}

static void flags(uint8_t *out, const json_t *all, const char *name)
{
    for (size_t i = 0; i < N; i++)
        out[i] = json_is_true(json_array_get(json_object_get(all, name), i));
}

static void expect(const mm_figure *got, const json_t *all, const char *name)
{
    const json_t *want = json_object_get(all, name), *interval = json_object_get(want, "interval");
    double low = json_number_value(json_array_get(interval, 0)), high = json_number_value(json_array_get(interval, 1));
    assert_string_equal(got->name, name);
    assert_true(fabs(got->value - json_number_value(json_object_get(want, "value"))) < 1e-9);
    assert_true(fabs(got->interval.low - low) < 0.05 * (high - low));
    assert_true(fabs(got->interval.high - high) < 0.05 * (high - low));
}

static void test_numbers(void **state)
{
    double truth[N], a[N], b[N];
    mm_comparison c;
    numbers(truth, *state, "truth");
    numbers(a, *state, "a");
    numbers(b, *state, "b");
    assert_int_equal(mm_compare_numbers(&c, truth, a, b, N, NULL, ROUNDS, 1, NULL), MM_OK);
    assert_int_equal(c.differences, 2);
    assert_false(c.classes);
    expect(&c.difference[0], *state, "MAE");
    expect(&c.difference[1], *state, "Pearson");
    assert_int_equal(mm_compare_numbers(&c, truth, a, a, N, NULL, 100, 1, NULL), MM_OK);
    assert_true(c.difference[0].value == 0 && c.difference[0].interval.low == 0 && c.difference[0].interval.high == 0);
    assert_int_equal(mm_compare_numbers(&c, truth, a, b, N, NULL, 0, 1, NULL), MM_OK);
    assert_true(isnan(c.difference[0].interval.low));
}

static void test_classes(void **state)
{
    uint8_t a[N], b[N];
    mm_comparison c;
    flags(a, *state, "right_a");
    flags(b, *state, "right_b");
    assert_int_equal(mm_compare_classes(&c, a, b, N, NULL, ROUNDS, 1, NULL), MM_OK);
    assert_int_equal(c.differences, 1);
    expect(&c.difference[0], *state, "accuracy");
    assert_true(fabs(c.p - json_number_value(json_object_get(*state, "p"))) < 1e-9);
    assert_int_equal(c.both + c.only_a + c.only_b + c.neither, N);
    int64_t both = 0;
    for (int i = 0; i < N; i++)
        both += a[i] && b[i];
    assert_int_equal(c.both, both);
}

static int set_up(void **state)
{
    *state = json_load_file("tests/goldens/compare.json", 0, NULL);
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    json_decref(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers), cmocka_unit_test(test_classes)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
