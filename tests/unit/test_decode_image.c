/* Picture files against Pillow (tests/goldens/make_decode.py): every pixel. */
#include "decode_util.h"
#include "media/image/picture.h"
#include "media/image/png.h"

#include <math.h>

static const mm_decode_opts PLAIN = {.image = true};
static const mm_image_prep AS_IT_IS = {.resize = false};
static const mm_decode_opts PREPARED = {.image = true, .image_prep = &AS_IT_IS};
static const mm_decode_opts OVER = {.image = true, .has_background = true, .background = {200, 30, 90}};

static void check(const json_t *c, const mm_decode_opts *o, const char *hash)
{
    const char *file = json_string_value(json_object_get(c, "file"));
    const char *type = json_string_value(json_object_get(c, "type"));
    decoded d = decode_golden("picture", file, o, MM_KIND_IMAGE);
    print_message("%s\n", file);
    assert_int_equal(d.shape.rank, 3);
    assert_int_equal(d.shape.dim[0], num(c, "h"));
    assert_int_equal(d.shape.dim[1], num(c, "w"));
    assert_int_equal(d.shape.dim[2], 3);
    assert_string_equal(mm_type_name(d.shape.type), type && !o->image_prep ? type : "u8");
    assert_fnv_key(d.data, (size_t)mm_shape_bytes(&d.shape), c, hash);
    free(d.data);
}

/* A picture of more than 8 bits has its samples; for a model it becomes 8-bit, where its range is known. */
static void check_deep(const json_t *c)
{
    check(c, &PLAIN, "samples");
    if (json_object_get(c, "fnv")) {
        check(c, &PREPARED, "fnv");
        return;
    }
    decoded d = decode_golden("picture", json_string_value(json_object_get(c, "file")), &PREPARED, MM_KIND_ERROR);
    assert_int_equal(d.hint, MM_HINT_RANGE);
}

/* Cases whose file has this text in its name; at least `least` of them. */
static void every(const char *part, size_t least)
{
    json_t *cases = golden("picture/cases.json"), *c;
    size_t i, n = 0;
    json_array_foreach(cases, i, c)
    {
        if (!strstr(json_string_value(json_object_get(c, "file")), part))
            continue;
        if (json_object_get(c, "type"))
            check_deep(c);
        else
            check(c, &PLAIN, "fnv");
        if (json_object_get(c, "over"))
            check(c, &OVER, "over");
        n++;
    }
    assert_true(n >= least);
    json_decref(cases);
}

static void jpeg(void **state)
{
    (void)state;
    every(".jpg", 15);
}

static void png(void **state)
{
    (void)state;
    every(".png", 14);
}

static void gif(void **state)
{
    (void)state;
    every(".gif", 3);
}

static void bmp(void **state)
{
    (void)state;
    every(".bmp", 3);
}

static void tiff(void **state)
{
    (void)state;
    every(".tif", 56);
}

static void webp(void **state)
{
    (void)state;
    every(".webp", 5);
}

static void pnm(void **state)
{
    (void)state;
    every(".pnm", 27);
}

static void others(void **state)
{
    (void)state;
    every(".jp2", 1);
    every(".tga", 1);
    every(".pcx", 1);
    every(".pfm", 2);
    every(".qoi", 1);
    every(".ico", 4);
    every(".mpo", 1);
}

typedef struct {
    const json_t *want; /* the hash of each page */
    bool timed;
    int64_t n;
    double end; /* of the frame before */
} book;

static mm_status check_page(void *ctx, const mm_record *rec, mm_err *e)
{
    book *b = ctx;
    (void)e;
    assert_int_equal(rec->kind, MM_KIND_IMAGE);
    assert_int_equal(rec->part, b->n);
    assert_int_equal(rec->has_time, b->timed);
    if (b->timed)
        assert_true(fabs(rec->time[0] - b->end) < 1e-6 && rec->time[1] >= rec->time[0]);
    b->end = rec->time[1];
    const json_t *hash = json_array_get(b->want, (size_t)b->n++);
    assert_non_null(hash);
    assert_fnv_text(rec->tensor.data, mm_shape_bytes(&rec->tensor.s), json_string_value(hash));
    return MM_OK;
}

