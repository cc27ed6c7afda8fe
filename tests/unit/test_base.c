/* Arena, buffer, error text, tensor shapes and half floats. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/grow.h"
#include "base/hash.h"
#include "base/suggest.h"
#include "tensor/tensor.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void arena_allocations(void **state)
{
    (void)state;
    mm_arena a = {0};
    for (int round = 0; round < 3; round++) {
        char *p[40];
        for (int i = 0; i < 40; i++) {
            p[i] = mm_arena_alloc(&a, (size_t)i * 1000);
            assert_true(p[i] && (uintptr_t)p[i] % 64 == 0);
            memset(p[i], i, (size_t)i * 1000);
        }
        for (int i = 1; i < 40; i++)
            assert_true(p[i][0] == i && p[i][i * 1000 - 1] == i);
        mm_arena_reset(&a);
    }
    assert_null(mm_arena_alloc(&a, SIZE_MAX - 10));
    assert_null(mm_arena_zalloc(&a, SIZE_MAX / 2, 4));
    assert_string_equal(mm_arena_printf(&a, "%s-%d", "x", 7), "x-7");
    assert_string_equal(mm_arena_strdup(&a, MM_STR("abc")), "abc");
    assert_string_equal(mm_arena_strdup(&a, (mm_str){0}), "");
    mm_arena_free(&a);
}

static void arena_growth(void **state)
{
    (void)state;
    mm_arena a = {0};
    for (int before = 0; before < 2; before++) { /* alone in its block, or behind something */
        char *first = before ? mm_arena_strdup(&a, MM_STR("first")) : NULL, *p = NULL;
        size_t n = 0;
        for (size_t want = 1; want < 3000000; want = want * 3 + 1) {
            p = mm_arena_grow(&a, p, n, want);
            assert_non_null(p);
            for (size_t i = 0; i < n; i++)
                assert_true(p[i] == (char)(i * 7));
            for (n = 0; n < want; n++)
                p[n] = (char)(n * 7);
        }
        char *behind = mm_arena_alloc(&a, 10); /* no longer the latest: it moves, what is behind stays */
        memset(behind, 9, 10);
        p = mm_arena_grow(&a, p, n, n + 1);
        assert_true(p[n - 1] == (char)((n - 1) * 7) && behind[9] == 9);
        if (first)
            assert_string_equal(first, "first");
        mm_arena_reset(&a);
    }
    mm_arena_free(&a);
}

static void buffer(void **state)
{
    (void)state;
    mm_buf b = {0};
    mm_err e;
    for (int i = 0; i < 10000; i++)
        assert_int_equal(mm_buf_append(&b, &i, sizeof i, &e), MM_OK);
    for (int i = 0, v; i < 10000; i++) {
        memcpy(&v, b.p + (size_t)i * sizeof v, sizeof v);
        assert_int_equal(v, i);
    }
    assert_int_equal(mm_buf_append(&b, NULL, 0, &e), MM_OK);
    assert_int_equal(mm_buf_reserve(&b, SIZE_MAX - 5, &e), MM_FATAL);
    assert_int_equal(b.n, 40000);
    mm_buf_free(&b);
    assert_null(b.p);
}

static void heap_array(void **state)
{
    (void)state;
    int *v = NULL;
    int64_t n = 0, cap = 0, moves = 0;
    for (int64_t before; n < 10000; n++) {
        before = cap;
        assert_true(mm_grow(&v, &cap, n));
        assert_true(v && cap > n);
        moves += cap > before;
        v[n] = (int)(3 * n);
    }
    assert_true(moves > 1 && moves < 20); /* it doubles */
    for (int64_t i = 0; i < n; i++)
        assert_int_equal(v[i], 3 * i);
    free(v);
}

