/* Inputs, options and weights that do not fit. */
#include "encode_util.h"

#include <unistd.h>

/* ---- inputs that do not fit ---- */

static mm_tensor made(mm_type type, const void *data, int rank, int64_t a, int64_t b, int64_t c)
{
    return (mm_tensor){{type, rank, {a, b, c}}, data};
}

/* The misfit fails with a message that holds `why`; its neighbours come out as if it were not there. */
static void refuses(const specimen *s, mm_tensor misfit, const char *why)
{
    mm_dev *d = open_best(2);
    fixture b = setup(s, d, every_state);
    mm_output out[3], want;
    mm_err failed[3], e = {0};
    run(&b, b.in, 1, &want);
    mm_input in[3] = {b.in[0], {.in = misfit}, b.in[0]};
    assert_int_equal(encode_batch(b.enc, in, 3, out, failed, &b.arena, &e), MM_OK);
    assert_int_equal(failed[1].status, MM_SKIP);
    if (!strstr(failed[1].text, why))
        fail_msg("%s: \"%s\" does not say \"%s\"", s->name, failed[1].text, why);
    assert_null(out[1].t.data);
    assert_int_equal(failed[0].status, MM_OK);
    assert_int_equal(failed[2].status, MM_OK);
    assert_same(&out[0], &want, s->name, 3, 2);
    assert_same(&out[2], &want, s->name, 3, 2);
    teardown(&b);
    mm_dev_close(d);
}

static void misfits(void **state)
{
    (void)state;
    static const float zeros[4096];
    static const int32_t ids[32] = {2, 40}, many[32];
    refuses(&specimens[0], made(MM_F32, zeros, 3, 7, 32, 3), "smaller than one patch");
    refuses(&specimens[3], made(MM_F32, zeros, 3, 16, 16, 4), "f32[height,width,3]");
    refuses(&specimens[5], made(MM_U8, zeros, 3, 16, 16, 3), "f32[height,width,3]");
    refuses(&specimens[8], made(MM_I32, ids, 1, 2, 0, 0), "40");
    refuses(&specimens[8], made(MM_I32, many, 1, 13, 0, 0), "12");
    refuses(&specimens[7], made(MM_I32, many, 1, 0, 0, 0), "");
    /* convolutions of 10, 3, 2 taps with steps of 5, 2, 2: the shortest that leaves a row has 30 samples */
    for (int i = 10; i < 13; i++) {
        refuses(&specimens[i], made(MM_F32, zeros, 1, 29, 0, 0), "at least 30");
        refuses(&specimens[i], made(MM_F32, zeros, 1, 0, 0, 0), "too short");
    }
    refuses(&specimens[13], made(MM_F32, zeros, 2, 42, 6, 0), "cut the sound");
    refuses(&specimens[13], made(MM_F32, zeros, 2, 10, 7, 0), "f32[frames,6]");
}