static bool has_decoder(const char *file)
{
#ifdef MM_HAVE_HEIF
    (void)file;
    return true;
#else
    return !strstr(file, ".heic");
#endif
}

/* Every page and frame of files that are read through a descriptor. */
static void pages(void **state)
{
    static const mm_decode_opts ALL = {.image = true, .all_pages = true};
    json_t *cases = golden("picture/cases.json"), *c;
    size_t i, n = 0;
    (void)state;
    json_array_foreach(cases, i, c)
    {
        const char *file = json_string_value(json_object_get(c, "file"));
        book b = {.want = json_object_get(c, "pages")};
        if (!b.want || !has_decoder(file))
            continue;
        print_message("%s\n", file);
        b.timed = !strncmp(file, "frames", 6) || !strncmp(file, "clear", 5) || !strncmp(file, "animated", 8);
        char path[512];
        mm_arena a = {0};
        mm_err e;
        int64_t emitted;
        snprintf(path, sizeof path, "tests/goldens/picture/%s", file);
        FILE *f = fopen(path, "rb");
        assert_non_null(f);
        fseek(f, 0, SEEK_END);
        mm_str name = {file, strlen(file)};
        mm_blob blob = {
            .key = MM_STR("k"), .src = name, .path = name, .named = true, .fd = fileno(f), .size = ftell(f)};
        assert_int_equal(mm_decode(&blob, &ALL, &a, check_page, &b, &emitted, &e), MM_OK);
        assert_int_equal(b.n, json_array_size(b.want));
        assert_int_equal(emitted, b.n);
        mm_arena_free(&a);
        fclose(f);
        n++;
    }
    assert_true(n >= 11);
    json_decref(cases);
}

/* Files with this ending whose colours are at half the size: every value within `most` of Pillow's, on average within
 * 0.3. */
static void nearly(const char *ending, int most, size_t least)
{
    json_t *cases = golden("picture/cases.json"), *c;
    size_t i, n = 0;
    json_array_foreach(cases, i, c)
    {
        const char *hex = json_string_value(json_object_get(c, "rgb"));
        unsigned want;
        double sum = 0;
        if (!hex || !strstr(json_string_value(json_object_get(c, "file")), ending))
            continue;
        decoded d = decode_golden("picture", json_string_value(json_object_get(c, "file")), &PLAIN, MM_KIND_IMAGE);
        size_t bytes = (size_t)mm_shape_bytes(&d.shape);
        print_message("%s\n", json_string_value(json_object_get(c, "file")));
        assert_int_equal(bytes, strlen(hex) / 2);
        for (size_t k = 0; k < bytes; k++) {
            assert_int_equal(sscanf(hex + 2 * k, "%2x", &want), 1);
            assert_true(abs((int)want - d.data[k]) <= most);
            sum += abs((int)want - d.data[k]);
        }
        assert_true(sum / (double)bytes <= 0.3);
        free(d.data);
        n++;
    }
    assert_true(n >= least);
    json_decref(cases);
}

static void avif(void **state)
{
    (void)state;
    nearly(".avif", 5, 8);
}

#ifdef MM_HAVE_HEIF
static void heic(void **state)
{
    (void)state;
    every("444.heic", 1);
    every("alpha.heic", 1);
    every("grid.heic", 1);
    every("deep.heic", 1);
    every("pages.heic", 1);
    every("turned", 3);
    nearly(".heic", 1, 1);
}
#endif

