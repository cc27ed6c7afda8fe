/* Exports of the real exporters (make_import.py) become the models that they were made of. */
#include "base/file.h"
#include "base/json.h"
#include "import/import.h"
#include "model/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define ONNX "tests/goldens/onnx/"
#define CT2 "tests/goldens/ct2/"

static char dir[64]; /* a fresh directory for each test */

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/mm-import-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

static mm_status import(const char *source, const char *const *set, int sets, mm_err *e)
{
    char dest[96];
    mm_import_opts o = {.set = set, .sets = sets};
    snprintf(dest, sizeof dest, "%s/model", dir);
    return mm_import(source, dest, &o, e);
}

static mm_model *opened(void)
{
    char dest[96];
    mm_model *m;
    mm_err e = {0};
    snprintf(dest, sizeof dest, "%s/model", dir);
    if (mm_model_open(&m, dest, NULL, &e) != MM_OK)
        fail_msg("%s", e.text);
    if (mm_model_verify(m, &e) != MM_OK)
        fail_msg("%s", e.text);
    return m;
}

/* The tensor has this shape and, within rel of its size, this sum and sum of squares. */
static void check_tensor(const mm_model *m, const char *name, const json_t *want, double rel)
{
    mm_tensor t;
    mm_err e = {0};
    mm_arena a = {0};
    if (mm_model_tensor(m, &t, name, &e) != MM_OK)
        fail_msg("%s", e.text);
    const json_t *shape = json_array_get(want, 0);
    assert_int_equal(t.s.rank, json_array_size(shape));
    for (int i = 0; i < t.s.rank; i++)
        assert_int_equal(t.s.dim[i], json_integer_value(json_array_get(shape, (size_t)i)));
    const float *x = mm_tensor_f32(&a, &t);
    int64_t n = mm_shape_count(&t.s);
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += x[i];
        squares += (double)x[i] * x[i];
    }
    double want_sum = json_number_value(json_array_get(want, 1)),
           want_squares = json_number_value(json_array_get(want, 2));
    if (fabs(sum - want_sum) > rel * (1 + sqrt((double)n * want_squares)) ||
        fabs(squares - want_squares) > rel * (1 + want_squares))
        fail_msg("%s: sum %g, squares %g instead of %g, %g", name, sum, squares, want_sum, want_squares);
    mm_arena_free(&a);
}

static void check(const char *golden, double rel)
{
    json_t *want;
    mm_err e = {0};
    assert_int_equal(mm_json_load(&want, golden, &e), MM_OK);
    mm_model *m = opened();
    const char *key;
    json_t *v;
    json_object_foreach(json_object_get(want, "tensors"), key, v) check_tensor(m, key, v, rel);
    assert_int_equal(mm_model_tensor_count(m), json_object_size(json_object_get(want, "tensors")));
    json_object_foreach(json_object_get(want, "config"), key,
                        v) if (!json_equal(v, json_object_get(mm_model_config(m), key)))
        fail_msg("config.json: %s differs", key);
    mm_model_close(m);
    json_decref(want);
}

static void onnx(const char *name)
{
    char source[96], golden[96];
    mm_err e = {0};
    snprintf(source, sizeof source, ONNX "%s.onnx", name);
    snprintf(golden, sizeof golden, ONNX "%s.json", name);
    if (import(source, NULL, 0, &e) != MM_OK)
        fail_msg("%s", e.text);
    check(golden, 1e-6);
}

static void onnx_vit(void **state)
{
    (void)state;
    onnx("vit");
}

static void onnx_dinov2(void **state)
{
    (void)state;
    onnx("dinov2");
}

static void onnx_bert(void **state)
{
    (void)state;
    onnx("bert");
}

static void onnx_wav2vec2(void **state)
{
    (void)state;
    onnx("wav2vec2");
}

static void onnx_clip_newer_exporter(void **state)
{
    (void)state;
    onnx("clip-dynamo");
}

static void ct2(const char *type, double rel)
{
    char source[96];
    mm_err e = {0};
    snprintf(source, sizeof source, CT2 "%s", type);
    if (import(source, NULL, 0, &e) != MM_OK)
        fail_msg("%s", e.text);
    check(CT2 "whisper.json", rel);
}

static void ct2_float32(void **state)
{
    (void)state;
    ct2("float32", 1e-6);
}

