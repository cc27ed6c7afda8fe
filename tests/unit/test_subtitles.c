/* Subtitles: cues out of blocks, all at once and byte by byte; their texts without codes, by speakers. */
#include "media/text/cue_text.h"
#include "media/text/subtitles.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- cues ---- */

/* The cues of `file`, as "0.5-2 text|", LF as /, and ! for a block that is none; it comes in pieces of `piece` bytes.
 */
static char *cues(const char *file, bool vtt, size_t piece, char *out)
{
    mm_subtitles s = {.vtt = vtt};
    const size_t n = strlen(file);
    size_t begin = 0, taken;
    *out = 0;
    for (size_t end = piece < n ? piece : n;; end = end + piece < n ? end + piece : n) {
        mm_cue cue;
        mm_err e;
        mm_status st;
        while ((st = mm_subtitles_next(&s, &cue, (mm_str){file + begin, end - begin}, end == n, &taken, &e)) !=
               MM_EOF) {
            assert_true(taken > 0 && begin + taken <= end);
            begin += taken;
            if (st == MM_OK)
                sprintf(out + strlen(out), "%g-%g %.*s|", cue.time[0], cue.time[1], MM_STRF(cue.text));
            else
                sprintf(out + strlen(out), "!%.*s|", (int)strcspn(e.text, ":"), e.text);
        }
        begin += taken;
        if (end == n)
            break;
    }
    for (char *p = out; (p = strpbrk(p, "\n\r"));)
        *p = *p == '\n' ? '/' : '%';
    return out;
}

static const struct {
    const char *file, *cues;
    bool vtt;
} FILES[] = {
    {"1\n00:00:00,500 --> 00:00:02,000\na\nb\n\n2\n00:00:03,000 --> 00:01:02,250\nc\n", "0.5-2 a/b|3-62.25 c|", false},
    {"1\r\n00:00:01,000 --> 00:00:02,000\r\na\r\nb\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\nc", "1-2 a%/b|3-4 c|",
     false},
    {"1\r00:00:01,000 --> 00:00:02,000\ra\r\r2\r00:00:03,000 --> 00:00:04,000\rc\r", "1-2 a|3-4 c|", false},
    {"\n\n00:00:01,000 --> 00:00:02,000 X1:5\na\n \n\n00:00:03.000-->00:00:04\nb\n", "1-2 a|3-4 b|", false},
    {"1\n00:00:01,000 --> 00:00:02,000\na\n2\n00:00:03,000 --> 00:00:04,000\nb\n", "1-2 a|3-4 b|", false},
    {"1\n00:00:01,000 --> 00:00:02,000\n1984\n\n2\n00:00:03,000 --> 00:00:04,000\n", "1-2 1984|3-4 |", false},
    {"1\n00:00:01,000 --> 00:00:02,000\na --> b\n\n", "1-2 a --> b|", false},
    {"1\n00:00:01,000 --> 00:00:02,000\na\n\nb\n\n2\nx --> 00:00:04,000\nc\n\n3\n00:00:05,000 --> 00:00:04,000\nd\n\n"
     "4\n00:00:06,000 --> 00:00:07,000\ne\n",
     "1-2 a|!line 5|!line 8|!line 12|6-7 e|", false},
    {"", "", false},
    {"WEBVTT\n\n00:01.000 --> 00:02.000 align:start\na\n \nb\n\nid\n100:00:00.000 --> 100:00:01.000\nc\n",
     "1-2 a/ /b|360000-360001 c|", true},
    {"WEBVTT title\nKind: captions\n\nNOTE\nx\ny\n\nSTYLE\n::cue {}\n\nNOTE z\n\n00:01.000 --> 00:02.000\na\n"
     "00:02.000 --> 00:03.000\nb\n",
     "1-2 a|2-3 b|", true},
    {"WEBVTT\n00:01.000 --> 00:02.000\na\n\nNOTES\n00:02.000 --> 00:03.000\nb\n\nstray\n", "1-2 a|2-3 b|!line 9|",
     true},
    {"WEBVTT\n\n00:01.000 --> 00:02.000\na --> b\n00:02.000 --> 00:03.000\nc\n", "1-2 a --> b|2-3 c|", true},
    {"WEBVTT", "", true},
    {"WEBVTT\n\n00:01.000 --> 00:02.000", "1-2 |", true},
};

static void at_once_and_in_pieces(void **state)
{
    char got[1024];
    (void)state;
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++)
        for (size_t piece = 1; piece < 200; piece = piece < 20 ? piece + 1 : piece * 3)
            if (strcmp(cues(FILES[i].file, FILES[i].vtt, piece, got), FILES[i].cues) != 0)
                fail_msg("file %zu in pieces of %zu: %s", i, piece, got);
}