static void arena_array(void **state)
{
    (void)state;
    mm_arena a = {0};
    struct pair {
        const char *text;
        int64_t number;
    } *v = NULL;
    int64_t n = 0, cap = 0;
    for (; n < 3000; n++) {
        assert_true(mm_grow_in(&a, &v, &cap, n));
        v[n] = (struct pair){mm_arena_printf(&a, "%lld", (long long)n), n}; /* behind the array, which has to move */
    }
    for (int64_t i = 0; i < n; i++)
        assert_true(v[i].number == i && atoll(v[i].text) == i);
    mm_arena_free(&a);
}

/* Rows of seven numbers and their names share a capacity. */
static void arrays_of_rows(void **state)
{
    (void)state;
    enum { WIDTH = 7 };
    float *row = NULL;
    char *name = NULL;
    int64_t cap = 0;
    for (int n = 0; n < 1000; n++) {
        int64_t rows = cap;
        assert_true(mm_grow_rows(&row, &rows, n, WIDTH) && mm_grow(&name, &cap, n));
        assert_int_equal(rows, cap);
        for (int i = 0; i < WIDTH; i++)
            row[n * WIDTH + i] = (float)(n + i);
        name[n] = (char)n;
    }
    for (int n = 0; n < 1000; n++)
        assert_true(row[n * WIDTH] == (float)n && row[n * WIDTH + WIDTH - 1] == (float)(n + WIDTH - 1) &&
                    name[n] == (char)n);
    free(row);
    free(name);
}

/* The sanitizers, too, answer NULL where memory is out. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

/* What cannot be addressed, or had, leaves everything as it was. */
static void arrays_too_large(void **state)
{
    (void)state;
    mm_arena a = {0};
    double *own = malloc(sizeof *own), *v = own, *w = mm_arena_alloc(&a, sizeof *w), *before = w;
    const int64_t full[] = {INT64_MAX, INT64_MAX / 2 + 1, PTRDIFF_MAX / 8, PTRDIFF_MAX / 16 + 1, PTRDIFF_MAX / 16};
    assert_true(v && w);
    *v = *w = 7;
    for (size_t i = 0; i < sizeof full / sizeof *full; i++) {
        int64_t cap = full[i];
        assert_false(mm_grow(&v, &cap, full[i]));
        assert_false(mm_grow_in(&a, &w, &cap, full[i]));
        assert_true(cap == full[i] && v == own && *v == 7 && w == before && *w == 7);
    }
    int64_t cap = 1;
    assert_false(mm_grow_rows(&v, &cap, 1, INT64_MAX));
    assert_false(mm_grow_rows(&v, &cap, 1, PTRDIFF_MAX / 8));
    assert_true(cap == 1 && v == own && *v == 7);
    assert_true(mm_grow(&v, &cap, 1));
    assert_true(cap > 1 && *v == 7);
    free(v);
    mm_arena_free(&a);
}

static void error_text(void **state)
{
    (void)state;
    mm_err e;
    assert_int_equal(mm_fail(&e, MM_SKIP, "%s: bad\nname\x1b[31m", "f"), MM_SKIP);
    assert_string_equal(e.text, "f: bad?name?[31m"); /* one line, no terminal codes */
    mm_fail(&e, MM_FATAL, "%0999d", 1);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    assert_int_equal(mm_fail(NULL, MM_FATAL, "x"), MM_FATAL);
}

static void shapes(void **state)
{
    (void)state;
    mm_shape s;
    mm_err e;
    char text[128];
    const int64_t good[] = {3, 0, 5}, huge[] = {1 << 30, 1 << 30, 8}, hidden[] = {0, INT64_MAX, INT64_MAX},
                  below[] = {-1};
    assert_int_equal(mm_shape_make(&s, MM_F32, 3, good, &e), MM_OK);
    assert_int_equal(mm_shape_bytes(&s), 0);
    assert_string_equal(mm_shape_text(&s, text, sizeof text), "f32[3,0,5]");
    assert_int_equal(mm_shape_make(&s, MM_F32, 0, NULL, &e), MM_OK);
    assert_int_equal(mm_shape_bytes(&s), 4);
    assert_int_equal(mm_shape_make(&s, MM_U8, 3, huge, &e), MM_SKIP);
    assert_int_equal(mm_shape_make(&s, MM_U8, 3, hidden, &e), MM_SKIP);
    assert_int_equal(mm_shape_make(&s, MM_U8, 1, below, &e), MM_SKIP);
    assert_int_equal(mm_shape_make(&s, MM_U8, MM_MAX_RANK + 1, good, &e), MM_SKIP);
}

