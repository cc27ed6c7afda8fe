/* safetensors files that the reference writer wrote (make_import.py), and files that nobody should have written. */
#include "base/file.h"
#include "base/sha256.h"
#include "model/safetensors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void opens_every_type(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        mm_type type;
    } want[] = {{"float32", MM_F32}, {"float16", MM_F16}, {"float64", MM_F64}, {"int64", MM_I64},
                {"int32", MM_I32},   {"int16", MM_I16},   {"int8", MM_I8},     {"uint8", MM_U8},
                {"uint16", MM_U16},  {"uint32", MM_U32},  {"uint64", MM_U64},  {"bool", MM_BOOL}};
    mm_safetensors *s;
    mm_err e = {0};
    assert_int_equal(mm_safetensors_open(&s, "tests/goldens/safetensors/types.safetensors", &e), MM_OK);
    assert_int_equal(mm_safetensors_count(s), 14);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const mm_named_tensor *t = mm_safetensors_find(s, want[i].name);
        assert_non_null(t);
        assert_int_equal(t->t.s.type, want[i].type);
        assert_true(t->t.s.rank == 2 && t->t.s.dim[0] == 3 && t->t.s.dim[1] == 2);
    }
    const mm_named_tensor *scalar = mm_safetensors_find(s, "scalar"), *empty = mm_safetensors_find(s, "empty");
    float v;
    memcpy(&v, scalar->t.data, 4);
    assert_true(scalar->t.s.rank == 0 && v == 1.5f);
    assert_true(empty->t.s.rank == 2 && mm_shape_bytes(&empty->t.s) == 0);
    assert_null(mm_safetensors_find(s, "absent"));
    assert_string_equal(json_string_value(json_object_get(mm_safetensors_metadata(s), "note")), "größer");
    mm_safetensors_close(s);
}

static void opens_bfloat_and_nothing(void **state)
{
    (void)state;
    mm_safetensors *s;
    mm_err e = {0};
    float v[6];
    assert_int_equal(mm_safetensors_open(&s, "tests/goldens/safetensors/bf16.safetensors", &e), MM_OK);
    const mm_named_tensor *a = mm_safetensors_at(s, 0);
    assert_string_equal(a->name, "a");
    mm_to_f32(v, a->t.data, a->t.s.type, 6);
    for (int i = 0; i < 6; i++)
        assert_true(v[i] == (float)i);
    mm_safetensors_close(s);
    assert_int_equal(mm_safetensors_open(&s, "tests/goldens/safetensors/none.safetensors", &e), MM_OK);
    assert_int_equal(mm_safetensors_count(s), 0);
    mm_safetensors_close(s);
}

static void writes_what_it_reads(void **state)
{
    (void)state;
    char path[] = "/tmp/mm-test-XXXXXX";
    close(mkstemp(path));
    const float x[6] = {1, -2, 3.5f, 0, 5, 6};
    const uint16_t h[3] = {0x3c00, 0xc000, 0};
    mm_named_tensor t[2] = {{"first.weight", {.data = x}}, {"zweites \"B\"", {.data = h}}};
    mm_err e = {0};
    mm_shape_make(&t[0].t.s, MM_F32, 2, (int64_t[]){2, 3}, &e);
    mm_shape_make(&t[1].t.s, MM_BF16, 1, (int64_t[]){3}, &e);
    json_t *meta = json_pack("{s:s}", "format", "pt");
    assert_int_equal(mm_safetensors_write(path, t, 2, meta, &e), MM_OK);
    json_decref(meta);
    mm_safetensors *s;
    assert_int_equal(mm_safetensors_open(&s, path, &e), MM_OK);
    assert_int_equal(mm_safetensors_count(s), 2);
    for (int i = 0; i < 2; i++) {
        const mm_named_tensor *got = mm_safetensors_find(s, t[i].name);
        assert_true(got && mm_shape_eq(&got->t.s, &t[i].t.s));
        assert_memory_equal(got->t.data, t[i].t.data, mm_shape_bytes(&t[i].t.s));
    }
    assert_int_equal((uintptr_t)mm_safetensors_at(s, 0)->t.data % 64, 0);
    mm_safetensors_close(s);
    unlink(path);
}