static void long_blocks(void **state)
{
    enum { N = 3 << 20 };
    char *file = malloc(N + 64);
    mm_subtitles s = {0};
    mm_cue cue;
    mm_err e;
    size_t taken;
    (void)state;
    int n = sprintf(file, "00:00:01,000 --> 00:00:02,000\n");
    memset(file + n, 'x', N);
    assert_int_equal(mm_subtitles_next(&s, &cue, (mm_str){file, N}, true, &taken, &e), MM_SKIP);
    assert_non_null(strstr(e.text, "mebibyte"));
    s = (mm_subtitles){0};
    assert_int_equal(mm_subtitles_next(&s, &cue, (mm_str){file + n, N}, false, &taken, &e), MM_FATAL);
    free(file);
}

/* ---- texts ---- */

static char *texts(const char *cue, bool vtt, char *out)
{
    mm_cue_text c = {.rest = mm_str_of(cue), .vtt = vtt};
    mm_arena a = {0};
    mm_str text, speaker;
    *out = 0;
    while (mm_cue_text_next(&c, &text, &speaker, &a))
        sprintf(out + strlen(out), "%.*s%s%.*s|", MM_STRF(speaker), speaker.p ? ": " : "", MM_STRF(text));
    assert_non_null(text.p);
    mm_arena_free(&a);
    return out;
}

static void codes(void **state)
{
    static const struct {
        const char *cue, *texts;
        bool vtt;
    } cases[] = {
        {"<i>a</i> <FONT color=\"#fff\">b</font>{\\an8} c", "a b c|", false},
        {"a < b > c & d <br> {x} </ibis> <i", "a < b > c & d <br> {x} </ibis> <i|", false},
        {"&amp;", "&amp;|", false},
        {" a\r\nb \r\n", "a\nb|", false},
        {"<i> </i>", "", false},
        {"&amp;&lt;&gt;&nbsp;&lrm;&rlm;&quot;&apos;&#65;&#x263a;",
         "&<>\xc2\xa0\xe2\x80\x8e\xe2\x80\x8f\"'A\xe2\x98\xba|", true},
        {"&bogus; & &; &#0; &#xd800; &#x110000; &#12x;", "&bogus; & &; &#0; &#xd800; &#x110000; &#12x;|", true},
        {"<b>a</b><00:01.000><c.x.y>b</c> <lang en>c</lang><ruby>d<rt>e</rt></ruby>", "ab cde|", true},
        {"a < b", "a < b|", true},
        {"<v Anna &amp; Bo>x", "Anna & Bo: x|", true},
        {"<v.loud.far Anna B.>x</v> y\n<v Bob>z\nz", "Anna B.: x|y|Bob: z\nz|", true},
        {"<v Anna></v><v Bob>x</v>", "Bob: x|", true},
        {"<v>x</v><video>y", "x|y|", true},
    };
    char out[512];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(texts(cases[i].cue, cases[i].vtt, out), cases[i].texts);
}

/* A header that does not end is not waited for without bound. */
static void endless_header(void **state)
{
    enum { N = 2 << 20 };
    mm_subtitles s = {.vtt = true};
    mm_cue cue;
    mm_err e;
    size_t taken;
    char *file = malloc(N);
    (void)state;
    assert_non_null(file);
    for (size_t at = 0; at < N; at += 8)
        memcpy(file + at, at ? "x: y  z\n" : "WEBVTT \n", 8);
    assert_int_equal(mm_subtitles_next(&s, &cue, (mm_str){file, N / 4}, false, &taken, &e), MM_EOF);
    assert_int_equal(mm_subtitles_next(&s, &cue, (mm_str){file, N}, false, &taken, &e), MM_FATAL);
    assert_string_equal(e.text, "the header: too long");
    free(file);
}

/* A cue of tags that nothing closes is read in one pass: in one for each, this takes an hour. A tag is below 1 KiB. */
static void endless_tags(void **state)
{
    enum { N = 4 << 20 };
    static const char *const BEGINS[] = {"<a", "<i", "{\\"};
    mm_arena a = {0};
    mm_str text, speaker;
    char *cue = malloc(N);
    (void)state;
    assert_non_null(cue);
    for (int i = 0; i < 3; i++) {
        for (size_t at = 0; at < N; at += 2)
            memcpy(cue + at, BEGINS[i], 2);
        mm_cue_text c = {.rest = {cue, N}, .vtt = i == 0};
        assert_true(mm_cue_text_next(&c, &text, &speaker, &a));
        assert_int_equal(text.n, N);
        assert_memory_equal(text.p, cue, N);
        mm_arena_reset(&a);
    }
    mm_arena_free(&a);
    free(cue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_once_and_in_pieces), cmocka_unit_test(long_blocks),    cmocka_unit_test(codes),
        cmocka_unit_test(endless_tags),          cmocka_unit_test(endless_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