/* The first element that is no finite number, in any float type and at any place. */
static void not_finite(void **state)
{
    (void)state;
    static const struct {
        mm_type type;
        size_t width;
        uint64_t infinite, nan;
    } cases[] = {
        {MM_F16, 2, 0x7c00, 0xfe01},
        {MM_BF16, 2, 0xff80, 0x7fff},
        {MM_F32, 4, 0x7f800000, 0x7fffffff},
        {MM_F64, 8, 0xfff0000000000000, 0x7ff0000000000001},
    };
    uint8_t bytes[8 * 600 + 1] = {0};
    const int64_t n = 600;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mm_tensor t = {.data = bytes + 1}; /* not aligned */
        mm_err e;
        assert_int_equal(mm_shape_make(&t.s, cases[i].type, 1, &n, &e), MM_OK);
        assert_int_equal(mm_tensor_not_finite(&t), -1);
        for (int k = 0; k < 3; k++) {
            static const int64_t places[] = {0, 256, 599};
            const uint64_t *v = k == 1 ? &cases[i].infinite : &cases[i].nan;
            memcpy(bytes + 1 + (size_t)places[k] * cases[i].width, v, cases[i].width); /* little-endian */
            assert_int_equal(mm_tensor_not_finite(&t), places[k]);
            memset(bytes, 0, sizeof bytes);
        }
        t.s.type = MM_I16;
        memset(bytes, 255, sizeof bytes);
        assert_int_equal(mm_tensor_not_finite(&t), -1);
        memset(bytes, 0, sizeof bytes);
    }
}

/* Every half float goes through f32 and back; between two neighbours the nearer one is taken, the even one of a tie. */
static void half_floats(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x10000; h++) {
        float f = mm_f16_to_f32((uint16_t)h);
        if ((h & 0x7c00) == 0x7c00 && h & 0x3ff) {
            assert_true(isnan(f) && isnan(mm_f16_to_f32(mm_f32_to_f16(f))));
            continue;
        }
        assert_int_equal(mm_f32_to_f16(f), h);
        if ((h & 0x7fff) >= 0x7bff)
            continue;
        float next = mm_f16_to_f32((uint16_t)(h + 1)), middle = f + (next - f) / 2;
        assert_int_equal(mm_f32_to_f16(middle), h & 1 ? h + 1 : h);
        assert_int_equal(mm_f32_to_f16(nextafterf(middle, f)), h);
        assert_int_equal(mm_f32_to_f16(nextafterf(middle, next)), h + 1);
    }
    assert_int_equal(mm_f32_to_f16(65519), 0x7bff);
    assert_int_equal(mm_f32_to_f16(65520), 0x7c00);
    assert_int_equal(mm_f32_to_f16(-1e30f), 0xfc00);
}

static void brain_floats(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x10000; h++) {
        float f = mm_bf16_to_f32((uint16_t)h);
        if (isnan(f))
            assert_true(isnan(mm_bf16_to_f32(mm_f32_to_bf16(f))));
        else
            assert_int_equal(mm_f32_to_bf16(f), h);
    }
    assert_int_equal(mm_f32_to_bf16(1.00390625f), 0x3f80); /* ties go to the even one: 1 + 2^-8 … */
    assert_int_equal(mm_f32_to_bf16(1.01171875f), 0x3f82); /* … and 1 + 3·2^-8 */
}

