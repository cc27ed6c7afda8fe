/* Heads that PyTorch wrote (tests/goldens/make_heads.py): loaded from a plain state_dict, they must say what the module
 * says, for samples that lack modalities and for several rows of one as well. */
#include "fuse/combine.h"
#include "stream/reader.h"

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { N = 6 };

typedef struct {
    mm_sample *sample[N];
    mm_joined joined[N];
    const mm_joined *all[N];
    json_t *expected;
} world;

static int set_up(void **state)
{
    world *w = calloc(1, sizeof *w);
    mm_reader *in;
    mm_join *join;
    mm_record rec;
    mm_arena a = {0};
    mm_err e;
    int fd = open("tests/goldens/heads/samples.mm", O_RDONLY), n = 0;
    assert_int_equal(mm_reader_new(&in, fd, "samples.mm", &e), MM_OK);
    assert_int_equal(mm_join_new(&join, 1, 1 << 20, &e), MM_OK);
    while (mm_reader_next(in, &a, &rec, &e) == MM_OK) {
        assert_int_equal(mm_join_add(join, 0, &rec, &e), MM_OK);
        mm_arena_reset(&a);
    }
    mm_join_end(join, 0);
    while (n < N && (w->sample[n] = mm_join_next(join))) {
        assert_int_equal(mm_joined_whole(&w->joined[n], w->sample[n], &e), MM_OK);
        w->all[n] = &w->joined[n];
        n++;
    }
    assert_int_equal(n, N);
    w->expected = json_load_file("tests/goldens/heads/expected.json", 0, NULL);
    assert_non_null(w->expected);
    mm_join_free(join);
    mm_reader_free(in);
    mm_arena_free(&a);
    close(fd);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    world *w = *state;
    for (int i = 0; i < N; i++)
        mm_sample_free(w->sample[i]);
    json_decref(w->expected);
    free(w);
    return 0;
}

static mm_head *load(const char *method)
{
    char path[128];
    mm_head *h;
    mm_err e = {0};
    snprintf(path, sizeof path, "tests/goldens/heads/%s.safetensors", method);
    if (mm_head_load(&h, path, &e) != MM_OK)
        fail_msg("%s", e.text);
    assert_string_equal(h->method->name, method);
    return h;
}

static void expect_row(const char *method, int i, const float *got, const json_t *want)
{
    for (size_t c = 0; c < json_array_size(want); c++) {
        double x = json_number_value(json_array_get(want, c));
        if (!(fabs(got[c] - x) < 2e-5 * fmax(1, fabs(x))))
            fail_msg("%s, sample %d, output %d: %.8g, PyTorch says %.8g", method, i, (int)c, (double)got[c], x);
    }
}

static void test_methods(void **state)
{
    world *w = *state;
    for (const mm_fuse_method *const *m = mm_fuse_methods(); *m; m++) {
        mm_head *h = load((*m)->name);
        mm_arena a = {0};
        mm_verdict v[N];
        mm_err e = {0};
        const json_t *want = json_object_get(w->expected, (*m)->name);
        if (mm_head_apply(v, h, w->all, N, NULL, &a, &e) != MM_OK)
            fail_msg("%s: %s", (*m)->name, e.text);
        for (int i = 0; i < N; i++) {
            const json_t *row = json_array_get(want, (size_t)i);
            if (h->task != MM_TASK_ALIGN) {
                expect_row((*m)->name, i, v[i].out, row);
                continue;
            }
            float towers[3 * 16] = {0};
            for (int k = 0; k < 3; k++)
                if (v[i].tower[k])
                    memcpy(towers + k * 16, v[i].tower[k], sizeof towers / 3);
            expect_row((*m)->name, i, towers, row);
        }
        mm_arena_free(&a);
        mm_head_free(h);
    }
}

/* A sample's result does not depend on what shares its batch. */
static void test_alone_is_the_same(void **state)
{
    world *w = *state;
    for (const mm_fuse_method *const *m = mm_fuse_methods(); *m; m++) {
        mm_head *h = load((*m)->name);
        mm_arena a = {0};
        mm_verdict v[N], alone;
        assert_int_equal(mm_head_apply(v, h, w->all, N, NULL, &a, NULL), MM_OK);
        for (int i = 0; i < N && h->outputs; i++) {
            assert_int_equal(mm_head_apply(&alone, h, w->all + i, 1, NULL, &a, NULL), MM_OK);
            assert_memory_equal(alone.out, v[i].out, (size_t)mm_head_out_width(h) * sizeof(float));
        }
        mm_arena_free(&a);
        mm_head_free(h);
    }
}

static void test_weights_are_shares_of_what_is_there(void **state)
{
    world *w = *state;
    const char *const methods[] = {"gated", "routing", "attention"};
    for (int k = 0; k < 3; k++) {
        mm_head *h = load(methods[k]);
        mm_arena a = {0};
        mm_verdict v[N];
        assert_int_equal(mm_head_apply(v, h, w->all, N, NULL, &a, NULL), MM_OK);
        for (int i = 0; i < N; i++) {
            float sum = 0;
            for (int m = 0; m < h->inputs; m++) {
                const mm_joined_part *p = mm_joined_find(w->all[i], mm_str_of(h->input[m].name));
                assert_true(p ? v[i].weights[m] > 0 : v[i].weights[m] == 0);
                sum += v[i].weights[m];
            }
            assert_true(fabsf(sum - 1) < 1e-5f);
        }
        mm_arena_free(&a);
        mm_head_free(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_alone_is_the_same),
        cmocka_unit_test(test_weights_are_shares_of_what_is_there),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
