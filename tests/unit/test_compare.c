/* Two sets of predictions beside NumPy and SciPy (tests/goldens/make_compare.py): differences exactly, intervals of the
 * paired bootstrap as closely as their random numbers allow. */
#include "eval/compare.h"

#include <jansson.h>
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

static void expect(const mm_metric *got, const json_t *all, const char *name)
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
    double target[N], a[N], b[N];
    mm_comparison c;
    numbers(target, *state, "truth");
    numbers(a, *state, "a");
    numbers(b, *state, "b");
    assert_int_equal(mm_compare_numbers(&c, target, a, b, N, NULL, ROUNDS, 1, NULL), MM_OK);
    assert_int_equal(c.differences, 2);
    assert_false(c.classes);
    expect(&c.difference[0], *state, "MAE");
    expect(&c.difference[1], *state, "Pearson");
    assert_int_equal(mm_compare_numbers(&c, target, a, a, N, NULL, 100, 1, NULL), MM_OK);
    assert_true(c.difference[0].value == 0 && c.difference[0].interval.low == 0 && c.difference[0].interval.high == 0);
    assert_int_equal(mm_compare_numbers(&c, target, a, b, N, NULL, 0, 1, NULL), MM_OK);
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

/* Twenty photos with ten captions each, all of one photo found or none: two hundred queries know as little as twenty.
 */
static void test_captions_of_a_photo_are_drawn_together(void **state)
{
    (void)state;
    enum { PHOTOS = 20, CAPTIONS = 10 };
    static float a[PHOTOS * PHOTOS], b[PHOTOS * CAPTIONS * PHOTOS];
    int64_t owner[PHOTOS * CAPTIONS];
    mm_arena arena = {0};
    mm_report r;
    for (int i = 0; i < PHOTOS; i++)
        a[i * PHOTOS + i] = 1;
    for (int j = 0; j < PHOTOS * CAPTIONS; j++) { /* every other photo's captions point at its neighbour */
        owner[j] = j / CAPTIONS;
        b[j * PHOTOS + (owner[j] % 2 ? owner[j] - 1 : owner[j])] = 1;
    }
    const mm_pairs p = {.na = PHOTOS,
                        .nb = PHOTOS * CAPTIONS,
                        .width = PHOTOS,
                        .a = a,
                        .b = b,
                        .owner = owner,
                        .name_a = "image",
                        .name_b = "text"};
    assert_int_equal(mm_report_pairs(&r, &p, 4000, 1, &arena, NULL), MM_OK);
    const mm_metric *found = NULL;
    for (int i = 0; i < r.metrics; i++)
        if (strcmp(r.metric[i].name, "text→image R@1") == 0)
            found = &r.metric[i];
    assert_non_null(found);
    assert_true(found->value == 0.5);
    /* a share of twenty draws: .5 ± 1.96 · sqrt(.25 / 20); of two hundred it would be .43 to .57 */
    assert_true(fabs(found->interval.low - 0.28) < 0.05);
    assert_true(fabs(found->interval.high - 0.72) < 0.05);
    mm_arena_free(&arena);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers), cmocka_unit_test(test_classes),
                                       cmocka_unit_test(test_captions_of_a_photo_are_drawn_together)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
