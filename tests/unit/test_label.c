/* Cosine search, votes and names against plain definitions. */
#include "label/output.h"
#include "label/search.h"
#include "label/vector.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static float value(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
    return (float)(int32_t)(*state >> 32) / 2147483648.0f;
}

/* References and queries of unit length, every seventh reference a copy of an earlier one: exact ties. */
static void make(mm_refs *r, int64_t n, int64_t dim, int labels)
{
    uint64_t state = 1;
    mm_err e;
    for (int64_t i = 0; i < n; i++) {
        float v[100];
        char name[16], key[16];
        for (int64_t d = 0; d < dim; d++)
            v[d] = value(&state);
        if (i % 7 == 6)
            memcpy(v, r->row + (i - 5) * r->stride, (size_t)dim * sizeof *v);
        mm_record rec = mm_record_new(MM_KIND_FEATURE);
        snprintf(name, sizeof name, "l%d", (int)(i * 31 % labels));
        snprintf(key, sizeof key, "k%d", (int)i);
        rec.key = mm_str_of(key);
        rec.space = MM_STR("s");
        rec.has_tensor = true;
        rec.tensor.data = v;
        assert_int_equal(mm_shape_make(&rec.tensor.s, MM_F32, 1, &dim, &e), MM_OK);
        assert_int_equal(mm_refs_add(r, &rec, mm_str_of(name), &e), MM_OK);
    }
    assert_int_equal(mm_refs_sort_labels(r, &e), MM_OK);
}

static void dot_products(mm_dot_kernel *dot)
{
    enum { A = 7, B = 9, STRIDE = 48 };
    static float a[A * STRIDE], b[B * STRIDE], out[B * 8], one;
    uint64_t state = 3;
    for (int i = 0; i < A * STRIDE; i++)
        a[i] = value(&state);
    for (int i = 0; i < B * STRIDE; i++)
        b[i] = value(&state);
    dot(out, 8, a, A, b, B, STRIDE);
    for (int j = 0; j < B; j++)
        for (int i = 0; i < A; i++) {
            double want = 0;
            for (int d = 0; d < STRIDE; d++)
                want += (double)a[i * STRIDE + d] * b[j * STRIDE + d];
            assert_true(fabs(out[j * 8 + i] - want) < 1e-5);
            dot(&one, 1, a + i * STRIDE, 1, b + j * STRIDE, 1, STRIDE);
            assert_true(one == out[j * 8 + i]); /* to the bit, whatever stood beside it */
        }
}

static void kernels(void **state)
{
    (void)state;
    dot_products(mm_dot_portable);
    if (mm_dot_best() != mm_dot_portable)
        dot_products(mm_dot_best());
}

/* The definition: sort all rows by (cosine, row). */
static void check_near(const mm_near *near, int k, const mm_refs *r, const float *query, mm_str skip)
{
    bool *taken = calloc((size_t)r->n, 1);
    for (int i = 0; i < k; i++) {
        mm_near best = {-1, 0};
        for (int64_t row = 0; row < r->n; row++) {
            float c;
            mm_dot_best()(&c, 1, r->row + row * r->stride, 1, query, 1, r->stride);
            if (!taken[row] && !mm_str_eq(skip, r->key[row]) && (best.row < 0 || c > best.cosine))
                best = (mm_near){row, c};
        }
        assert_int_equal(near[i].row, best.row);
        if (best.row < 0)
            continue;
        assert_true(near[i].cosine == best.cosine);
        taken[best.row] = true;
    }
    free(taken);
}

static void nearest(void **state)
{
    (void)state;
    static const struct {
        int64_t n, dim;
        int q, k, threads;
    } cases[] = {{1, 1, 1, 1, 1}, {5, 3, 2, 5, 2}, {1023, 20, 17, 8, 1}, {3100, 33, 5, 40, 3}, {2049, 16, 33, 1, 4}};
    mm_err e;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        mm_refs r = {0};
        mm_threads *pool;
        make(&r, cases[c].n, cases[c].dim, 5);
        int q = cases[c].q, k = cases[c].k;
        mm_str *skip = calloc((size_t)q, sizeof *skip);
        for (int j = 0; j < q; j++)
            skip[j] = r.key[j % r.n];
        mm_near *near = calloc((size_t)(q * k), sizeof *near);
        const float *query = r.row; /* the first rows ask for their neighbours */
        int asked = q < r.n ? q : (int)r.n;
        assert_int_equal(mm_threads_new(&pool, cases[c].threads, &e), MM_OK);
        for (int with_skip = 0; with_skip < 2; with_skip++) {
            assert_int_equal(mm_search(near, k, &r, query, asked, with_skip ? skip : NULL, pool, &e), MM_OK);
            for (int j = 0; j < asked; j++)
                check_near(near + j * k, k, &r, query + j * r.stride, with_skip ? skip[j] : (mm_str){"none", 4});
        }
        mm_threads_free(pool);
        free(near);
        free(skip);
        mm_refs_free(&r);
    }
}