static void digest_follows_the_weights(void **state)
{
    (void)state;
    mm_buf b = {0};
    mm_err e = {0};
    mm_safetensors *s;
    assert_int_equal(mm_file_read(&b, "tests/goldens/safetensors/types.safetensors", 1 << 20, &e), MM_OK);
    uint64_t d[3];
    for (int i = 0; i < 3; i++) {
        if (i == 2)
            b.p[b.n - 1] ^= 1;
        assert_int_equal(mm_safetensors_parse(&s, b.p, b.n, "x", &e), MM_OK);
        d[i] = mm_safetensors_digest(s, 7);
        mm_safetensors_close(s);
    }
    assert_true(d[0] == d[1] && d[1] != d[2]);
    mm_buf_free(&b);
}

/* A file of this header and n bytes of data; opening it must fail with a text that holds `says`. */
static void refuse(const char *header, size_t n, const char *says)
{
    size_t len = strlen(header);
    uint8_t *p = calloc(1, 8 + len + n);
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)((uint64_t)len >> 8 * i);
    memcpy(p + 8, header, len);
    mm_safetensors *s;
    mm_err e = {0};
    assert_int_equal(mm_safetensors_parse(&s, p, 8 + len + n, "bad.safetensors", &e), MM_FATAL);
    assert_null(s);
    if (!strstr(e.text, says))
        fail_msg("%s\n  does not say: %s", e.text, says);
    assert_non_null(strstr(e.text, "bad.safetensors"));
    free(p);
}

static void refuses_lies(void **state)
{
    (void)state;
    refuse("[1]", 0, "not a JSON object");
    refuse("{\"a\":", 0, "not JSON");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
           "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
           8, "not JSON");
    refuse("{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4, "F8_E4M3 is not supported");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "4 bytes for f32[2]");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, "cut short");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, "cut short");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "negative");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, "not an integer");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", 0, "too large");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "7 dimensions");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
           "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}",
           6, "overlaps");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "gap");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 9, "after the last tensor");
    refuse("{\"a\":7}", 0, "no dtype");
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    mm_buf b = {0};
    mm_err e = {0};
    mm_safetensors *s;
    assert_int_equal(mm_file_read(&b, "tests/goldens/safetensors/types.safetensors", 1 << 20, &e), MM_OK);
    for (size_t n = 0; n < b.n; n++) {
        uint8_t *exact = malloc(n + !n); /* so that a sanitizer sees a read behind it */
        memcpy(exact, b.p, n);
        assert_int_equal(mm_safetensors_parse(&s, exact, n, "cut", &e), MM_FATAL);
        free(exact);
    }
    mm_buf_free(&b);
}

/* FIPS 180-4's examples, and lengths around the block boundary against one-shot sums. */
static void sha256(void **state)
{
    (void)state;
    static const struct {
        const char *text, *hex;
    } known[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    char hex[65], again[65];
    for (int i = 0; i < 3; i++) {
        mm_sha256 s;
        mm_sha256_init(&s);
        mm_sha256_add(&s, known[i].text, strlen(known[i].text));
        mm_sha256_end(&s, hex);
        assert_string_equal(hex, known[i].hex);
    }
    uint8_t block[200];
    memset(block, 'a', sizeof block);
    for (size_t n = 50; n < 200; n++) {
        mm_sha256 whole, pieces;
        mm_sha256_init(&whole);
        mm_sha256_init(&pieces);
        mm_sha256_add(&whole, block, n);
        for (size_t i = 0; i < n; i += 7)
            mm_sha256_add(&pieces, block + i, n - i < 7 ? n - i : 7);
        mm_sha256_end(&whole, hex);
        mm_sha256_end(&pieces, again);
        assert_string_equal(hex, again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_every_type),
        cmocka_unit_test(opens_bfloat_and_nothing),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(digest_follows_the_weights),
        cmocka_unit_test(refuses_lies),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(sha256),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
