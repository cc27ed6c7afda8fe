/* Waveform normalisation and log-mel spectrograms against transformers (tests/goldens/make_media.py). */
#include "golden.h"
#include "media/sound/audio_prep.h"
#include "media/sound/fft.h"

#include <math.h>

static const mm_audio_prep WHISPER = {.rate = 16000, .mel = true, .n_fft = 400, .hop = 160, .n_mels = 80};

static void normalizes_as_wav2vec2(void **state)
{
    (void)state;
    json_t *cases = golden("media/normalize.json"), *c;
    size_t i;
    json_array_foreach(cases, i, c)
    {
        int64_t n = num(c, "n");
        float *x = noise_samples(num(c, "seed"), n);
        for (int64_t k = 0; k < n; k++)
            x[k] = x[k] * 0.3f + 0.1f;
        mm_audio_normalize(x, x, n);
        assert_fnv(x, (size_t)n * sizeof *x, c);
        free(x);
    }
    assert_true(i > 5);
    json_decref(cases);
}

static void filters_are_slaneys(void **state)
{
    (void)state;
    mm_arena a = {0};
    json_t *cases = golden("media/filters.json"), *c;
    size_t i, k;
    json_array_foreach(cases, i, c)
    {
        int bands = (int)num(c, "bands");
        const double *f = mm_mel_filters(bands, 400, 16000, &a);
        json_t *v;
        json_array_foreach(json_object_get(c, "sums"), k, v)
        {
            const double *row = f + (int64_t)k * (bands / 8) * 201;
            double sum = 0;
            int peak = 0;
            for (int b = 0; b < 201; b++) {
                sum += row[b];
                peak = row[b] > row[peak] ? b : peak;
            }
            assert_true(fabs(sum - json_real_value(v)) < 1e-12);
            assert_int_equal(peak, json_integer_value(json_array_get(json_object_get(c, "peaks"), k)));
        }
    }
    json_decref(cases);
    mm_arena_free(&a);
}

/* The sound of make_media.py: noise that swells. numpy's linspace is computed in doubles. */
static float *swell(int64_t seed, int64_t n)
{
    float *x = noise_samples(seed, n);
    for (int64_t i = 0; i < n; i++) {
        float rise = (float)(0.5 / (double)(n - 1) * (double)i);
        x[i] *= rise * rise * rise;
    }
    return x;
}

static void mel_as_whisper(void **state)
{
    (void)state;
    mm_arena a = {0};
    mm_err e;
    json_t *cases = golden("media/mel.json"), *c;
    size_t i, k;
    json_array_foreach(cases, i, c)
    {
        mm_audio_prep p = WHISPER;
        p.n_mels = (int)num(c, "bands");
        int64_t n = num(c, "n"), frames;
        float *x = swell(num(c, "seed"), n), *mel;
        assert_int_equal(mm_log_mel(&mel, &frames, x, n, num(c, "pad"), &p, NULL, &a, &e), MM_OK);
        assert_int_equal(frames, num(c, "frames"));
        json_t *v;
        json_array_foreach(json_object_get(c, "picks"), k, v)
        {
            int64_t f = json_integer_value(json_array_get(v, 0)), m = json_integer_value(json_array_get(v, 1));
            assert_true(fabs(mel[f * p.n_mels + m] - json_number_value(json_array_get(v, 2))) < 1e-5);
        }
        double mean = 0;
        for (int64_t q = 0; q < frames * p.n_mels; q++)
            mean += mel[q] / (double)(frames * p.n_mels);
        assert_true(fabs(mean - json_number_value(json_object_get(c, "mean"))) < 1e-6);
        free(x);
    }
    assert_true(i > 3);
    json_decref(cases);
    mm_arena_free(&a);
}

static void mel_is_the_same_for_any_threads(void **state)
{
    (void)state;
    mm_arena a = {0};
    mm_err e;
    float *x = noise_samples(7, 40000), *alone, *together;
    int64_t frames, frames2;
    assert_int_equal(mm_log_mel(&alone, &frames, x, 40000, 0, &WHISPER, NULL, &a, &e), MM_OK);
    for (int threads = 1; threads <= 4; threads++) {
        mm_threads *pool;
        assert_int_equal(mm_threads_new(&pool, threads, &e), MM_OK);
        assert_int_equal(mm_log_mel(&together, &frames2, x, 40000, 0, &WHISPER, pool, &a, &e), MM_OK);
        assert_int_equal(frames, frames2);
        assert_memory_equal(alone, together, (size_t)(frames * 80) * sizeof *alone);
        mm_threads_free(pool);
    }
    free(x);
    mm_arena_free(&a);
}

static void refuses_what_cannot_be(void **state)
{
    (void)state;
    mm_arena a = {0};
    mm_err e;
    float x[200] = {0}, *mel;
    int64_t frames;
    mm_audio_prep odd = WHISPER;
    odd.n_fft = 401;
    assert_int_equal(mm_log_mel(&mel, &frames, x, 100, 0, &WHISPER, NULL, &a, &e), MM_SKIP);
    assert_non_null(strstr(e.text, "too short"));
    assert_int_equal(mm_log_mel(&mel, &frames, x, 200, 0, &odd, NULL, &a, &e), MM_SKIP);
    assert_non_null(strstr(e.text, "401"));
    assert_int_equal(mm_log_mel(&mel, &frames, x, 200, 0, &WHISPER, NULL, &a, &e), MM_OK);
    assert_int_equal(frames, 1);
    mm_audio_normalize(x, x, 0);
    mm_arena_free(&a);
}

/* Every radix, against the sum that defines the transform. */
static void fft_is_the_fourier_sum(void **state)
{
    (void)state;
    mm_arena a = {0};
    mm_err e;
    static const int lengths[] = {2, 4, 6, 8, 10, 18, 50, 120, 400, 512};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        int n = lengths[i];
        mm_fft f;
        double x[512], power[257];
        double complex scratch[512];
        uint64_t seed = 11;
        for (int k = 0; k < n; k++)
            x[k] = noise_next(&seed) / 4294967296.0 - 0.5;
        assert_int_equal(mm_fft_plan(&f, n, &a, &e), MM_OK);
        mm_fft_power(&f, x, power, scratch);
        for (int k = 0; k <= n / 2; k++) {
            double re = 0, im = 0;
            for (int j = 0; j < n; j++) {
                re += x[j] * cos(2 * 3.14159265358979323846 * (j * k % n) / n);
                im += x[j] * sin(2 * 3.14159265358979323846 * (j * k % n) / n);
            }
            assert_true(fabs(power[k] - (re * re + im * im)) < 1e-11 * n);
        }
    }
    mm_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalizes_as_wav2vec2), cmocka_unit_test(filters_are_slaneys),
        cmocka_unit_test(mel_as_whisper),         cmocka_unit_test(mel_is_the_same_for_any_threads),
        cmocka_unit_test(refuses_what_cannot_be), cmocka_unit_test(fft_is_the_fourier_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
