/* Two sources that want one key. */
#include "source/key_clash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char *const operands[] = {"a.tar", "b.tar", "a.tar"};
static const mm_source_opts plain = {0};

static mm_record record(mm_kind kind, const char *key)
{
    mm_record rec = mm_record_new(kind);
    rec.key = mm_str_of(key);
    rec.src = mm_str_of(key);
    return rec;
}

/* The answer to one record of a source of its own. */
static mm_status ask(mm_clash *c, int operand, mm_record rec)
{
    static int64_t number;
    mm_err e;
    mm_clash_source from = {.number = number++, .operand = operand};
    return mm_clash_check(c, &from, &rec, &e);
}

static void modalities(void **state)
{
    mm_clash *c;
    mm_err e;
    (void)state;
    assert_int_equal(mm_clash_new(&c, operands, &plain, &e), MM_OK);
    mm_record image = record(MM_KIND_IMAGE, "1"), frame = image, mic = record(MM_KIND_AUDIO, "1"), shake = mic;
    frame.has_time = true;
    mic.of = MM_STR("mic");
    shake.of = MM_STR("shake");
    const mm_record first[] = {image, frame, mic, shake, record(MM_KIND_TEXT, "1"), record(MM_KIND_IMAGE, "2")};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        assert_int_equal(ask(c, 0, first[i]), MM_OK);
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        assert_int_equal(ask(c, 1, first[i]), MM_SKIP);
    assert_int_equal(ask(c, 1, record(MM_KIND_ERROR, "1")), MM_OK);
    assert_int_equal(ask(c, 2, image), MM_OK);   /* the first operand once more */
    assert_int_equal(ask(c, 2, image), MM_SKIP); /* but twice in it */
    mm_clash_free(c);
}

static void one_source(void **state)
{
    mm_clash *c;
    mm_err e;
    mm_record image = record(MM_KIND_IMAGE, "1"), sound = record(MM_KIND_AUDIO, "1");
    mm_clash_source first = {.number = 0, .operand = 0}, second = {.number = 1, .operand = 0};
    (void)state;
    assert_int_equal(mm_clash_new(&c, operands, &plain, &e), MM_OK);
    for (int i = 0; i < 3; i++) { /* parts and frames of one source are no clash */
        assert_int_equal(mm_clash_check(c, &first, &image, &e), MM_OK);
        assert_int_equal(mm_clash_check(c, &first, &sound, &e), MM_OK);
    }
    assert_int_equal(mm_clash_check(c, &second, &image, &e), MM_SKIP);
    assert_non_null(strstr(e.text, "\"1\""));
    assert_int_equal(mm_clash_check(c, &second, &image, &e), MM_EOF);
    assert_int_equal(mm_clash_check(c, &second, &sound, &e), MM_EOF);
    mm_clash_free(c);
}

/* Operands that come one by one: a source is known by its name, and may come again. */
static void unknown_operands(void **state)
{
    mm_clash *c;
    mm_err e;
    (void)state;
    assert_int_equal(mm_clash_new(&c, NULL, &plain, &e), MM_OK);
    mm_record jpg = record(MM_KIND_IMAGE, "part"), png = jpg, other = record(MM_KIND_IMAGE, "other");
    jpg.src = MM_STR("part.jpg");
    png.src = MM_STR("part.png");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(c, i, jpg), MM_OK);
        assert_int_equal(ask(c, i, other), MM_OK);
    }
    mm_clash_source from = {.number = -3, .operand = (int64_t)1 << 40};
    assert_int_equal(mm_clash_check(c, &from, &png, &e), MM_SKIP);
    assert_non_null(strstr(e.text, "from an earlier input already"));
    size_t before, after;
    mm_clash_keys(c, &before);
    for (int i = 9; i < 1000; i++)
        assert_int_equal(ask(c, i, jpg), MM_OK);
    assert_int_equal(mm_clash_keys(c, &after), 2);
    assert_int_equal(after, before);
    mm_clash_free(c);
}

static void memory(void **state)
{
    enum { KEYS = 300000 };
    mm_clash *c;
    mm_err e;
    char key[64];
    size_t bytes;
    (void)state;
    assert_int_equal(mm_clash_new(&c, operands, &plain, &e), MM_OK);
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "a/directory/with/files/%08d", i);
        assert_int_equal(ask(c, 0, record(MM_KIND_IMAGE, key)), MM_OK);
        if (i % 1000 == 999) {
            assert_int_equal(mm_clash_keys(c, &bytes), i + 1);
            assert_in_range(bytes, 16 * (i + 1), 32 * (i + 1) + 8192);
        }
    }
    for (int i = 0; i < KEYS; i += 777) {
        snprintf(key, sizeof key, "a/directory/with/files/%08d", i);
        assert_int_equal(ask(c, 1, record(MM_KIND_IMAGE, key)), MM_SKIP);
    }
    mm_clash_free(c);
}

/* Names are cut to fit a message, never inside a character. */
static void long_names(void **state)
{
    mm_clash *c;
    mm_err e;
    char key[400] = "";
    (void)state;
    for (int i = 0; i < 100; i++)
        strcat(key, "\xc3\xa4");
    strcat(key, "end");
    mm_record rec = record(MM_KIND_IMAGE, key);
    mm_clash_source from = {.number = -2, .operand = 1};
    assert_int_equal(mm_clash_new(&c, operands, &plain, &e), MM_OK);
    assert_int_equal(ask(c, 0, rec), MM_OK);
    assert_int_equal(mm_clash_check(c, &from, &rec, &e), MM_SKIP);
    assert_non_null(strstr(e.text, "\"\xc3\xa4"));
    assert_non_null(strstr(e.text, "end\" has its image from \xc3\xa4"));
    assert_non_null(strstr(e.text, "already: "));
    mm_clash_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(modalities), cmocka_unit_test(one_source),
                                       cmocka_unit_test(unknown_operands), cmocka_unit_test(memory),
                                       cmocka_unit_test(long_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
