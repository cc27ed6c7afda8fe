/* Model directories: sharded weights, search path, JSON as Python writes it, what is wrong with broken ones. */
#include "base/file.h"
#include "base/json.h"
#include "model/model.h"
#include "model/safetensors.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SHARDED "tests/goldens/safetensors/sharded"

static char dir[64];

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/mm-model-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    unsetenv("MM_MODELS");
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

__attribute__((format(printf, 1, 2))) static void shell(const char *fmt, ...)
{
    char command[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    assert_int_equal(system(command), 0);
}

static void put(const char *name, const char *text)
{
    char path[128];
    mm_err e = {0};
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(mm_file_write(path, text, strlen(text), &e), MM_OK);
}

/* Opening DIR fails and says so. */
static void refused(const char *says)
{
    mm_model *m;
    mm_err e = {0};
    assert_int_equal(mm_model_open(&m, dir, NULL, &e), MM_FATAL);
    assert_null(m);
    if (!strstr(e.text, says))
        fail_msg("%s\n  does not say: %s", e.text, says);
}

static void sharded(void **state)
{
    (void)state;
    mm_model *m;
    mm_err e = {0};
    mm_tensor t;
    assert_int_equal(mm_model_open(&m, SHARDED "/", NULL, &e), MM_OK);
    assert_string_equal(mm_model_name(m), "sharded");
    assert_int_equal(strlen(mm_model_digest(m)), 16);
    const json_t *index = mm_model_json(m, "model.safetensors.index.json", &e);
    assert_int_equal(mm_model_tensor_count(m), json_object_size(json_object_get(index, "weight_map")));
    assert_int_equal(mm_model_tensor_shaped(m, &t, "embeddings.word_embeddings.weight", 2, (int64_t[]){20, 16}, &e),
                     MM_OK);
    assert_int_equal(mm_model_tensor_shaped(m, &t, "embeddings.word_embeddings.weight", 2, (int64_t[]){16, 20}, &e),
                     MM_FATAL);
    assert_non_null(strstr(e.text, "f32[20,16], but config.json makes it f32[16,20]"));
    assert_int_equal(mm_model_tensor(m, &t, "nowhere.weight", &e), MM_FATAL);
    assert_non_null(strstr(e.text, "no tensor nowhere.weight"));
    assert_false(mm_model_has(m, "nowhere.weight"));
    assert_null(mm_model_preprocessor(m));
    assert_null(mm_model_json(m, "absent.json", &e));
    assert_int_equal(e.status, MM_OK);
    assert_int_equal(mm_model_verify(m, &e), MM_OK);
    mm_model_close(m);
}

static void broken_directories(void **state)
{
    (void)state;
    refused("no config.json");
    put("config.json", "{\"a\": 1,}");
    refused("not valid JSON");
    put("config.json", "[]");
    refused("holds no object");
    put("config.json", "{}");
    refused("no model.safetensors");
    put("pytorch_model.bin", "x");
    refused("save_pretrained");
    put("model.safetensors", "short");
    refused("no safetensors file");
    shell("rm '%s/model.safetensors'", dir);
    put("model.safetensors.index.json", "{\"weight_map\": {\"a\": \"../../etc/passwd\"}}");
    refused("in no file of the directory");
    put("model.safetensors.index.json", "{\"weight_map\": {\"a\": \"absent.safetensors\"}}");
    refused("absent.safetensors");
    put("model.safetensors.index.json", "{\"weight_map\": {\"a\": \"none.safetensors\"}}");
    shell("cp tests/goldens/safetensors/none.safetensors '%s'", dir);
    refused("tensor a is missing from none.safetensors");
}

static void verify_finds_damage(void **state)
{
    (void)state;
    const uint16_t w[2] = {0x3c00, 0x7c00}; /* 1, infinity */
    mm_named_tensor t = {"w", {.data = w}};
    mm_model *m;
    mm_err e = {0};
    char path[128];
    put("config.json", "{}");
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    mm_shape_make(&t.t.s, MM_F16, 1, (int64_t[]){2}, &e);
    assert_int_equal(mm_safetensors_write(path, &t, 1, NULL, &e), MM_OK);
    assert_int_equal(mm_model_open(&m, dir, NULL, &e), MM_OK);
    assert_int_equal(mm_model_verify(m, &e), MM_FATAL);
    assert_non_null(strstr(e.text, "tensor w: value 1 is not a finite number"));
    mm_model_close(m);

    shell("rm -r '%s' && cp -r " SHARDED " '%s' && cd '%s' && sha256sum * >SHA256SUMS", dir, dir, dir);
    assert_int_equal(mm_model_open(&m, dir, NULL, &e), MM_OK);
    assert_int_equal(mm_model_verify(m, &e), MM_OK);
    put("config.json", "{\"model_type\": \"changed\"}");
    assert_int_equal(mm_model_verify(m, &e), MM_FATAL);
    assert_non_null(strstr(e.text, "config.json: its SHA-256"));
    put("SHA256SUMS", "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9  ../../etc/passwd\n");
    assert_int_equal(mm_model_verify(m, &e), MM_FATAL);
    assert_non_null(strstr(e.text, "SHA256SUMS:1"));
    mm_model_close(m);
}

static bool remember(void *ctx, const char *name, const char *path)
{
    char *all = ctx;
    strcat(all, name);
    strcat(all, strstr(path, "/one/") ? "1 " : "2 ");
    return strcmp(name, "c") != 0;
}

static void search_path(void **state)
{
    (void)state;
    char path[PATH_MAX], want[128], models[256], all[256] = "";
    mm_err e = {0};
    shell("cd '%s' && mkdir -p one/b one/nothing two/b two/a two/c two/d && touch {one,two}/b/config.json "
          "two/{a,c,d}/config.json 2>/dev/null || (touch one/b/config.json two/b/config.json two/a/config.json "
          "two/c/config.json two/d/config.json)",
          dir);
    snprintf(models, sizeof models, "%s/one:%s/two", dir, dir);
    setenv("MM_MODELS", models, 1);
    assert_int_equal(mm_model_find("b", path, sizeof path, &e), MM_OK);
    snprintf(want, sizeof want, "%s/one/b", dir);
    assert_string_equal(path, want);
    assert_int_equal(mm_model_find("a", path, sizeof path, &e), MM_OK);
    assert_int_equal(mm_model_find(dir, path, sizeof path, &e), MM_OK);
    assert_string_equal(path, dir);
    assert_int_equal(mm_model_find("nothing", path, sizeof path, &e), MM_FATAL);
    assert_int_equal(e.hint, MM_HINT_MODELS);
    assert_int_equal(mm_model_find("", path, sizeof path, &e), MM_FATAL);
    assert_int_equal(mm_model_each(remember, all, &e), MM_OK);
    assert_string_equal(all, "a2 b1 c2 "); /* shadowed once, stopped at c */
    assert_true(mm_model_home(path, sizeof path));
    snprintf(want, sizeof want, "%s/one", dir);
    assert_string_equal(path, want);
}

static void python_json(void **state)
{
    (void)state;
    static const char text[] =
        "{\"model_max_length\": 1000000000000000019884624838656, \"s\": \"12345678901234567890123\\\"\","
        " \"n\": -9223372036854775807000, \"ok\": 1234567890123456789, \"r\": 0.12345678901234567890123,"
        " \"deep\": {\"er\": {\"x\": 7, \"f\": 16.0, \"t\": true, \"nil\": null}}}";
    json_t *j;
    mm_err e = {0};
    if (mm_json_parse(&j, text, sizeof text - 1, "x.json", &e) != MM_OK)
        fail_msg("%s", e.text);
    assert_true(mm_config_float(j, "model_max_length", 0) > 0.99e30 &&
                mm_config_float(j, "model_max_length", 0) < 1.01e30);
    assert_string_equal(mm_config_str(j, "s", ""), "12345678901234567890123\"");
    assert_true(mm_config_float(j, "n", 0) < -9e21);
    assert_true(mm_config_float(j, "r", 0) == 0.12345678901234567890123);
    assert_int_equal(mm_config_int(j, "ok", 0), 1234567890123456789);
    assert_int_equal(mm_config_int(j, "deep.er.x", 0), 7);
    assert_int_equal(mm_config_int(j, "deep.er.f", 0), 16);
    assert_int_equal(mm_config_int(j, "deep.er.nil", 3), 3);
    assert_int_equal(mm_config_int(j, "deep.no.x", 4), 4);
    assert_int_equal(mm_config_int(j, "model_max_length", 5), 5); /* no such integer */
    assert_true(mm_config_bool(j, "deep.er.t", false));
    json_decref(j);
    assert_int_equal(mm_json_parse(&j, "{", 1, "x.json", &e), MM_FATAL);
    assert_non_null(strstr(e.text, "x.json:1"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(sharded), TEST(broken_directories), TEST(verify_finds_damage), TEST(search_path), TEST(python_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
