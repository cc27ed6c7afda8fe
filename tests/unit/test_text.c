/* Texts and tables: repair of UTF-8, rows, columns, numbers, NPY. */
#include "media/table/charset.h"
#include "media/table/npy_parse.h"
#include "media/table/table.h"
#include "media/text/text_decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* What Python 3.11 gives for bytes.decode("utf-8", errors="replace"); R is U+FFFD. */
#define R "\xef\xbf\xbd"
static void repair(void **state)
{
    static const struct {
        const char *in, *out;
        int64_t replaced;
    } cases[] = {
        {"plain", "plain", 0},
        {"caf\xc3\xa9", "caf\xc3\xa9", 0},
        {"a\xff"
         "b",
         "a" R "b", 1},
        {"\xc3", R, 1},
        {"\xe2\x82", R, 1},
        {"\xe2\x82"
         "a",
         R "a", 1},
        {"\xed\xa0\x80", R R R, 3},
        {"\xc0\xaf", R R, 2},
        {"\xf0\x9f\x98", R, 1},
        {"\xf5\x80", R R, 2},
        {"\xe0\x80\x80", R R R, 3},
        {"\xf4\x90\x80\x80", R R R R, 4},
        {"\xf0\x9f\x98\x80\x80", "\xf0\x9f\x98\x80" R, 1},
    };
    (void)state;
    mm_arena a = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t replaced;
        mm_str out = mm_utf8_clean(&a, mm_str_of(cases[i].in), &replaced);
        assert_true(mm_str_is(out, cases[i].out));
        assert_int_equal(replaced, cases[i].replaced);
    }
    mm_arena_free(&a);
}

/* The rows of text, cells joined by | and rows by /; a faulty row is ! */
static char *rows(const char *text, bool header, char *out)
{
    mm_table t;
    mm_arena a = {0};
    mm_str *cell;
    int n;
    mm_err e;
    *out = 0;
    mm_table_open(&t, mm_str_of(text), MM_TABLE_ANY);
    if (header)
        assert_int_equal(mm_table_take_header(&t, &e), MM_OK);
    for (mm_status s; (s = mm_table_next(&t, &a, &cell, &n, &e)) != MM_EOF; strcat(out, "/")) {
        assert_int_not_equal(s, MM_FATAL);
        if (s == MM_SKIP)
            strcat(out, "!");
        for (int c = 0; s == MM_OK && c < n; c++)
            sprintf(out + strlen(out), "%s%.*s", c ? "|" : "", MM_STRF(cell[c]));
    }
    mm_arena_free(&a);
    mm_table_close(&t);
    return out;
}

static void tables(void **state)
{
    char out[512];
    (void)state;
    assert_string_equal(rows("a,b\nc,\"d, \"\"e\"\"\nf\"\n", false, out), "a|b/c|d, \"e\"\nf/");
    assert_string_equal(rows("a,b\r\n\r\nc,\"d\"\r\n", false, out), "a|b/c|d/");
    assert_string_equal(rows("a,\n,b", false, out), "a|/|b/");
    assert_string_equal(rows("a\t\"b\nc\td\"", false, out), "a|\"b/c|d\"/");
    assert_string_equal(rows("a,\"open\nb,c", false, out), "!/");
    assert_string_equal(rows("a,\"b\"c,d\ne,f", false, out), "!/e|f/");
    assert_string_equal(rows("{\"x\":1,\"y\":\"z\"}\n[1]\n{\"y\":null}\nnot\n{\"x\":[1,2.5]}", false, out),
                        "1|z/!/|/!/[1,2.5]/");
    assert_string_equal(rows("", false, out), "");
}

/* What the first rows say about the rest. */
static void dialects(void **state)
{
    char out[512];
    (void)state;
    assert_string_equal(rows("a;b\nc, d;e\n", false, out), "a|b/c, d|e/");
    assert_string_equal(rows("a,b;c\nd,e;f\n", false, out), "a|b;c/d|e;f/"); /* both would do */
    assert_string_equal(rows("a; b\n", false, out), "a; b/");                /* one row says too little */
    assert_string_equal(rows("text\nwell; yes\nno\n", false, out), "text/well; yes/no/");
    assert_string_equal(rows("\"a;b\";c\n\"d\ne\";f\n", false, out), "a;b|c/d\ne|f/");
    assert_string_equal(rows("\"a\tb\",c\n", false, out), "a\tb|c/");
    assert_string_equal(rows("sep=;\na;b\n", false, out), "a|b/");
    assert_string_equal(rows("SEP=|\r\na|b\r\n", false, out), "a|b/");
    assert_string_equal(rows("sep=\t\n\"a\tb\"\tc", false, out), "a\tb|c/");
    assert_string_equal(rows("sep=,x\nb,c", false, out), "sep=|x/b|c/");
    assert_string_equal(rows("a,b\rc,\"d\ne\"\r\rf,g\r", false, out), "a|b/c|d\ne/f|g/");
    assert_string_equal(rows("a,\"b\rc\"\r\nd,e\r\n", false, out), "a|b\rc/d|e/");
    assert_string_equal(rows(" a , b\n c, d\n", true, out), " c| d/");
}

