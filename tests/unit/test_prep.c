/* From preprocessor_config.json to pixel values against transformers' image processors (tests/goldens/make_media.py).
 */
#include "golden.h"
#include "model/prep.h"

static mm_image_prep prep_of(const char *config, const char *preprocessor)
{
    json_t *c = json_loads(config, 0, NULL), *p = preprocessor ? json_loads(preprocessor, 0, NULL) : NULL;
    mm_image_prep out;
    mm_err e;
    if (mm_image_prep_of(c, p, &out, &e) != MM_OK)
        fail_msg("%s", e.text);
    json_decref(c);
    json_decref(p);
    return out;
}

static void pixels_as_transformers(void **state)
{
    (void)state;
    mm_arena a = {0};
    mm_err e;
    json_t *cases = golden("media/prep.json"), *c;
    size_t i;
    json_array_foreach(cases, i, c)
    {
        int64_t h = num(c, "h"), w = num(c, "w");
        uint8_t *rgb = noise_bytes(num(c, "seed"), h * w * 3);
        mm_image in = {h, w, rgb}, out;
        mm_image_prep p;
        assert_int_equal(mm_image_prep_of(c, json_object_get(c, "config"), &p, &e), MM_OK);
        assert_int_equal(mm_image_prepare(&out, &in, &p, &a, &e), MM_OK);
        assert_int_equal(out.height, num(c, "rows"));
        assert_int_equal(out.width, num(c, "cols"));
        size_t n = (size_t)(out.height * out.width * 3);
        float *values = malloc(n * sizeof *values);
        mm_image_normalize(values, &out, &p);
        assert_fnv(values, n * sizeof *values, c);
        free(values);
        free(rgb);
        mm_arena_reset(&a);
    }
    assert_true(i > 40);
    json_decref(cases);
    mm_arena_free(&a);
}

static void digest_tells_geometry(void **state)
{
    (void)state;
    char text[MM_PREP_DIGEST];
    mm_image_prep p = prep_of("{\"model_type\": \"dinov2\"}", NULL);
    assert_string_equal(mm_image_prep_digest(&p, text, sizeof text), "shortest=256 bicubic crop=224x224");
    p = prep_of("{\"model_type\": \"vit\", \"image_size\": 384}", NULL);
    assert_string_equal(mm_image_prep_digest(&p, text, sizeof text), "size=384x384 bilinear");
    p = prep_of("{\"model_type\": \"clip\", \"vision_config\": {\"image_size\": 336}}", NULL);
    assert_string_equal(mm_image_prep_digest(&p, text, sizeof text), "shortest=336 bicubic crop=336x336");
    p = prep_of("{\"model_type\": \"deit\", \"image_size\": 384}", NULL);
    assert_string_equal(mm_image_prep_digest(&p, text, sizeof text), "size=438x438 bicubic crop=384x384");
    p = prep_of("{}", "{\"do_resize\": false}");
    assert_string_equal(mm_image_prep_digest(&p, text, sizeof text), "as-is");
    p = prep_of("{}",
                "{\"image_processor\": {\"size\": {\"shortest_edge\": 20, \"longest_edge\": 30}, \"resample\": 0}}");
    assert_string_equal(mm_image_prep_digest(&p, text, sizeof text), "shortest=20 longest=30 nearest");
}

static void refuses_nonsense(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "{\"size\": {}}",
        "{\"size\": -4}",
        "{\"size\": {\"height\": 0, \"width\": 3}}",
        "{\"size\": {\"shortest_edge\": 1e12}}",
        "{\"size\": \"big\"}",
        "{\"size\": [3]}",
        "{\"size\": 8, \"do_center_crop\": true, \"crop_size\": []}",
        "{\"size\": 8, \"do_center_crop\": true}",
        "{\"size\": 8, \"resample\": 7}",
        "{\"size\": 8, \"image_mean\": [1, 2]}",
        "{\"size\": 8, \"image_std\": [1, 0, 1]}",
        "{\"size\": 8, \"image_std\": [1, \"x\", 1]}",
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        json_t *p = json_loads(BAD[i], 0, NULL);
        mm_image_prep out;
        mm_err e;
        assert_non_null(p);
        assert_int_equal(mm_image_prep_of(NULL, p, &out, &e), MM_FATAL);
        assert_non_null(strstr(e.text, "preprocessor_config.json"));
        json_decref(p);
    }
}

static mm_audio_prep audio_of(const char *config, const char *preprocessor, mm_status want)
{
    json_t *c = json_loads(config, 0, NULL), *p = preprocessor ? json_loads(preprocessor, 0, NULL) : NULL;
    mm_audio_prep out = {0};
    mm_err e;
    assert_int_equal(mm_audio_prep_of(c, p, &out, &e), want);
    json_decref(c);
    json_decref(p);
    return out;
}

static void audio_settings(void **state)
{
    (void)state;
    mm_audio_prep p =
        audio_of("{\"model_type\": \"wav2vec2\"}", "{\"do_normalize\": false, \"sampling_rate\": 8000}", MM_OK);
    assert_true(!p.mel && !p.normalize && p.rate == 8000 && p.window == 0);
    p = audio_of("{\"model_type\": \"hubert\"}", NULL, MM_OK);
    assert_true(!p.mel && p.normalize && p.rate == 16000);
    p = audio_of("{\"model_type\": \"whisper\", \"num_mel_bins\": 128}", NULL, MM_OK);
    assert_true(p.mel && !p.normalize && p.n_mels == 128 && p.n_fft == 400 && p.hop == 160 && p.window == 480000);
    p = audio_of("{}", "{\"feature_extractor_type\": \"WhisperFeatureExtractor\", \"feature_size\": 80}", MM_OK);
    assert_true(p.mel && p.n_mels == 80);
    audio_of("{\"model_type\": \"whisper\"}", "{\"hop_length\": 0}", MM_FATAL);
    audio_of("{\"model_type\": \"whisper\"}", "{\"feature_size\": 100000}", MM_FATAL);
    audio_of("{\"model_type\": \"wav2vec2\"}", "{\"sampling_rate\": -1}", MM_FATAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_as_transformers),
        cmocka_unit_test(digest_tells_geometry),
        cmocka_unit_test(refuses_nonsense),
        cmocka_unit_test(audio_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
