/* L-BFGS on a function with a known minimum, and as logistic and linear regression against scikit-learn's
 * (tests/goldens/make_logistic.py, make_linear.py). */
#include "fuse/head_result.h"
#include "train/lbfgs.h"
#include "train/standardise.h"
#include "train/train.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* Rosenbrock's valley: lowest, 0, at (1, 1). */
static mm_status valley(void *ctx, const double *x, double *f, double *g, mm_err *e)
{
    (void)e;
    ++*(int *)ctx;
    double a = 1 - x[0], b = x[1] - x[0] * x[0];
    *f = a * a + 100 * b * b;
    g[0] = -2 * a - 400 * x[0] * b;
    g[1] = 200 * b;
    return MM_OK;
}

static void test_valley(void **state)
{
    (void)state;
    const double start[2] = {-1.2, 1};
    mm_lbfgs *m;
    mm_status s;
    int calls = 0;
    assert_int_equal(mm_lbfgs_new(&m, 2, start, valley, &calls, NULL), MM_OK);
    while ((s = mm_lbfgs_step(m, 1e-9, NULL)) == MM_OK)
        assert_true(calls < 500);
    assert_int_equal(s, MM_EOF);
    assert_true(fabs(mm_lbfgs_x(m)[0] - 1) < 1e-6 && fabs(mm_lbfgs_x(m)[1] - 1) < 1e-6);
    assert_true(mm_lbfgs_value(m) < 1e-12);
    assert_in_range(calls, 20, 200); /* steepest descent takes thousands */
    mm_lbfgs_free(m);
}

/* The samples of a case, in units of 1 / scale; without "y" as numbers they are classes. */
static mm_dataset *data_of(const json_t *c, double scale, const mm_data **view)
{
    mm_dataset *d;
    const json_t *x = json_object_get(c, "x"), *y = json_object_get(c, "y");
    assert_int_equal(mm_dataset_new(&d, NULL), MM_OK);
    for (size_t i = 0; i < json_array_size(x); i++) {
        float row[64];
        char key[32], label[32];
        size_t width = json_array_size(json_array_get(x, i));
        for (size_t k = 0; k < width; k++)
            row[k] = (float)(scale * json_number_value(json_array_get(json_array_get(x, i), k)));
        snprintf(key, sizeof key, "s%03zu", i);
        snprintf(label, sizeof label, "%d", (int)json_integer_value(json_array_get(y, i)));
        mm_record r = mm_record_new(MM_KIND_FEATURE);
        r.key = mm_str_of(key);
        r.of = MM_STR("image");
        r.has_tensor = true;
        r.tensor = (mm_tensor){{MM_F32, 1, {(int64_t)width}}, row};
        r.label = mm_object_str(mm_str_of(label));
        if (json_is_real(json_array_get(y, i)))
            r.label =
                (msgpack_object){.type = MSGPACK_OBJECT_FLOAT64, .via.f64 = json_number_value(json_array_get(y, i))};
        assert_int_equal(mm_dataset_add(d, &r, NULL, NULL), MM_OK);
    }
    assert_int_equal(mm_dataset_finish(d, view, NULL), MM_OK);
    return d;
}

/* Two classes are one weight vector in scikit-learn and two that mirror each other here, whose squares are half. */
static double penalty_of(const json_t *c)
{
    return (json_integer_value(json_object_get(c, "classes")) == 2 ? 2 : 1) /
           json_number_value(json_object_get(c, "C"));
}

static void assert_same_probabilities(const mm_head *h, const mm_data *d, const mm_split *split, const json_t *want)
{
    mm_arena a = {0};
    mm_fuse_batch b;
    mm_fused f = {0};
    mm_tape *t;
    int64_t classes = h->output[0].width;
    assert_int_equal(mm_tape_new(&t, NULL, false, NULL), MM_OK);
    assert_int_equal(mm_data_batch(&b, d, h, split->train, split->n_train, NULL, &a, NULL), MM_OK);
    assert_int_equal(h->method->forward(h, t, &b, NULL, &f, NULL), MM_OK);
    mm_node *p = mm_t_softmax(t, f.out, NULL);
    for (int i = 0; i < split->n_train; i++)
        for (int64_t c = 0; c < classes; c++)
            assert_true(fabs((double)mm_value(p)[i * classes + c] -
                             json_number_value(json_array_get(json_array_get(want, (size_t)i), (size_t)c))) < 2e-4);
    mm_tape_free(t);
    mm_arena_free(&a);
}