/* What a strict reader refuses: short, over the limits, not a number. */
static void broken_pnm(void **state)
{
    static const struct {
        const char *text, *code;
    } cases[] = {
        {"P5 4 4 255 \1\2\3", "truncated"},
        {"P6 2 1 255 \1\2\3\4\5", "truncated"},
        {"P1 3 2 10101", "truncated"},
        {"P2 2 2 9 1 2 3", "truncated"},
        {"P2 2 1 9 1 10", "corrupt"},
        {"P2 2 1 9 1 -1", "corrupt"},
        {"P1 2 1 12", "corrupt"},
        {"P5 1 1 0 \1", "corrupt"},
        {"P5 1 1 65536 \1\1", "corrupt"},
        {"P5 0 1 255 \1", "corrupt"},
        {"P3 1 1 9 1 2x 3", "corrupt"},
        {"P5 12345678901 1 9 \1", "corrupt"},
        {"P5 20000 20000 255 ", "too-large"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mm_picture p;
        mm_fault f = {0};
        mm_arena a = {0};
        mm_bytes in = {(const uint8_t *)cases[i].text, strlen(cases[i].text)};
        print_message("%s\n", cases[i].text);
        const mm_format *format = mm_format_of(in.p, in.n, MM_STR("x"));
        assert_non_null(format);
        assert_int_equal(mm_picture_reader_of(format)->read(&p, in, &(mm_picture_limits){1 << 24, NULL}, &a, &f),
                         MM_SKIP);
        assert_string_equal(f.code, cases[i].code);
        mm_arena_free(&a);
    }
}

/* Its specification is three lines: big-endian samples of red, green, blue and alpha. */
static void farbfeld(void **state)
{
    static const uint8_t file[] = "farbfeld\0\0\0\2\0\0\0\1\1\2\3\4\5\6\xff\xff\xff\xfe\0\0\x80\0\0\7";
    static const uint16_t want[] = {0x102, 0x304, 0x506, 0xffff, 0xfffe, 0, 0x8000, 7};
    enum { N = sizeof file - 1 };
    (void)state;
    const mm_format *text = mm_format_of((const uint8_t *)"farbfeld is a format", 20, MM_STR("x.txt"));
    assert_int_equal(mm_format_read_as(text), MM_FORMAT_TEXT);
    for (size_t n = 9; n <= N; n++) {
        mm_picture p;
        mm_fault f = {0};
        mm_arena a = {0};
        const mm_format *format = mm_format_of(file, n, MM_STR("x"));
        assert_non_null(format);
        assert_string_equal(format->what, "a farbfeld image");
        mm_status s =
            mm_picture_reader_of(format)->read(&p, (mm_bytes){file, n}, &(mm_picture_limits){2, NULL}, &a, &f);
        if (n < N) {
            assert_int_equal(s, MM_SKIP);
            assert_string_equal(f.code, "truncated");
        } else {
            assert_int_equal(s, MM_OK);
            assert_true(p.width == 2 && p.height == 1 && p.channels == 4 && p.type == MM_U16);
            assert_memory_equal(p.px, want, sizeof want);
        }
        mm_arena_free(&a);
    }
}

/* Fewer bytes than a signature has: nothing after them is read. */
static void short_png(void **state)
{
    (void)state;
    for (size_t n = 0; n < 8; n++) {
        uint8_t *p = malloc(n + 1);
        mm_png_notes x;
        mm_fault f = {0};
        memcpy(p, "\x89PNG\r\n\x1a", n);
        assert_int_equal(mm_png_examine(&x, (mm_bytes){p, n}, &f), MM_SKIP);
        assert_string_equal(f.code, "truncated");
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jpeg),       cmocka_unit_test(png),       cmocka_unit_test(gif),      cmocka_unit_test(bmp),
        cmocka_unit_test(tiff),       cmocka_unit_test(webp),      cmocka_unit_test(pnm),      cmocka_unit_test(others),
        cmocka_unit_test(pages),      cmocka_unit_test(avif),
#ifdef MM_HAVE_HEIF
        cmocka_unit_test(heic),
#endif
        cmocka_unit_test(broken_pnm), cmocka_unit_test(short_png), cmocka_unit_test(farbfeld),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