static void votes(void **state)
{
    (void)state;
    mm_refs r = {0};
    make(&r, 10, 4, 5); /* row i has label (31 i) mod 5 = i mod 5 */
    mm_vote v[8];
    const mm_near tie[] = {{4, 0.9f}, {3, 0.8f}, {9, 0.5f}, {8, 0.25f}, {-1, 0}};
    assert_int_equal(mm_vote_near(v, tie, 5, &r, MM_VOTE_MAJORITY), 2);
    assert_int_equal(v[0].label, 3); /* two each: the first by name */
    assert_true(v[0].score == 0.5 && v[1].score == 0.5);
    assert_int_equal(mm_vote_near(v, tie, 5, &r, MM_VOTE_SIMILARITY), 2);
    assert_int_equal(v[0].label, 4);
    assert_true(fabs(v[0].score - 1.4 / 2.45) < 1e-6);
    const mm_near far[] = {{1, -0.1f}, {2, -0.2f}};
    assert_int_equal(mm_vote_near(v, far, 2, &r, MM_VOTE_SIMILARITY), 2); /* nothing similar: they count alike */
    assert_true(v[0].score == 0.5 && v[0].label == 1);
    assert_int_equal(mm_vote_near(v, far, 0, &r, MM_VOTE_MAJORITY), 0);
    /* a search: each label once, with its nearest's cosine, near or far */
    const mm_near hits[] = {{4, 0.9f}, {3, 0.8f}, {9, 0.5f}, {1, -0.25f}, {-1, 0}};
    assert_int_equal(mm_vote_nearest(v, hits, 5, &r), 3);
    assert_true(v[0].label == 4 && v[0].score == (double)0.9f && v[1].label == 3 && v[2].label == 1 &&
                v[2].score == -0.25);
    mm_refs_free(&r);
}

static void many_names(void **state)
{
    (void)state;
    mm_name_ids t = {0};
    mm_err e;
    int32_t at;
    char name[16];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 20000; i++) {
            snprintf(name, sizeof name, "n%d", i);
            assert_int_equal(mm_name_id(&t, mm_str_of(name), &at, &e), MM_OK);
            assert_int_equal(at, i);
        }
    assert_int_equal(mm_name_id(&t, (mm_str){"", 0}, &at, &e), MM_OK);
    assert_int_equal(at, 20000);
    mm_name_ids_free(&t);
}

static void cuts(void **state)
{
    (void)state;
    mm_scored_label g[] = {{MM_STR("a"), 0.6}, {MM_STR("b"), 0.3}, {MM_STR("c"), 0.1}}, one[1];
    assert_int_equal(mm_scored_cut(g, 3, 5, 0, MM_STR("?")), 3);
    assert_int_equal(mm_scored_cut(g, 3, 2, 0, MM_STR("?")), 2);
    assert_int_equal(mm_scored_cut(g, 3, 3, 0.3, MM_STR("?")), 2);
    assert_int_equal(mm_scored_cut(g, 3, 3, 0.7, MM_STR("?")), 1);
    assert_true(mm_str_is(g[0].name, "?") && g[0].score == 0.6);
    assert_int_equal(mm_scored_cut(one, 0, 3, 0, MM_STR("?")), 1);
    assert_true(mm_str_is(one[0].name, "?"));
}

static void refused(void **state)
{
    (void)state;
    mm_refs r = {0};
    mm_err e;
    make(&r, 3, 4, 2);
    float v[] = {1, 2, 3, NAN};
    mm_record rec = mm_record_new(MM_KIND_FEATURE);
    rec.key = MM_STR("k");
    rec.space = MM_STR("other");
    rec.has_tensor = true;
    rec.tensor = (mm_tensor){{MM_F32, 1, {4}}, v};
    assert_int_equal(mm_refs_add(&r, &rec, MM_STR("l"), &e), MM_FATAL);
    assert_non_null(strstr(e.text, "space other"));
    assert_non_null(strstr(e.text, "space s"));
    rec.space = MM_STR("s");
    assert_int_equal(mm_refs_add(&r, &rec, MM_STR("l"), &e), MM_SKIP);
    assert_non_null(strstr(e.text, "not finite"));
    rec.tensor.s.dim[0] = 3;
    assert_int_equal(mm_refs_add(&r, &rec, MM_STR("l"), &e), MM_SKIP);
    assert_non_null(strstr(e.text, "3 dimensions among vectors of 4"));
    rec.tensor.s = (mm_shape){MM_F32, 2, {2, 2}};
    assert_int_equal(mm_refs_add(&r, &rec, MM_STR("l"), &e), MM_SKIP);
    assert_int_equal(e.hint, MM_HINT_POOL);
    assert_int_equal(r.n, 3);
    mm_refs_free(&r);
}

static void json_text(void **state)
{
    (void)state;
    static const struct {
        mm_str in;
        const char *out;
    } cases[] = {{{"ok\xc3\xa9", 4}, "ok\xc3\xa9"}, {{"a\xff\xc3", 3}, "a\xef\xbf\xbd\xef\xbf\xbd"}, {{0}, ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *j = mm_json_text(cases[i].in);
        assert_string_equal(json_string_value(j), cases[i].out);
        json_decref(j);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels), cmocka_unit_test(nearest), cmocka_unit_test(votes),     cmocka_unit_test(many_names),
        cmocka_unit_test(cuts),    cmocka_unit_test(refused), cmocka_unit_test(json_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
