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
    assert_int_equal(json_array_size(all), 3);
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_temperature)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
