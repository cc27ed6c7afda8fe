/* Streams that are cut, damaged, hostile, or no streams at all. */
#include "stream_util.h"

#define B(literal) literal, sizeof(literal) - 1

static mm_status drain_bytes(const void *p, size_t n, int *good, mm_err *e)
{
    int skipped;
    return drain(bytes_fd(p, n), good, &skipped, e);
}

/* Cut after every byte: the whole records come out, then a clean end or a message. */
static void truncation(void **state)
{
    (void)state;
    mm_buf b = golden("kinds.mm");
    size_t end[16] = {0};
    int records = 0, good;
    mm_err e;
    for (size_t used; end[records] < b.n; records++) {
        mm_arena a = {0};
        mm_record rec;
        assert_int_equal(mm_record_parse(b.p + end[records], b.n - end[records], &used, &a, &rec, &e), MM_OK);
        end[records + 1] = end[records] + used;
        mm_arena_free(&a);
    }
    assert_int_equal(records, 10);
    for (size_t n = 0, whole = 0; n <= b.n; n++) {
        if (n == end[whole + 1])
            whole++;
        mm_status s = drain_bytes(b.p, n, &good, &e);
        assert_int_equal(good, whole);
        assert_int_equal(s, n == end[whole] ? MM_EOF : MM_FATAL);
        if (s == MM_FATAL)
            assert_non_null(strstr(e.text, "ends inside a record"));
    }
    mm_buf_free(&b);
}

static void tails(void **state)
{
    (void)state;
    static const struct {
        const char *tail;
        size_t n;
        const char *says;
    } cases[] = {
        {B("\n"), "text"},
        {B("\0\0\0\0"), "zero bytes"},
        {B("\xff\xd8\xff\xe0"), "a JPEG image: mm-decode reads media"},
        {B("\x81\xa2mn\x01"), "other data"},
        {B("\x81\xa2mm\xc1"), "a byte that starts no value"},
        {B("\x81\xa2mm\x02"), "stream version 2"},
        {B("\x81\xa2mm\xa1x"), "version is not a number"},
        {B("\x80"), "other data"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mm_buf b = golden("kinds.mm");
        mm_err e;
        int good;
        assert_int_equal(mm_buf_append(&b, cases[i].tail, cases[i].n, &e), MM_OK);
        assert_int_equal(drain_bytes(b.p, b.n, &good, &e), MM_FATAL);
        assert_int_equal(good, 10);
        assert_non_null(strstr(e.text, "in.mm: "));
        assert_non_null(strstr(e.text, "after 10 whole records"));
        assert_non_null(strstr(e.text, cases[i].says));
        mm_buf_free(&b);
    }
}

static void no_streams(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *says;
    } cases[] = {
        {B("\xff\xd8\xff\xe0\0\x10JFIF"), "a JPEG image: mm-decode reads media"},
        {B("PK\3\4\x14\0"), "a zip archive: mm-decode reads media in archives"},
        {B("{\"a\": 1}"), "JSON: mm-decode"},
        {B("hello\n"), "text: mm-decode"},
        {B("\x1f\x8b\x08\0"), "gzip data: `gzip -dc FILE |`"},
        {B("\xd9\xff"), "other data"},
    };
    char tar[512] = "photo.jpg";
    memcpy(tar + 257, "ustar", 5);
    mm_err e;
    int good;
    assert_int_equal(drain_bytes(tar, sizeof tar, &good, &e), MM_FATAL);
    assert_non_null(strstr(e.text, "not a feature stream but a tar archive: mm-decode"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(drain_bytes(cases[i].bytes, cases[i].n, &good, &e), MM_FATAL);
        assert_int_equal(good, 0);
        assert_non_null(strstr(e.text, cases[i].says));
    }
    assert_int_equal(drain_bytes("", 0, &good, &e), MM_EOF);
    assert_int_equal(drain(open("/", O_RDONLY), &good, &good, &e), MM_FATAL);
    assert_non_null(strstr(e.text, "is a directory"));
}

/* What msgpack-numpy would unpickle, and tensors that make no sense: skipped, the neighbours come through. */
static void refused(void **state)
{
    (void)state;
    mm_buf b = golden("refused.mm");
    mm_reader *r;
    mm_arena a = {0};
    mm_record rec;
    mm_err e;
    static const char *const says[] = {NULL, "never read", "never read", "not supported", "not supported", NULL};
    int fd = bytes_fd(b.p, b.n);
    assert_int_equal(mm_reader_new(&r, fd, "in.mm", &e), MM_OK);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(mm_reader_next(r, &a, &rec, &e), says[i] ? MM_SKIP : MM_OK);
        if (says[i]) {
            assert_non_null(strstr(e.text, says[i]));
            assert_int_equal(rec.kind, MM_KIND_ERROR);
            assert_true(rec.key.n > 3 && rec.error.text.n > 10 && !rec.raw.p && !rec.has_tensor);
        }
    }
    assert_int_equal(mm_reader_next(r, &a, &rec, &e), MM_EOF);
    mm_reader_free(r);
    mm_arena_free(&a);
    close(fd);
    mm_buf_free(&b);
}

/* `head` is {"mm": 1, "kind": "text", NAME: … } without the value. */
static mm_status parse_with(const char *name, const void *value, size_t n, mm_err *e)
{
    mm_buf b = {0};
    mm_arena a = {0};
    mm_record rec;
    size_t used;
    uint8_t fixstr = (uint8_t)(0xa0 | strlen(name));
    assert_int_equal(mm_buf_append(&b, "\x83\xa2mm\x01\xa4kind\xa4text", 15, e), MM_OK);
    assert_int_equal(mm_buf_append(&b, &fixstr, 1, e), MM_OK);
    assert_int_equal(mm_buf_append(&b, name, strlen(name), e), MM_OK);
    assert_int_equal(mm_buf_append(&b, value, n, e), MM_OK);
    mm_status s = mm_record_parse(b.p, b.n, &used, &a, &rec, e);
    mm_arena_free(&a);
    mm_buf_free(&b);
    return s;
}

