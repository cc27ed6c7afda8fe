/* Texts and tables that come through a pipe give the records of the same bytes in a file, wherever the pieces end. */
#include "media/text/text_decode.h"
#include "stream/serialise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static mm_status keep(void *ctx, const mm_record *rec, mm_err *e)
{
    return mm_record_serialise(rec, ctx, e);
}

/* The records of b, as bytes of a stream. */
static mm_buf decode(mm_blob *b, const mm_decode_opts *o)
{
    mm_buf out = {0};
    mm_arena a = {0};
    mm_err e;
    mm_fault f = {0};
    mm_sink s = {.b = b, .o = o, .a = &a, .emit = keep, .ctx = &out, .e = &e};
    b->key = b->src = b->path = MM_STR("t");
    b->named = true;
    mm_status st = mm_text_decode(&s, &f);
    if (st == MM_SKIP)
        st = mm_sink_fault(&s, &f);
    assert_int_equal(st, MM_OK);
    mm_arena_free(&a);
    return out;
}

static mm_buf decode_whole(mm_str text, const mm_decode_opts *o)
{
    mm_blob b = {.bytes = (const uint8_t *)text.p, .size = (int64_t)text.n, .fd = -1};
    return decode(&b, o);
}

/* The text comes in two pieces, or, with first 0, byte by byte: a socket of packets gives each by itself. */
static mm_buf decode_live(mm_str text, size_t first, const mm_decode_opts *o)
{
    int fd[2];
    mm_err e;
    mm_blob *b = mm_blob_new();
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
    b->fd = fd[0];
    assert_int_equal(mm_blob_go_live(b, text.p, first, 1 << 20, &e), MM_OK);
    for (size_t at = first; at < text.n;) {
        size_t n = first ? text.n - at : 1;
        assert_int_equal(write(fd[1], text.p + at, n), n);
        at += n;
    }
    close(fd[1]);
    mm_buf out = decode(b, o);
    mm_blob_free(b);
    return out;
}

static void check(mm_str text, const mm_decode_opts *o)
{
    mm_buf whole = decode_whole(text, o);
    for (size_t first = 0; first <= text.n; first++) {
        mm_buf live = decode_live(text, first, o);
        if (live.n != whole.n || (whole.n && memcmp(live.p, whole.p, whole.n) != 0))
            fail_msg("cut at %zu: \"%.*s\"", first, MM_STRF(text));
        mm_buf_free(&live);
    }
    mm_buf_free(&whole);
}

static const mm_decode_opts LINES = {.text = true, .lines = true};

#define T(text)                                                                                                        \
    {                                                                                                                  \
        text, sizeof(text) - 1                                                                                         \
    }

