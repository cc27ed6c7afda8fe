/* Heads that PyTorch wrote (tests/goldens/make_heads.py): loaded from a plain state_dict, they must say what the module
 * says, for samples that lack modalities and for several rows of one as well. */
#include "fuse/combine.h"
#include "fuse/dataset.h"
#include "fuse/head_result.h"
#include "model/safetensors.h"
#include "stream/object.h"
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
    mm_features joined[N];
    const mm_features *all[N];
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
        assert_int_equal(mm_features_of_sample(&w->joined[n], w->sample[n], &e), MM_OK);
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
        mm_head_result v[N];
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
            float projections[3 * 16] = {0};
            for (int k = 0; k < 3; k++)
                if (v[i].projection[k])
                    memcpy(projections + k * 16, v[i].projection[k], sizeof projections / 3);
            expect_row((*m)->name, i, projections, row);
        }
        mm_arena_free(&a);
        mm_head_free(h);
    }
}

static mm_node *all_outputs(const mm_head *h, mm_tape *t, const mm_fused *f)
{
    return h->task == MM_TASK_ALIGN ? mm_t_concat(t, f->projection, h->inputs) : f->out;
}

/* The gradients of the mean squared distance from the script's target, into the parameters. */
static void differentiate(mm_head *h, const mm_data *d)
{
    mm_tape *t;
    mm_arena a = {0};
    mm_fuse_batch b;
    mm_fused f = {0};
    mm_err e = {0};
    int32_t sample[N];
    for (int i = 0; i < N; i++)
        sample[i] = i;
    assert_int_equal(mm_tape_new(&t, NULL, true, &e), MM_OK);
    assert_int_equal(mm_data_batch(&b, d, h, sample, N, NULL, &a, &e), MM_OK);
    assert_int_equal(h->method->forward(h, t, &b, NULL, &f, &e), MM_OK);
    mm_node *out = all_outputs(h, t, &f);
    float *target = mm_tape_scratch(t, (size_t)(N * mm_cols(out)) * sizeof *target);
    for (int i = 0; i < N; i++)
        for (int c = 0; c < mm_cols(out); c++)
            target[i * mm_cols(out) + c] = (float)((7 * i + 3 * c) % 5) / 5;
    mm_backward(t, mm_t_mse(t, out, target), 1);
    assert_int_equal(mm_tape_error(t, &e), MM_OK);
    mm_tape_free(t);
    mm_arena_free(&a);
}

static void expect_gradients(const char *method, const mm_head *h, const mm_safetensors *want)
{
    for (int i = 0; i < h->params.n; i++) {
        const mm_param *p = h->params.p[i];
        const mm_named_tensor *w = mm_safetensors_find(want, p->name); /* NULL: autograd left it alone */
        const float *x = w ? w->t.data : NULL;
        double scale = 1e-3;
        for (int64_t k = 0; x && k < p->rows * p->cols; k++)
            scale = fmax(scale, fabs((double)x[k]));
        for (int64_t k = 0; k < p->rows * p->cols; k++)
            if (!(fabs((double)p->grad[k] - (x ? (double)x[k] : 0)) < 2e-5 * scale))
                fail_msg("%s: gradient of %s[%d] is %.8g, autograd says %.8g", method, p->name, (int)k,
                         (double)p->grad[k], x ? (double)x[k] : 0);
    }
    for (int64_t i = 0; i < mm_safetensors_count(want); i++)
        assert_non_null(mm_param_set_find(&h->params, mm_safetensors_at(want, i)->name));
}

static void read_samples(mm_dataset *set)
{
    mm_reader *in;
    mm_record rec;
    mm_arena a = {0};
    mm_err e;
    int fd = open("tests/goldens/heads/samples.mm", O_RDONLY);
    assert_int_equal(mm_reader_new(&in, fd, "samples.mm", &e), MM_OK);
    while (mm_reader_next(in, &a, &rec, &e) == MM_OK) {
        assert_int_equal(mm_dataset_add(set, &rec, NULL, &e), MM_OK);
        mm_arena_reset(&a);
    }
    mm_reader_free(in);
    mm_arena_free(&a);
    close(fd);
}

static void test_gradients(void **state)
{
    (void)state;
    mm_dataset *set;
    const mm_data *d;
    mm_err e;
    assert_int_equal(mm_dataset_new(&set, &e), MM_OK);
    read_samples(set);
    assert_int_equal(mm_dataset_finish(set, &d, &e), MM_OK);
    for (const mm_fuse_method *const *m = mm_fuse_methods(); *m; m++) {
        char path[128];
        mm_safetensors *want;
        mm_head *h = load((*m)->name);
        snprintf(path, sizeof path, "tests/goldens/heads/gradients/%s.safetensors", (*m)->name);
        assert_int_equal(mm_safetensors_open(&want, path, &e), MM_OK);
        differentiate(h, d);
        expect_gradients((*m)->name, h, want);
        mm_safetensors_close(want);
        mm_head_free(h);
    }
    mm_dataset_free(set);
}