static void json_tables(void **state)
{
    char out[512];
    (void)state;
    assert_string_equal(rows("[{\"a\":1,\"b\":\"x]\"},\n{\"b\":{\"c\":[1]}}]\n", false, out), "1|x]/|{\"c\":[1]}/");
    assert_string_equal(rows("[]", false, out), "");
    assert_string_equal(rows("[{\"a\":1}]\n[{\"a\":2}]", false, out), "1/2/");
    assert_string_equal(rows("[{\"a\":1},", false, out), "1/!/");
    assert_string_equal(rows("[{\"a\":1}, 7, {\"a\":oops}, {\"a\":2}] more", false, out), "1/!/!/2/!/");
    assert_string_equal(rows("{\"a\":\n1}\n{\"a\":2\n{\"a\":3}", false, out), "1/!/3/");
    assert_string_equal(rows("[[1,2],[3,4]]", false, out), "!/!/");
    assert_string_equal(rows("[a],b\nc,d", false, out), "[a]|b/c|d/");
}

static void unknown_columns(void **state)
{
    mm_table t;
    mm_err e;
    int at;
    (void)state;
    mm_table_open(&t, MM_STR("text, label\na,b\n"), MM_TABLE_ANY);
    assert_int_equal(mm_table_take_header(&t, &e), MM_OK);
    assert_int_equal(mm_table_find(&t, "label", 2, &at, &e), MM_OK);
    assert_int_equal(at, 1);
    assert_int_equal(mm_table_find(&t, "labels", 2, &at, &e), MM_SKIP);
    assert_string_equal(e.text, "no column labels; did you mean \"label\"? (there are: text, label)");
    mm_table_close(&t);
    mm_table_open(&t, MM_STR("{\"a\":1}\n{\"b\":2}\n"), MM_TABLE_ANY); /* known before the row that has it is read */
    assert_int_equal(mm_table_find(&t, "b", 0, &at, &e), MM_OK);
    assert_int_equal(at, 1);
    assert_int_equal(t.row, 0);
    assert_int_equal(mm_table_find(&t, "c", 0, &at, &e), MM_SKIP);
    mm_table_close(&t);
}

static void columns(void **state)
{
    mm_table t;
    mm_err e;
    (void)state;
    mm_table_open(&t, MM_STR("id,text,3\n"), MM_TABLE_ANY);
    assert_int_equal(mm_table_take_header(&t, &e), MM_OK);
    assert_int_equal(mm_table_column(&t, "text", 3), 1);
    assert_int_equal(mm_table_column(&t, "3", 3), 2); /* a name goes before a number */
    assert_int_equal(mm_table_column(&t, "1", 3), 0);
    assert_int_equal(mm_table_column(&t, "-1", 3), 2);
    assert_int_equal(mm_table_column(&t, "0", 3), -1);
    assert_int_equal(mm_table_column(&t, "4", 3), -1);
    assert_int_equal(mm_table_column(&t, "Text", 3), -1);
    mm_table_close(&t);
}

static mm_status npy(mm_tensor *t, const char *header, size_t data)
{
    static uint8_t file[4096];
    mm_err e;
    size_t n = strlen(header);
    memset(file, 0, sizeof file);
    memcpy(file, "\x93NUMPY\1\0", 8);
    file[8] = (uint8_t)n;
    file[9] = (uint8_t)(n >> 8);
    memcpy(file + 10, header, n);
    return mm_npy_parse(t, (mm_str){(const char *)file, 10 + n + data}, &e);
}

static void arrays(void **state)
{
    mm_tensor t;
    (void)state;
    assert_int_equal(npy(&t, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 24), MM_OK);
    assert_int_equal(t.s.type, MM_F32);
    assert_int_equal(t.s.rank, 2);
    assert_int_equal(t.s.dim[1], 3);
    assert_int_equal(npy(&t, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 23), MM_SKIP);
    assert_int_equal(npy(&t, "{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }\n", 8), MM_SKIP);
    assert_int_equal(npy(&t, "{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }\n", 8), MM_OK);
    assert_int_equal(npy(&t, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 1), }\n", 8), MM_SKIP);
    assert_int_equal(npy(&t, "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }\n", 16), MM_SKIP);
    assert_int_equal(npy(&t, "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }\n", 8), MM_SKIP);
    assert_int_equal(npy(&t, "{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4), }\n", 8),
                     MM_SKIP);
    assert_int_equal(npy(&t, "{'shape': (2,), 'fortran_order': False, 'descr':", 0), MM_SKIP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(repair),          cmocka_unit_test(tables),
                                       cmocka_unit_test(dialects),        cmocka_unit_test(json_tables),
                                       cmocka_unit_test(unknown_columns), cmocka_unit_test(columns),
                                       cmocka_unit_test(arrays)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
