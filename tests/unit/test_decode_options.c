/* What people write for the decoders' options. */
#include "media/decode_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void media_kinds(void **state)
{
    (void)state;
    mm_decode_opts o = {0};
    mm_err e;
    assert_int_equal(mm_parse_media(&o, NULL, &e), MM_OK);
    assert_true(o.image && o.audio && o.text);
    assert_int_equal(mm_parse_media(&o, "text,images", &e), MM_OK);
    assert_true(o.image && !o.audio && o.text);
    assert_int_equal(mm_parse_media(&o, "image,video", &e), MM_SKIP);
    assert_non_null(strstr(e.text, "not video"));
}

static void backgrounds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint8_t rgb[3];
    } good[] = {{"#0aFf80", {10, 255, 128}}, {"white", {255, 255, 255}}, {"black", {0, 0, 0}}};
    static const char *const bad[] = {"", "#", "#12345", "#1234567", "#12345g", "red", "whites"};
    mm_decode_opts o = {0};
    mm_err e;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(mm_parse_background(&o, good[i].text, &e), MM_OK);
        assert_true(o.has_background);
        assert_memory_equal(o.background, good[i].rgb, 3);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(mm_parse_background(&o, bad[i], &e), MM_SKIP);
    assert_int_equal(mm_parse_background(&o, NULL, &e), MM_OK);
    assert_false(o.has_background);
}

static void rates(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "99", "768001", "16 kHz", "-16000", "natively"};
    int64_t rate;
    mm_err e;
    assert_int_equal(mm_parse_rate(&rate, "44100", 100, &e), MM_OK);
    assert_int_equal(rate, 44100);
    assert_int_equal(mm_parse_rate(&rate, "native", 100, &e), MM_OK);
    assert_int_equal(rate, 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(mm_parse_rate(&rate, bad[i], 100, &e), MM_SKIP);
}

static void tracks(void **state)
{
    (void)state;
    static const char *const good[] = {"1", "12", "eng", "en-GB"}, *const bad[] = {"",  "0",   "01", "2x",
                                                                                   "-", "2,1", "e g"};
    mm_decode_opts o = {0};
    mm_err e;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(mm_parse_track(&o, good[i], &e), MM_OK);
    assert_string_equal(o.track, "en-GB");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(mm_parse_track(&o, bad[i], &e), MM_SKIP);
}

static void channels(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "not a channel"},
        {"0", "not a channel"},
        {"middle", "not a channel"},
        {"99999999999", "not a channel"},
        {"1=", "no name"},
        {"1,2", "names that differ"},
        {"1=a,2=a", "names that differ"},
    };
    mm_decode_opts o = {0};
    mm_err e;
    assert_int_equal(mm_parse_channels(&o, "right", &e), MM_OK);
    assert_int_equal(o.n_channels, 1);
    assert_int_equal(o.channels[0].index, 1);
    assert_null(o.channels[0].of.p);
    assert_int_equal(mm_parse_channels(&o, "1=agent,7=customer", &e), MM_OK);
    assert_int_equal(o.n_channels, 2);
    assert_true(mm_str_is(o.channels[0].of, "agent") && mm_str_is(o.channels[1].of, "customer"));
    assert_int_equal(o.channels[1].index, 6);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (mm_parse_channels(&o, bad[i].text, &e) != MM_SKIP || !strstr(e.text, bad[i].why))
            fail_msg("%s: %s", bad[i].text, e.text);
    }
    assert_int_equal(mm_parse_channels(&o, NULL, &e), MM_OK);
    assert_int_equal(o.n_channels, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(media_kinds), cmocka_unit_test(backgrounds), cmocka_unit_test(rates),
        cmocka_unit_test(tracks),      cmocka_unit_test(channels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
