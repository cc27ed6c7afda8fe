/* Sound files against soundfile and librosa's soxr_hq (tests/goldens/make_decode.py): as many samples, and of each one
 * in 17 the value. */
#include "decode_util.h"

#include <math.h>

static void check(const json_t *c)
{
    static const mm_decode_opts mono16k = {.audio = true, .rate = 16000};
    const char *file = json_string_value(json_object_get(c, "file"));
    double tolerance = json_number_value(json_object_get(c, "tolerance"));
    decoded d = decode_golden("sound", file, &mono16k, MM_KIND_AUDIO);
    const float *x = (const float *)(const void *)d.data;
    json_t *pick;
    size_t i;
    print_message("%s\n", file);
    assert_int_equal(d.shape.rank, 1);
    assert_int_equal(d.shape.type, MM_F32);
    assert_int_equal(d.shape.dim[0], num(c, "n"));
    json_array_foreach(json_object_get(c, "picks"), i, pick)
    {
        json_int_t at = json_integer_value(json_array_get(pick, 0));
        float want = (float)json_number_value(json_array_get(pick, 1));
        if (!(fabsf(x[at] - want) <= tolerance))
            fail_msg("%s: sample %lld is %.9g, not %.9g", file, (long long)at, (double)x[at], (double)want);
    }
    assert_true(i > 40);
    free(d.data);
}

/* Files at 16 kHz, or of another rate. */
static void every(bool native, size_t least)
{
    json_t *cases = golden("sound/cases.json"), *c;
    size_t i, n = 0;
    json_array_foreach(cases, i, c)
    {
        if ((num(c, "rate") == 16000) != native)
            continue;
        check(c);
        n++;
    }
    assert_true(n >= least);
    json_decref(cases);
}

static void as_they_are(void **state)
{
    (void)state;
    every(true, 8);
}

static void resampled(void **state)
{
    (void)state;
    every(false, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_they_are), cmocka_unit_test(resampled)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