static void options_refused(void **state)
{
    (void)state;
    mm_dev *d = open_best(1);
    struct {
        int of; /* specimen */
        mm_encode_opts o;
        const char *why;
    } bad[] = {
        {0, {.layers = 1, .layer = {3}}, "no layer 3"},
        {0, {.layers = 1, .layer = {-4}}, "no layer -4"},
        {0, {.project = 1}, "projected"},
        {1, {.classify = true}, "no classification head"},
        {10, {.pools = 1, .pool = {MM_POOL_CLS}}, "no CLS"},
        {8, {.pools = 1, .pool = {MM_POOL_EOS}}, "no end-of-text"},
        {8, {.pools = 2, .pool = {MM_POOL_NONE, MM_POOL_CLS}}, "stands alone"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const specimen *s = &specimens[bad[i].of];
        char path[256];
        mm_model *m;
        mm_encoder *x = NULL;
        mm_err e = {0};
        snprintf(path, sizeof path, "tests/goldens/encode/%s", s->name);
        assert_int_equal(mm_model_open(&m, path, NULL, &e), MM_OK);
        assert_int_equal(mm_encoder_open(&x, m, s->of, d, &bad[i].o, &e), MM_FATAL);
        if (!strstr(e.text, bad[i].why))
            fail_msg("\"%s\" does not say \"%s\"", e.text, bad[i].why);
        mm_model_close(m);
    }
    mm_dev_close(d);
}

/* ---- weights that do not fit ---- */

/* Weights that this tower does not need: those of training, of the other tower, heads, and the bias of keys, which adds
 * the same to all of a query's scores, so that softmax cancels it (Whisper has none). */
static bool dispensable(const specimen *s, const char *name)
{
    static const char *const never[] = {"mask_token",         "masked_spec_embed", "pooler.",      "decoder.",
                                        "proj_out",           "logit_scale",       "position_ids", "classifier",
                                        "_projection.weight", "key.bias",          "k_proj.bias",  "k_lin.bias"};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (strstr(name, never[i]))
            return !strstr(name, "feature_projection");
    return !strcmp(s->name, "clip") && strncmp(name, s->of == MM_OF_TEXT ? "vision_" : "text_", 5) == 0;
}

static void write_weights(const char *dir, const mm_named_tensor *t, int64_t n)
{
    char to[256];
    mm_err e = {0};
    snprintf(to, sizeof to, "%s/model.safetensors", dir);
    if (mm_safetensors_write(to, t, n, NULL, &e) != MM_OK)
        fail_msg("%s", e.text);
}

static void opens_or_names(const char *dir, const specimen *s, mm_dev *d, const char *tensor, const char *what)
{
    mm_model *m = NULL;
    mm_encoder *x = NULL;
    mm_err e = {0};
    if (mm_model_open(&m, dir, NULL, &e) != MM_OK)
        fail_msg("%s", e.text);
    mm_status st = mm_encoder_open(&x, m, s->of, d, &own, &e);
    if (st == MM_OK && !dispensable(s, tensor))
        fail_msg("%s: %s %s goes unnoticed", s->name, tensor, what);
    if (st != MM_OK && !strstr(e.text, tensor))
        fail_msg("%s: %s %s is reported as \"%s\"", s->name, tensor, what, e.text);
    mm_encoder_close(x);
    mm_model_close(m);
}

/* Each weight in turn is left out, then has one column too many, in a directory with the specimen's config.json. */
static void spoil(const specimen *s, mm_dev *d, const char *dir)
{
    char path[256], command[600];
    mm_safetensors *f;
    static const char room[1 << 16];
    snprintf(command, sizeof command, "cp tests/goldens/encode/%s/config.json %s", s->name, dir);
    assert_int_equal(system(command), 0);
    snprintf(path, sizeof path, "tests/goldens/encode/%s/model.safetensors", s->name);
    assert_int_equal(mm_safetensors_open(&f, path, NULL), MM_OK);
    int64_t n = mm_safetensors_count(f);
    mm_named_tensor *all = calloc((size_t)n, sizeof *all), *less = calloc((size_t)n, sizeof *less);
    for (int64_t i = 0; i < n; i++)
        all[i] = *mm_safetensors_at(f, i);
    for (int64_t i = 0; i < n; i++) {
        if (all[i].t.s.rank == 0)
            continue;
        memcpy(less, all, (size_t)i * sizeof *less);
        memcpy(less + i, all + i + 1, (size_t)(n - i - 1) * sizeof *less);
        write_weights(dir, less, n - 1);
        opens_or_names(dir, s, d, all[i].name, "missing");
        mm_named_tensor good = all[i];
        all[i].t.s.dim[all[i].t.s.rank - 1]++;
        all[i].t.data = room;
        assert_true((size_t)mm_shape_count(&all[i].t.s) * mm_type_size(all[i].t.s.type) <= sizeof room);
        write_weights(dir, all, n);
        opens_or_names(dir, s, d, all[i].name, "misshapen");
        all[i] = good;
    }
    free(all);
    free(less);
    mm_safetensors_close(f);
}

static void spoilt_weights(void **state)
{
    (void)state;
    char dir[200], command[256];
    snprintf(dir, sizeof dir, "%.180s/mm-encode-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(dir));
    mm_dev *d = open_best(1);
    for (int i = 0; i < SPECIMENS; i++)
        spoil(&specimens[i], d, dir);
    mm_dev_close(d);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static void wrong_modality(void **state)
{
    (void)state;
    mm_dev *d = open_best(1);
    mm_model *m;
    mm_encoder *x = NULL;
    mm_err e = {0};
    assert_int_equal(mm_model_open(&m, "tests/goldens/encode/vit", NULL, &e), MM_OK);
    assert_int_equal(mm_encoder_open(&x, m, MM_OF_TEXT, d, &own, &e), MM_FATAL);
    assert_non_null(strstr(e.text, "vit encodes image, not text"));
    mm_model_close(m);
    mm_dev_close(d);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(misfits),
        cmocka_unit_test(options_refused),
        cmocka_unit_test(spoilt_weights),
        cmocka_unit_test(wrong_modality),
    };
    return cmocka_run_group_tests(tests, keep_driver, let_driver_go);
}
