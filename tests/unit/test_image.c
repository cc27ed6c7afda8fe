/* Image preparation against Pillow (tests/goldens/make_media.py). */
#include "golden.h"
#include "media/image/resize.h"

typedef struct {
    mm_arena arena;
    mm_err err;
} scene;

static void resizes_as_pillow(void **state)
{
    (void)state;
    scene s = {0};
    json_t *cases = golden("media/resize.json"), *c;
    size_t i;
    json_array_foreach(cases, i, c)
    {
        int64_t h = num(c, "h"), w = num(c, "w");
        uint8_t *rgb = noise_bytes(num(c, "seed"), h * w * 3);
        mm_image in = {h, w, rgb}, out;
        assert_int_equal(mm_image_resize(&out, &in, num(c, "rows"), num(c, "cols"), (mm_resize_filter)num(c, "filter"),
                                         &s.arena, &s.err),
                         MM_OK);
        assert_int_equal(out.height, num(c, "rows"));
        assert_int_equal(out.width, num(c, "cols"));
        assert_fnv(out.rgb, (size_t)(out.height * out.width * 3), c);
        free(rgb);
        mm_arena_reset(&s.arena);
    }
    assert_true(i > 60);
    json_decref(cases);
    mm_arena_free(&s.arena);
}

static void orients_as_pillow(void **state)
{
    (void)state;
    scene s = {0};
    json_t *cases = golden("media/orient.json"), *c;
    size_t i;
    uint8_t *rgb = noise_bytes(99, 6 * 11 * 3);
    json_array_foreach(cases, i, c)
    {
        mm_raster in = {6, 11, 3, rgb}, out;
        assert_int_equal(mm_raster_orient(&out, &in, (int)num(c, "orientation"), &s.arena, &s.err), MM_OK);
        assert_int_equal(out.height, num(c, "h"));
        assert_int_equal(out.width, num(c, "w"));
        assert_fnv(out.p, (size_t)(out.height * out.width * 3), c);
    }
    assert_int_equal(i, 8);
    free(rgb);
    json_decref(cases);
    mm_arena_free(&s.arena);
}

/* A window is the same as a cut out of the whole, whichever pass goes first. */
static void window_is_part_of_the_whole(void **state)
{
    (void)state;
    scene s = {0};
    static const int64_t sizes[][4] = {
        {40, 50, 30, 90}, {90, 30, 11, 28}, {33, 44, 33, 20}, {33, 44, 60, 44}, {9, 9, 9, 9}};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        for (int filter = MM_NEAREST; filter <= MM_HAMMING; filter++) {
            int64_t h = sizes[k][2], w = sizes[k][3];
            uint8_t *rgb = noise_bytes(5, sizes[k][0] * sizes[k][1] * 3);
            mm_image in = {sizes[k][0], sizes[k][1], rgb}, whole, part;
            mm_window cut = {2, 3, h - 4, w - 5};
            assert_int_equal(mm_image_resize(&whole, &in, h, w, (mm_resize_filter)filter, &s.arena, &s.err), MM_OK);
            assert_int_equal(mm_resize_window(&part, &in, h, w, (mm_resize_filter)filter, cut, &s.arena, &s.err),
                             MM_OK);
            for (int64_t y = 0; y < cut.height; y++)
                assert_memory_equal(part.rgb + y * cut.width * 3, whole.rgb + ((y + cut.y) * w + cut.x) * 3,
                                    (size_t)cut.width * 3);
            free(rgb);
        }
    mm_arena_free(&s.arena);
}

static void crops_and_pads_in_the_middle(void **state)
{
    (void)state;
    scene s = {0};
    uint8_t rgb[5 * 4 * 3];
    for (int i = 0; i < 20; i++)
        memset(rgb + 3 * i, i + 1, 3);
    mm_image in = {5, 4, rgb}, out;
    mm_image_prep crop = {.crop = true, .crop_height = 2, .crop_width = 7};
    assert_int_equal(mm_image_prepare(&out, &in, &crop, &s.arena, &s.err), MM_OK);
    /* rows 1 and 2 of five; two columns of zeros before and one after */
    static const uint8_t want[2][7] = {{0, 0, 5, 6, 7, 8, 0}, {0, 0, 9, 10, 11, 12, 0}};
    for (int y = 0; y < 2; y++)
        for (int x = 0; x < 7; x++)
            assert_int_equal(out.rgb[(y * 7 + x) * 3 + 1], want[y][x]);
    crop.crop_height = 0;
    assert_int_equal(mm_image_prepare(&out, &in, &crop, &s.arena, &s.err), MM_SKIP);
    mm_arena_free(&s.arena);
}

static void every_instruction_set_agrees(void **state)
{
    (void)state;
#ifdef __x86_64__
    if (!__builtin_cpu_supports("avx2"))
        skip();
    enum { N = 203, ROWS = 37 };
    uint8_t *rows = noise_bytes(1, N * ROWS), a[N], b[N];
    int32_t weight[ROWS];
    uint64_t x = 3;
    for (int k = 0; k < ROWS; k++)
        weight[k] = (int32_t)(noise_next(&x) % (1 << 19)) - (1 << 17);
    for (int n = 1; n <= N; n += 9)
        for (int count = 1; count <= ROWS; count++) {
            mm_resize_portable.down(a, rows, N, n, weight, count);
            mm_resize_avx2.down(b, rows, N, n, weight, count);
            assert_memory_equal(a, b, (size_t)n);
        }
    for (int count = 1; count <= ROWS; count++) {
        int32_t start[1] = {N / 3 - count}, counts[1] = {count};
        mm_taps t = {1, ROWS, start, counts, weight};
        mm_resize_portable.across(a, rows, 0, N / 3, &t);
        mm_resize_avx2.across(b, rows, 0, N / 3, &t);
        assert_memory_equal(a, b, 3);
    }
    free(rows);
#else
    skip();
#endif
}

static void refuses_what_cannot_be(void **state)
{
    (void)state;
    scene s = {0};
    uint8_t rgb[3] = {1, 2, 3};
    mm_image in = {1, 1, rgb}, none = {0, 0, rgb}, out;
    assert_int_equal(mm_image_resize(&out, &in, 0, 4, MM_BICUBIC, &s.arena, &s.err), MM_SKIP);
    assert_int_equal(mm_image_resize(&out, &in, (int64_t)1 << 30, 1 << 20, MM_BICUBIC, &s.arena, &s.err), MM_SKIP);
    assert_int_equal(mm_image_resize(&out, &none, 4, 4, MM_BICUBIC, &s.arena, &s.err), MM_SKIP);
    assert_int_equal(mm_image_resize(&out, &in, 4, 4, (mm_resize_filter)9, &s.arena, &s.err), MM_SKIP);
    assert_non_null(strstr(s.err.text, "filter number 9"));
    mm_arena_free(&s.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resizes_as_pillow),
        cmocka_unit_test(orients_as_pillow),
        cmocka_unit_test(window_is_part_of_the_whole),
        cmocka_unit_test(crops_and_pads_in_the_middle),
        cmocka_unit_test(every_instruction_set_agrees),
        cmocka_unit_test(refuses_what_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