static void ct2_float16(void **state)
{
    (void)state;
    ct2("float16", 1e-3);
}

static void ct2_int8(void **state)
{
    (void)state;
    ct2("int8", 1e-2);
}

static void the_caller_has_the_last_word(void **state)
{
    (void)state;
    const char *const set[] = {"num_attention_heads=4", "hidden_act=relu", "note={\"a\": [1]}"};
    mm_err e = {0};
    assert_int_equal(import(ONNX "bert.onnx", set, 3, &e), MM_OK);
    mm_model *m = opened();
    assert_int_equal(mm_config_int(mm_model_config(m), "num_attention_heads", 0), 4);
    assert_string_equal(mm_config_str(mm_model_config(m), "hidden_act", ""), "relu");
    assert_true(json_is_array(mm_json_at(mm_model_config(m), "note.a")));
    mm_model_close(m);
}

static void never_overwrites(void **state)
{
    (void)state;
    mm_err e = {0};
    assert_int_equal(import(ONNX "bert.onnx", NULL, 0, &e), MM_OK);
    assert_int_equal(import(ONNX "vit.onnx", NULL, 0, &e), MM_FATAL);
    assert_non_null(strstr(e.text, "is there already"));
    mm_model *m = opened();
    assert_string_equal(mm_config_str(mm_model_config(m), "model_type", ""), "bert");
    mm_model_close(m);
}

static void wants_the_number_of_heads(void **state)
{
    (void)state;
    const char *const set[] = {"num_attention_heads=null"};
    mm_err e = {0};
    assert_int_equal(import(ONNX "bert.onnx", set, 1, &e), MM_FATAL);
    assert_int_equal(e.hint, MM_HINT_HEADS);
}

/* A graph whose nodes have lost the names of their modules: refused, and the weight that is missing is named. */
static void misses_weights(void **state)
{
    (void)state;
    static const char scope[] = "/encoder/layer.0/intermediate/dense/";
    mm_buf b = {0};
    mm_err e = {0};
    mm_draft d;
    mm_import_opts o = {0};
    assert_int_equal(mm_file_read(&b, ONNX "bert.onnx", 1 << 20, &e), MM_OK);
    for (uint8_t *p = b.p; (p = memmem(p, (size_t)(b.p + b.n - p), scope, sizeof scope - 1)); p++)
        *p = 'x';
    assert_int_equal(mm_draft_init(&d, &e), MM_OK);
    assert_int_equal(mm_import_onnx(&d, b.p, b.n, "x.onnx", "/nowhere", &o, &e), MM_FATAL);
    assert_non_null(strstr(e.text, "x.onnx: no weight for encoder.layer.0.intermediate.dense.bias"));
    mm_draft_free(&d);
    mm_buf_free(&b);
}

typedef mm_status importer(mm_draft *d, const void *bytes, size_t n, const char *path, const char *dir,
                           const mm_import_opts *o, mm_err *e);

/* Every 97th truncation, in memory of the very size, is refused and nothing is read behind it. */
static void truncate_all(const char *path, importer *run)
{
    mm_buf b = {0};
    mm_err e = {0};
    mm_import_opts o = {0};
    assert_int_equal(mm_file_read(&b, path, 1 << 20, &e), MM_OK);
    for (size_t n = 0; n < b.n; n += 97) {
        mm_draft d;
        uint8_t *exact = malloc(n + !n);
        memcpy(exact, b.p, n);
        assert_int_equal(mm_draft_init(&d, &e), MM_OK);
        assert_int_equal(run(&d, exact, n, "cut", "/nowhere", &o, &e), MM_FATAL);
        mm_draft_free(&d);
        free(exact);
    }
    mm_buf_free(&b);
}

static void refuses_truncations(void **state)
{
    (void)state;
    truncate_all(ONNX "bert.onnx", mm_import_onnx);
    truncate_all(CT2 "int8/model.bin", mm_import_ct2);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(onnx_vit),
        TEST(onnx_dinov2),
        TEST(onnx_bert),
        TEST(onnx_wav2vec2),
        TEST(onnx_clip_newer_exporter),
        TEST(ct2_float32),
        TEST(ct2_float16),
        TEST(ct2_int8),
        TEST(the_caller_has_the_last_word),
        TEST(never_overwrites),
        TEST(wants_the_number_of_heads),
        TEST(misses_weights),
        TEST(refuses_truncations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