/* Trains on all samples, to the minimum, and gives the head. */
static mm_head *regression(const mm_data *d, mm_task task, float penalty, mm_split *split, mm_arena *a)
{
    bool classes = task == MM_TASK_CLASSIFY;
    mm_head *h, like = {.method = mm_fuse_method_of("linear"),
                        .task = task,
                        .inputs = 1,
                        .outputs = 1,
                        .hidden = 1,
                        .heads = 1,
                        .iterations = 1};
    like.input[0] = (mm_head_input){.name = "image", .width = d->modality[0].width};
    like.output[0] = (mm_head_output){.name = "label",
                                      .classes = classes ? d->field[0].classes : NULL,
                                      .width = classes ? d->field[0].count : 1,
                                      .temperature = 1};
    mm_train_opts o = mm_train_defaults();
    o.solver = MM_SOLVER_LBFGS;
    o.epochs = 500;
    o.weight_decay = penalty;
    assert_int_equal(mm_head_new(&h, &like, 1, NULL), MM_OK);
    assert_int_equal(mm_split_groups(split, d, mm_usable_samples(d, h, a), NULL, 0, 1, a, NULL), MM_OK);
    assert_int_equal(split->n_train, d->n);
    assert_int_equal(mm_standardise(h, d, split, NULL), MM_OK);
    assert_int_equal(mm_train(h, d, split, &o, NULL, NULL, NULL, NULL), MM_OK);
    return h;
}

/* In any unit, from a billionth to a billion, the probabilities are scikit-learn's. */
static void test_logistic_regression(void **state)
{
    (void)state;
    static const double scales[] = {1, 1e-9, 1e9, 1e-30, 1e30};
    json_t *all = json_load_file("tests/goldens/logistic.json", 0, NULL), *c;
    size_t k;
    assert_int_equal(json_array_size(all), 2);
    json_array_foreach(all, k, c)
    {
        for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
            const mm_data *d;
            mm_dataset *set = data_of(c, scales[i], &d);
            mm_arena a = {0};
            mm_split split;
            mm_head *h = regression(d, MM_TASK_CLASSIFY, (float)penalty_of(c), &split, &a);
            assert_same_probabilities(h, d, &split, json_object_get(c, "proba"));
            mm_head_free(h);
            mm_arena_free(&a);
            mm_dataset_free(set);
        }
    }
    json_decref(all);
}

/* What the head says of sample i of the batch, as a label record would carry it. */
static double number_of(const mm_head *h, const mm_node *out, int i)
{
    mm_arena a = {0};
    mm_record rec;
    mm_features j = {.key = MM_STR("k"), .part = -1, .label = {.type = MSGPACK_OBJECT_NIL}};
    mm_head_result v = {.features = &j, .out = mm_value((mm_node *)out) + i};
    assert_int_equal(mm_head_result_label(&rec, &v, h, 0, &a, NULL), MM_OK);
    assert_int_equal(rec.label.type, MSGPACK_OBJECT_FLOAT64);
    mm_arena_free(&a);
    return rec.label.via.f64;
}

static void assert_same_numbers(const mm_head *h, const mm_data *d, const mm_split *split, const json_t *c)
{
    mm_arena a = {0};
    mm_fuse_batch b;
    mm_fused f = {0};
    mm_tape *t;
    double spread = json_number_value(json_object_get(c, "spread"));
    assert_int_equal(mm_tape_new(&t, NULL, false, NULL), MM_OK);
    assert_int_equal(mm_data_batch(&b, d, h, split->train, split->n_train, NULL, &a, NULL), MM_OK);
    assert_int_equal(h->method->forward(h, t, &b, NULL, &f, NULL), MM_OK);
    for (int i = 0; i < split->n_train; i++) {
        double want = json_number_value(json_array_get(json_object_get(c, "said"), (size_t)i)),
               got = number_of(h, f.out, i);
        if (!(fabs(got - want) < 1e-3 * spread))
            fail_msg("sample %d: %.17g, scikit-learn has %.17g", i, got, want);
    }
    mm_tape_free(t);
    mm_arena_free(&a);
}

/* Targets of any size: a time in seconds since 1970 with tens of them between samples. */
static void test_linear_regression(void **state)
{
    (void)state;
    char path[] = "/tmp/test_lbfgs_XXXXXX";
    json_t *all = json_load_file("tests/goldens/linear.json", 0, NULL), *c;
    size_t k;
    close(mkstemp(path));
    assert_int_equal(json_array_size(all), 5);
    json_array_foreach(all, k, c)
    {
        const mm_data *d;
        mm_dataset *set = data_of(c, 1, &d);
        mm_arena a = {0};
        mm_split split;
        mm_head *h = regression(d, MM_TASK_REGRESS, 0, &split, &a), *back;
        assert_same_numbers(h, d, &split, c);
        assert_int_equal(mm_head_save(h, path, NULL), MM_OK);
        mm_err e = {0};
        if (mm_head_load(&back, path, &e) != MM_OK)
            fail_msg("%s", e.text);
        assert_same_numbers(back, d, &split, c);
        mm_head_free(h);
        mm_head_free(back);
        mm_arena_free(&a);
        mm_dataset_free(set);
    }
    unlink(path);
    json_decref(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valley),
        cmocka_unit_test(test_logistic_regression),
        cmocka_unit_test(test_linear_regression),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