static void wrong_types(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
        size_t n;
    } cases[] = {
        {"key", B("\x01")},
        {"src", B("\xc4\x01x")},
        {"part", B("\xff")},
        {"rate", B("\xcf\xff\xff\xff\xff\xff\xff\xff\xff")},
        {"time", B("\x91\x01")},
        {"data", B("\x91\x01")},
        {"data", B("\x80")},
        {"grid", B("\x81\xa4rows\xff")},
        {"label", B("\x91\x01")},
        {"error", B("\x81\xa4text\x01")},
        {"meta", B("\xa1x")},
        /* an array of 2^40 × 2^40 bytes, one of −1, one whose data is short */
        {"data", B("\x84\xa2nd\xc3\xa4type\xa3|u1\xa5shape\x92\xcf\0\0\1\0\0\0\0\0\xcf\0\0\1\0\0\0\0\0\xa4"
                   "data\xc4\0")},
        {"data", B("\x84\xa2nd\xc3\xa4type\xa3|u1\xa5shape\x91\xff\xa4"
                   "data\xc4\0")},
        {"data", B("\x84\xa2nd\xc3\xa4type\xa3<f4\xa5shape\x91\x02\xa4"
                   "data\xc4\x01x")},
        {"data", B("\x84\xa2nd\xc3\xa4type\xa3<f4\xa5shape\x97\1\1\1\1\1\1\1\xa4"
                   "data\xc4\x01x")},
    };
    mm_err e;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(parse_with(cases[i].name, cases[i].value, cases[i].n, &e), MM_SKIP);
        assert_non_null(strstr(e.text, cases[i].name));
    }
    assert_int_equal(parse_with("part", "\x07", 1, &e), MM_OK);
}

/* Lengths that are not there must cost nothing: msgpack-c alone would reserve gigabytes for these. */
static void declared_lengths(void **state)
{
    (void)state;
    static const char *const bombs[] = {"\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff", "\xdb\xff\xff\xff\xff",
                                        "\xc6\xff\xff\xff\xff", "\xdd\x00\x0f\xff\xf0", "\xc6\x30\0\0\0"};
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        char bytes[64] = "\x83\xa2mm\x01\xa4kind\xa4text\xa1x";
        memcpy(bytes + 17, bombs[i], 5);
        mm_reader *r;
        mm_arena a = {0};
        mm_record rec;
        mm_err e;
        int fd = bytes_fd(bytes, sizeof bytes);
        assert_int_equal(mm_reader_new(&r, fd, "in.mm", &e), MM_OK);
        assert_int_equal(mm_reader_next(r, &a, &rec, &e), MM_FATAL);
        assert_true(a.used < 1 << 20);
        mm_reader_free(r);
        mm_arena_free(&a);
        close(fd);
    }
}

static void nesting(void **state)
{
    (void)state;
    char deep[MM_RECORD_MAX_DEPTH + 1];
    mm_err e;
    memset(deep, 0x91, sizeof deep);
    deep[MM_RECORD_MAX_DEPTH - 1] = (char)0xc0; /* the record's own map is the first level */
    assert_int_equal(parse_with("x", deep, MM_RECORD_MAX_DEPTH, &e), MM_OK);
    deep[MM_RECORD_MAX_DEPTH - 1] = (char)0x91;
    deep[MM_RECORD_MAX_DEPTH] = (char)0xc0;
    assert_int_equal(parse_with("x", deep, MM_RECORD_MAX_DEPTH + 1, &e), MM_FATAL);
    assert_non_null(strstr(e.text, "nested too deeply"));
}

static void fields_out_of_order(void **state)
{
    (void)state;
    mm_arena a = {0};
    mm_record rec;
    mm_err e;
    size_t used;
    /* a bad field in front of the key: the key is still known */
    static const char bytes[] = "\x84\xa2mm\x01\xa4part\xff\xa4kind\xa4text\xa3key\xa1"
                                "b";
    assert_int_equal(mm_record_parse(bytes, sizeof bytes - 1, &used, &a, &rec, &e), MM_SKIP);
    assert_true(mm_str_is(rec.key, "b"));
    static const char twice[] = "\x84\xa2mm\x01\xa4kind\xa4text\xa3key\xa1k\xa3key\xa1l";
    assert_int_equal(mm_record_parse(twice, sizeof twice - 1, &used, &a, &rec, &e), MM_SKIP);
    assert_non_null(strstr(e.text, "\"key\" twice"));
    static const char kindless[] = "\x82\xa2mm\x01\xa3key\xa1k";
    assert_int_equal(mm_record_parse(kindless, sizeof kindless - 1, &used, &a, &rec, &e), MM_SKIP);
    assert_non_null(strstr(e.text, "without a kind"));
    static const char late[] = "\x82\xa4kind\xa4text\xa2mm\x01";
    assert_int_equal(mm_record_parse(late, sizeof late - 1, &used, &a, &rec, &e), MM_FATAL);
    mm_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truncation),  cmocka_unit_test(tails),
        cmocka_unit_test(no_streams),  cmocka_unit_test(refused),
        cmocka_unit_test(wrong_types), cmocka_unit_test(declared_lengths),
        cmocka_unit_test(nesting),     cmocka_unit_test(fields_out_of_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
