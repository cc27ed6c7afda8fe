/* The temperature of a classification head against SciPy's minimum of scikit-learn's log loss on the same logits
 * (tests/goldens/make_calibration.py). */
#include "train/calibrate.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_temperature(void **state)
{
    (void)state;
    json_t *all = json_load_file("tests/goldens/calibration.json", 0, NULL), *c;
    size_t k;
    assert_int_equal(json_array_size(all), 5);
    json_array_foreach(all, k, c)
    {
        const json_t *rows = json_object_get(c, "logits"), *y = json_object_get(c, "target");
        size_t n = json_array_size(rows), classes = (size_t)json_integer_value(json_object_get(c, "classes"));
        float *logits = malloc(n * classes * sizeof *logits);
        int32_t *target = malloc(n * sizeof *target);
        for (size_t i = 0; i < n; i++) {
            target[i] = (int32_t)json_integer_value(json_array_get(y, i));
            for (size_t j = 0; j < classes; j++)
                logits[i * classes + j] = (float)json_number_value(json_array_get(json_array_get(rows, i), j));
        }
        double want = json_number_value(json_object_get(c, "temperature"));
        double got = (double)mm_best_temperature(logits, target, (int)n, (int64_t)classes);
        if (fabs(got - want) > 1e-4 * want)
            fail_msg("case %d: temperature %.6f, SciPy's is %.6f", (int)k, got, want);
        free(logits);
        free(target);
    }
    json_decref(all);
}

static double log_loss(const float *logits, const int32_t *target, int n, int64_t classes, double temperature)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double total = 0;
        for (int64_t c = 0; c < classes; c++)
            total += exp((logits[i * classes + c] - logits[i * classes + target[i]]) / temperature);
        sum += log(total);
    }
    return sum / n;
}

/* Normal numbers around 3.2 for the sample's own class, around 0 for the others: one in twenty or so is wrong. */
static int draw(float *logits, int32_t *target, int n, int classes, mm_rng *r)
{
    int wrong = 0;
    for (int i = 0; i < n; i++) {
        target[i] = (int32_t)mm_rng_below(r, (uint64_t)classes);
        bool right = true;
        for (int c = 0; c < classes; c++) {
            double u = sqrt(-2 * log(1 - mm_rng_uniform(r))) * cos(6.283185307179586 * mm_rng_uniform(r));
            logits[i * classes + c] = (float)(u + (c == target[i] ? 3.2 : 0));
        }
        for (int c = 0; c < classes; c++)
            right &= logits[i * classes + c] <= logits[i * classes + target[i]];
        wrong += !right;
    }
    return wrong;
}

/* Where no validation sample is wrong, the temperature must still do for samples that were not seen. */
static void test_held_out(void **state)
{
    (void)state;
    enum { VALID = 36, HELD = 4000, CLASSES = 6 };
    static float valid[VALID * CLASSES], held[HELD * CLASSES];
    static int32_t target[VALID], held_target[HELD];
    int cases = 0;
    for (uint64_t seed = 1; cases < 5; seed++) {
        mm_rng r = {.state = seed};
        if (draw(valid, target, VALID, CLASSES, &r)) /* not all right */
            continue;
        cases++;
        draw(held, held_target, HELD, CLASSES, &r);
        double t = (double)mm_best_temperature(valid, target, VALID, CLASSES), best = INFINITY;
        for (double u = 0.05; u < 20; u *= 1.05)
            best = fmin(best, log_loss(held, held_target, HELD, CLASSES, u));
        if (log_loss(held, held_target, HELD, CLASSES, t) > 1.5 * best)
            fail_msg("seed %d: temperature %.3f, log loss %.4f of %.4f at best", (int)seed, t,
                     log_loss(held, held_target, HELD, CLASSES, t), best);
        assert_false(mm_temperature_is_bound((float)t));
    }
}

/* Logits that say nothing, or too quietly: the range ends somewhere. */
static void test_bounds(void **state)
{
    (void)state;
    const float nothing[4] = {1, 0, 1, 0}, quiet[4] = {1e-4f, 0, 0, 1e-4f};
    const int32_t both[2] = {0, 1}, none[2] = {-1, -1};
    assert_true(mm_temperature_is_bound(mm_best_temperature(nothing, both, 2, 2)));
    assert_true(mm_temperature_is_bound(mm_best_temperature(quiet, both, 2, 2)));
    assert_true(mm_best_temperature(nothing, none, 2, 2) == 1);
    assert_false(mm_temperature_is_bound(1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_temperature), cmocka_unit_test(test_held_out),
                                       cmocka_unit_test(test_bounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