/* A sample's result does not depend on what shares its batch. */
static void test_alone_is_the_same(void **state)
{
    world *w = *state;
    for (const mm_fuse_method *const *m = mm_fuse_methods(); *m; m++) {
        mm_head *h = load((*m)->name);
        mm_arena a = {0};
        mm_head_result v[N], alone;
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
        mm_head_result v[N];
        assert_int_equal(mm_head_apply(v, h, w->all, N, NULL, &a, NULL), MM_OK);
        for (int i = 0; i < N; i++) {
            float sum = 0;
            for (int m = 0; m < h->inputs; m++) {
                const mm_modality_rows *p = mm_features_find(w->all[i], mm_str_of(h->input[m].name));
                assert_true(p ? v[i].weights[m] > 0 : v[i].weights[m] == 0);
                sum += v[i].weights[m];
            }
            assert_true(fabsf(sum - 1) < 1e-5f);
        }
        mm_arena_free(&a);
        mm_head_free(h);
    }
}

/* What one modality of a sample says by itself, its discount taken back: p(A) = (mass(A) − (1 − r) / C) / r. */
static void alone(double *p, const mm_head *h, const mm_features *j, int m, double r, mm_arena *a)
{
    mm_features one = *j;
    const mm_features *all[] = {&one};
    mm_head_result v;
    int64_t classes = mm_head_out_width(h);
    one.of[0] = *mm_features_find(j, mm_str_of(h->input[m].name));
    one.n = 1;
    assert_int_equal(mm_head_apply(&v, h, all, 1, NULL, a, NULL), MM_OK);
    for (int64_t c = 0; c < classes; c++)
        p[c] = (exp((double)v.out[c]) - (1 - r) / (double)classes) / r;
}

/* A dempster head's label tells the conflict that evidence.h finds between what its modalities say alone. */
static void test_conflict_is_told(void **state)
{
    world *w = *state;
    mm_head *h = load("dempster");
    const mm_param *reliability = mm_param_set_find(&h->params, "reliability");
    mm_arena a = {0};
    mm_head_result v[N];
    double most = 0;
    assert_int_equal(mm_head_apply(v, h, w->all, N, NULL, &a, NULL), MM_OK);
    for (int i = 0; i < N; i++) {
        double p[3][3], r[3], mass[3], told;
        const double *source[3];
        mm_record rec;
        int n = 0;
        for (int m = 0; m < h->inputs; m++) {
            if (!mm_features_find(w->all[i], mm_str_of(h->input[m].name)))
                continue;
            r[n] = 1 / (1 + exp(-(double)reliability->value[m]));
            alone(p[n], h, w->all[i], m, r[n], &a);
            source[n] = p[n];
            n++;
        }
        double want = mm_combine_evidence(mass, source, r, n, 3, MM_RULE_DEMPSTER).conflict;
        assert_int_equal(mm_head_result_label(&rec, &v[i], h, 0, &a, NULL), MM_OK);
        const msgpack_object *conflict = mm_map_get(&rec.meta, "conflict");
        assert_non_null(conflict);
        assert_true(mm_object_float(conflict, &told));
        assert_true(fabs(told - want) < 1e-5);
        most = fmax(most, told);
    }
    assert_true(most > 0.05); /* they do not all agree */
    mm_arena_free(&a);
    mm_head_free(h);
}

/* A head whose parameters do not change any more says the same, to the bit. */
static void test_settled_is_the_same(void **state)
{
    world *w = *state;
    for (const mm_fuse_method *const *m = mm_fuse_methods(); *m; m++) {
        mm_head *h = load((*m)->name);
        mm_arena a = {0};
        mm_head_result before[N], after[N];
        mm_err e = {0};
        assert_int_equal(mm_head_apply(before, h, w->all, N, NULL, &a, &e), MM_OK);
        assert_int_equal(mm_param_set_settle(&h->params, &e), MM_OK);
        assert_int_equal(mm_head_apply(after, h, w->all, N, NULL, &a, &e), MM_OK);
        for (int i = 0; i < N; i++) {
            assert_int_equal(after[i].width, before[i].width);
            if (before[i].fused)
                assert_memory_equal(after[i].fused, before[i].fused, (size_t)before[i].width * sizeof(float));
            if (before[i].out)
                assert_memory_equal(after[i].out, before[i].out, (size_t)mm_head_out_width(h) * sizeof(float));
            for (int k = 0; k < h->inputs; k++)
                if (before[i].projection[k])
                    assert_memory_equal(after[i].projection[k], before[i].projection[k],
                                        (size_t)before[i].width * sizeof(float));
        }
        mm_arena_free(&a);
        mm_head_free(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_methods),           cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_alone_is_the_same), cmocka_unit_test(test_weights_are_shares_of_what_is_there),
        cmocka_unit_test(test_conflict_is_told),  cmocka_unit_test(test_settled_is_the_same),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
