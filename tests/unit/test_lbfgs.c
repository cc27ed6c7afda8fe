/* L-BFGS on a function with a known minimum, and as logistic regression against scikit-learn's
 * (tests/goldens/make_logistic.py). */
#include "train/lbfgs.h"
#include "train/train.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

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

static mm_dataset *data_of(const json_t *c, const mm_data **view)
{
    mm_dataset *d;
    const json_t *x = json_object_get(c, "x"), *y = json_object_get(c, "y");
    assert_int_equal(mm_dataset_new(&d, NULL), MM_OK);
    for (size_t i = 0; i < json_array_size(x); i++) {
        float row[64];
        char key[32], label[32];
        size_t width = json_array_size(json_array_get(x, i));
        for (size_t k = 0; k < width; k++)
            row[k] = (float)json_number_value(json_array_get(json_array_get(x, i), k));
        snprintf(key, sizeof key, "s%03zu", i);
        snprintf(label, sizeof label, "%d", (int)json_integer_value(json_array_get(y, i)));
        mm_record r = mm_record_new(MM_KIND_FEATURE);
        r.key = mm_str_of(key);
        r.of = MM_STR("image");
        r.has_tensor = true;
        r.tensor = (mm_tensor){{MM_F32, 1, {(int64_t)width}}, row};
        r.label = mm_object_str(mm_str_of(label));
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

static void test_logistic_regression(void **state)
{
    (void)state;
    json_t *all = json_load_file("tests/goldens/logistic.json", 0, NULL), *c;
    size_t k;
    assert_int_equal(json_array_size(all), 2);
    json_array_foreach(all, k, c)
    {
        const mm_data *d;
        mm_dataset *set = data_of(c, &d);
        mm_arena a = {0};
        mm_split split;
        mm_head *h, like = {.method = mm_fuse_method_of("linear"), .task = MM_TASK_CLASSIFY, .inputs = 1, .outputs = 1};
        like.input[0] = (mm_head_input){.name = "image", .width = d->modality[0].width};
        like.output[0] = (mm_head_output){"label", d->field[0].classes, d->field[0].count, 1};
        mm_train_opts o = mm_train_defaults();
        o.solver = MM_SOLVER_LBFGS;
        o.epochs = 500;
        o.weight_decay = (float)penalty_of(c);
        assert_int_equal(mm_head_new(&h, &like, 1, NULL), MM_OK);
        uint8_t *usable = mm_usable_samples(d, h, &a);
        assert_int_equal(mm_split_groups(&split, d, usable, NULL, 0, 1, &a, NULL), MM_OK);
        assert_int_equal(split.n_train, d->n);
        assert_int_equal(mm_standardise(h, d, &split, NULL), MM_OK);
        assert_int_equal(mm_train(h, d, &split, &o, NULL, NULL, NULL, NULL), MM_OK);
        assert_same_probabilities(h, d, &split, json_object_get(c, "proba"));
        mm_head_free(h);
        mm_arena_free(&a);
        mm_dataset_free(set);
    }
    json_decref(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valley),
        cmocka_unit_test(test_logistic_regression),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