static void suggestions(void **state)
{
    (void)state;
    const mm_str names[] = {MM_STR("text"), MM_STR("label"), MM_STR("annotator")};
    char out[120], small[32];
    assert_true(mm_str_is(mm_suggest(MM_STR("lable"), names, 3), "label"));
    assert_true(mm_str_is(mm_suggest(MM_STR("LABEL"), names, 3), "label"));
    assert_true(mm_str_is(mm_suggest(MM_STR("txt"), names, 3), "text"));
    assert_null(mm_suggest(MM_STR("id"), names, 3).p);
    assert_null(mm_suggest(MM_STR("label"), names, 0).p);
    assert_string_equal(mm_suggest_text(out, sizeof out, MM_STR("lable"), names, 3),
                        "; did you mean \"label\"? (there are: text, label, annotator)");
    assert_string_equal(mm_suggest_text(out, sizeof out, MM_STR("id"), names, 3),
                        " (there are: text, label, annotator)");
    assert_string_equal(mm_suggest_text(out, sizeof out, MM_STR("id"), names, 0), "");
    for (size_t size = 1; size <= sizeof small; size++) { /* what does not fit is left out, whole names at a time */
        mm_suggest_text(small, size, MM_STR("id"), names, 3);
        assert_true(strlen(small) < size);
        if (size == sizeof small)
            assert_string_equal(small, " (there are: text, label, ...)");
    }
}

/* Values that the Python package xxhash documents. */
static void test_hash_of_bytes(void **state)
{
    const char *text = "Nobody inspects the spammish repetition";
    (void)state;
    assert_true(mm_hash_bytes("", 0, 0) == 0xef46db3751d8e999u);
    assert_true(mm_hash_bytes("a", 1, 0) == 0xd24ec4f1a98c6e5bu);
    assert_true(mm_hash_bytes(text, strlen(text), 0) == 0xfbcea83c8a378bf1u);
    assert_true(mm_hash_bytes("xxhash", 6, 20141025) == 0xb559b98d844e0635u);
}

/* Two programs write one file at a time: the second waits, and both complete what they wrote. */
static void test_two_writers(void **state)
{
    (void)state;
    char dir[] = "/tmp/mm-test-XXXXXX", path[64], part[80], byte;
    mm_part_file p;
    mm_err e;
    mm_buf b = {0};
    int begun[2], status;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/file", dir);
    snprintf(part, sizeof part, "%s.part", path);
    assert_int_equal(pipe(begun), 0);
    pid_t child = fork();
    if (child == 0) {
        if (mm_part_file_open(&p, path, &e) != MM_OK || fputs("one", p.f) < 0 || write(begun[1], "x", 1) != 1)
            _exit(1);
        usleep(200000); /* the other has opened it by now */
        fputs(" whole", p.f);
        _exit(mm_part_file_commit(&p, &e) == MM_OK ? 0 : 2);
    }
    assert_int_equal(read(begun[0], &byte, 1), 1);
    assert_int_equal(mm_part_file_open(&p, path, &e), MM_OK);
    fputs("another", p.f);
    assert_int_equal(mm_part_file_commit(&p, &e), MM_OK);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(mm_file_read(&b, path, 100, &e), MM_OK);
    assert_memory_equal(b.p, "another", b.n);
    assert_int_equal(b.n, strlen("another"));
    assert_int_equal(access(part, F_OK), -1);
    mm_buf_free(&b);
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_allocations), cmocka_unit_test(arena_growth),
        cmocka_unit_test(suggestions),       cmocka_unit_test(buffer),
        cmocka_unit_test(heap_array),        cmocka_unit_test(arena_array),
        cmocka_unit_test(arrays_of_rows),    cmocka_unit_test(arrays_too_large),
        cmocka_unit_test(error_text),        cmocka_unit_test(shapes),
        cmocka_unit_test(not_finite),        cmocka_unit_test(half_floats),
        cmocka_unit_test(test_two_writers),  cmocka_unit_test(test_hash_of_bytes),
        cmocka_unit_test(brain_floats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