static void lines(void **state)
{
    static const mm_str texts[] = {
        T("one\ntwo\r\n\nfour"),
        T("one\rtwo\rthree"),
        T("a\r\nb\rc\n\r"),
        T("\xef\xbb\xbfmarked\n"),
        T("\xef\xbb\xbf"),
        T("\xef\xbbx\n"),
        T("caf\xe9\n\xc3"),
        T("na\xc3\xafve \xf0\x9f\x98\x80\nx"),
        T("a\0b\n\0\n"),
        T("\n\n\n"),
        T("\xff\xfeh\0i\0\n\0\x3d\xd8\0\xdeg\0"),  /* UTF-16: hi, a pair, g */
        T("\xfe\xff\0a\xd8\x3d\0\n\xde\0\0b\xd8"), /* … halves of pairs, half a unit */
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check(texts[i], &LINES);
}

static void tables(void **state)
{
    static const mm_str texts[] = {
        T("id,text,l\n1,one,a\n2,\"two\nlines, \"\"q\"\"\",b\n\n3,x,y,z,w\n4\n5,\"no\" end,b\n6,six,c"),
        T("\r\nid,text,l\r\n1,\"a\rb\"\"\",\r\n2,b\rc,d\r\n"),
        T("id;text;l\n1;a, b;c\n2;\"d;\n\";e\n"),
        T("id\ttext\tl\n1\t\"a\tb\n2\tc\"\td\n"),
        T("sep=|\nid|text|l\n1|a|b\n"),
        T("id,text,l\r1,a,b\r\r2,\"c\nd\",e\r"),
        T("id,text,l\n1,\"never closed\n2,b,c\n"),
        T("id,text\n1,a\n"),
        T("id,text,l\n"),
        T(""),
        T("\n "
          "\n{\"id\":1,\"text\":\"a\",\"l\":2}\r\n[1]\n{\"id\":3,\"text\":null}\nnot\n{\"id\":\n\"4\",\"text\":\"}\"}"
          "\n{\"text\":\"b\""),
        T("{\"id\":1,\"text\":\n{\"id\":2,\"text\":\"b\",\"l\":\"x\"}\n"), /* a broken one swallows none */
        T("{\"text\":\"late\"}\n{\"id\":2,\"text\":\"b\",\"l\":[\"x\"]}\n"),
        T("[{\"id\":1,\"text\":\"a\",\"l\":2},\n{\"id\":2,\"text\":\"]\"}]\n"),
        T("[\n{\"id\":1,\"text\":\"a\"}"),
        T("[x],id,text,l\n1,2,3,4\n"),
        T("\xff\xfei\0d\0,\0t\0e\0x\0t\0,\0l\0\n\0"
          "1\0,\0a\0,\0b\0\n\0"),
        T("id,text,l\n1,caf\xe9,b\n\xe9,a,b\n"),
    };
    static const mm_decode_opts ways[] = {
        {.text = true, .column = "text", .key_column = "id", .label_column = "l"},
        {.text = true, .column = "2", .label_column = "-1"},
        {.text = true, .column = "text", .table = MM_TABLE_QUOTED_TSV},
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t k = 0; k < (i < 10 ? 3 : 1); k++)
            check(texts[i], &ways[k]);
}

static void numbers(void **state)
{
    static const mm_str texts[] = {
        T("1,2\n3,4\n"),
        T("id,a,b\nx,1,2\ny,,nan\nz,oops,1\nw,1\nv,5,6"),
        T("1;2\n3;4,5\n"),
        T("frame, timestamp, confidence, success, AU01_r\n1, 0, 1, 1, 2\n1, 0, .9, 1, 3\n2, 1, 0, 0, 0\n3, x\n3, 2, 1, "
          "1, 4\n"),
        T("{\"a\":1,\"id\":\"x\"}\n{\"id\":\"y\",\"a\":2}\n"),
    };
    static const mm_decode_opts ways[] = {
        {.text = true, .as = MM_AS_FEATURES},
        {.text = true, .as = MM_AS_FEATURES, .key_column = "id"},
        {.text = true, .as = MM_AS_SERIES},
        {.text = true, .as = MM_AS_SERIES, .series_rate = 10, .window = .2, .hop = .1},
        {.text = true, .as = MM_AS_SERIES, .start_column = "1", .window = 2},
        {.text = true, .as = MM_AS_OPENFACE},
        {.text = true, .as = MM_AS_OPENFACE, .window = 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t k = 0; k < sizeof ways / sizeof *ways; k++)
            check(texts[i], &ways[k]);
}

/* ---- what never ends ---- */

typedef struct {
    int64_t left;     /* bytes to come */
    int64_t tail;     /* … of which the last are a line of their own */
    const char *line; /* … this one */
} endless;

static int64_t more_x(void *ctx, void *out, int64_t n)
{
    endless *x = ctx;
    n = n < x->left ? n : x->left;
    memset(out, 'x', (size_t)n);
    for (int64_t i = 0; i < n; i++)
        if (x->left - i <= x->tail)
            ((char *)out)[i] = x->line[x->tail - (x->left - i)];
    x->left -= n;
    return n;
}

/* A row above the limit is broken, costs no more memory than the limit, and the one after it is read. */
static void a_long_row(void **state)
{
    static const char tail[] = "\"\ny,z\n";
    endless x = {.left = (100 << 20) + 2, .tail = sizeof tail - 1, .line = tail};
    mm_live_text l = {.more = more_x, .ctx = &x, .text = MM_STR("")};
    mm_table t;
    mm_arena a = {0};
    mm_str *cell;
    int n;
    mm_err e;
    (void)state;
    assert_int_equal(mm_table_open_live(&t, &l, MM_TABLE_CSV, &e), MM_OK);
    assert_int_equal(mm_table_next(&t, &a, &cell, &n, &e), MM_SKIP);
    assert_non_null(strstr(e.text, "32 MiB"));
    assert_int_equal(mm_table_next(&t, &a, &cell, &n, &e), MM_OK);
    assert_int_equal(t.row, 2);
    assert_true(n == 2 && mm_str_is(cell[1], "z"));
    assert_true(l.held.cap <= (size_t)128 << 20);
    assert_int_equal(mm_table_next(&t, &a, &cell, &n, &e), MM_EOF);
    mm_table_close(&t);
    mm_arena_free(&a);
    mm_live_text_free(&l);
}

static int64_t broken(void *ctx, void *out, int64_t n)
{
    (void)ctx, (void)out, (void)n;
    return -1;
}

static void a_failure(void **state)
{
    mm_err e;
    mm_live_text l = {.more = broken, .text = MM_STR("")};
    (void)state;
    assert_int_equal(mm_live_text_more(&l, &e), MM_OK);
    assert_true(l.ended);
    assert_int_equal(mm_live_text_more(&l, &e), MM_EOF);
    mm_live_text_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines), cmocka_unit_test(tables), cmocka_unit_test(numbers),
                                       cmocka_unit_test(a_long_row), cmocka_unit_test(a_failure)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
