/* Heads and training: every method learns a problem that needs both modalities, survives a round trip through its file,
 * and gives the same bits at any number of threads and after an interruption. */
#include "train/convergence.h"
#include "train/standardise.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { SAMPLES = 400, IMAGE = 6, TEXT = 4, FRAMES = 3 };

static mm_record feature(const char *key, const char *of, const float *x, int64_t rows, int64_t width,
                         const char *label)
{
    mm_record r = mm_record_new(MM_KIND_FEATURE);
    r.key = mm_str_of(key);
    r.of = mm_str_of(of);
    r.space = MM_STR("test");
    r.has_tensor = true;
    r.tensor = (mm_tensor){{MM_F32, rows > 1 ? 2 : 1, {rows > 1 ? rows : width, width}}, x};
    if (label)
        r.label = mm_object_str(mm_str_of(label));
    return r;
}

/* The class is the sign of image[0] + text[0]: neither modality alone tells it. Every tenth sample lacks its text. */
static mm_dataset *make_data(const mm_data **view)
{
    mm_dataset *d;
    mm_rng r = {.state = 11};
    assert_int_equal(mm_dataset_new(&d, NULL), MM_OK);
    for (int i = 0; i < SAMPLES; i++) {
        char key[32];
        float image[IMAGE], text[FRAMES * TEXT];
        for (int c = 0; c < IMAGE; c++)
            image[c] = (float)(2 * mm_rng_uniform(&r) - 1);
        for (int c = 0; c < FRAMES * TEXT; c++)
            text[c] = (float)(2 * mm_rng_uniform(&r) - 1);
        for (int f = 1; f < FRAMES; f++)
            text[f * TEXT] = text[0]; /* all frames agree on what counts */
        bool whole = i % 10 != 0;
        snprintf(key, sizeof key, "speaker%d/%03d", i % 40, i);
        mm_record a = feature(key, "image", image, 1, IMAGE, image[0] + (whole ? text[0] : 0) > 0 ? "up" : "down");
        mm_record b = feature(key, "text", text, FRAMES, TEXT, NULL);
        assert_int_equal(mm_dataset_add(d, &a, NULL, NULL), MM_OK);
        if (whole)
            assert_int_equal(mm_dataset_add(d, &b, NULL, NULL), MM_OK);
    }
    assert_int_equal(mm_dataset_finish(d, view, NULL), MM_OK);
    return d;
}

static mm_head *make_head(const mm_data *d, const char *method)
{
    mm_err e = {0};
    bool align = strcmp(method, "align") == 0;
    mm_head like = {.method = mm_fuse_method_of(method),
                    .task = align ? MM_TASK_ALIGN : MM_TASK_CLASSIFY,
                    .inputs = 2,
                    .outputs = align ? 0 : 1,
                    .hidden = 16,
                    .heads = 4,
                    .iterations = 3,
                    .dropout = 0.1f};
    like.input[0] = (mm_head_input){.name = "image", .width = IMAGE, .space = "test"};
    like.input[1] = (mm_head_input){.name = "text", .width = TEXT, .space = "test"};
    like.output[0] = (mm_head_output){.name = "label", .classes = d->field[0].classes, .width = 2, .temperature = 1};
    mm_head *h;
    if (mm_head_new(&h, &like, 3, &e) != MM_OK)
        fail_msg("%s: %s", method, e.text);
    return h;
}

typedef struct {
    double metric;
    int stop_after;
} watcher;

static bool watch(void *ctx, const mm_epoch *row)
{
    watcher *w = ctx;
    w->metric = row->metric;
    return row->epoch != w->stop_after;
}

static mm_head *trained(const mm_data *d, const char *method, int threads, const char *checkpoint, int stop_after,
                        double *metric)
{
    mm_arena a = {0};
    mm_split split;
    mm_threads *pool;
    mm_err e = {0};
    watcher w = {NAN, stop_after};
    mm_head *h = make_head(d, method);
    mm_train_opts o = mm_train_defaults();
    o.epochs = 40;
    o.batch = 16;
    o.accumulate = 2;
    o.lr = 1e-2f;
    o.patience = 0;
    o.modality_dropout = 0.05f;
    o.checkpoint = checkpoint;
    assert_int_equal(mm_threads_new(&pool, threads, NULL), MM_OK);
    assert_int_equal(mm_split_groups(&split, d, mm_usable_samples(d, h, &a), "^[^/]*", 0.25, 1, &a, NULL), MM_OK);
    assert_int_equal(mm_standardise(h, d, &split, NULL), MM_OK);
    mm_status s = mm_train(h, d, &split, &o, pool, watch, &w, &e);
    if (s != (stop_after ? MM_EOF : MM_OK))
        fail_msg("%s: %s", method, e.text);
    if (metric)
        *metric = w.metric;
    mm_threads_free(pool);
    mm_arena_free(&a);
    return h;
}

static void assert_same_params(const mm_head *a, const mm_head *b)
{
    assert_int_equal(a->params.n, b->params.n);
    for (int i = 0; i < a->params.n; i++) {
        const mm_param *p = a->params.p[i], *q = b->params.p[i];
        assert_string_equal(p->name, q->name);
        assert_memory_equal(p->value, q->value, (size_t)(p->rows * p->cols) * sizeof(float));
    }
}

static void test_every_method_learns(void **state)
{
    (void)state;
    const mm_data *d;
    mm_dataset *set = make_data(&d);
    for (const mm_fuse_method *const *m = mm_fuse_methods(); *m; m++) {
        if (strcmp((*m)->name, "align") == 0)
            continue; /* the towers have nothing in common to find in this data */
        double metric;
        mm_head *h = trained(d, (*m)->name, 1, NULL, 0, &metric);
        /* evidence combines judgements made apart: it cannot see a sum of two inputs' signs as well as the others */
        double bar = strcmp((*m)->name, "dempster") == 0 ? 0.75 : 0.85;
        if (!(metric >= bar))
            fail_msg("%s: validation accuracy %.3f", (*m)->name, metric);
        mm_head_free(h);
    }
    mm_dataset_free(set);
}

static void test_split_keeps_groups_together(void **state)
{
    (void)state;
    const mm_data *d;
    mm_dataset *set = make_data(&d);
    mm_arena a = {0};
    mm_split split;
    mm_head *h = make_head(d, "mlp");
    assert_int_equal(mm_split_groups(&split, d, mm_usable_samples(d, h, &a), "^[^/]*", 0.25, 1, &a, NULL), MM_OK);
    assert_int_equal(split.n_train + split.n_valid, SAMPLES);
    assert_in_range(split.n_valid, SAMPLES / 5, SAMPLES * 3 / 10);
    for (int i = 0; i < split.n_valid; i++)
        for (int j = 0; j < split.n_train; j++) /* keys are speakerN/NNN: the group ends at the slash */
            assert_true(strncmp(d->key[split.valid[i]], d->key[split.train[j]],
                                (size_t)(strchr(d->key[split.valid[i]], '/') - d->key[split.valid[i]]) + 1) != 0);
    mm_head_free(h);
    mm_arena_free(&a);
    mm_dataset_free(set);
}

static void test_file_round_trip(void **state)
{
    (void)state;
    const mm_data *d;
    mm_dataset *set = make_data(&d);
    char path[] = "/tmp/test_train_XXXXXX";
    close(mkstemp(path));
    for (const mm_fuse_method *const *m = mm_fuse_methods(); *m; m++) {
        mm_err e = {0};
        mm_head *h = make_head(d, (*m)->name), *back;
        const float mean[IMAGE] = {1, 2, 3, 4, 5, 6}, std[IMAGE] = {1, 1, 2, 2, 3, 3};
        h->input[0].mean = mean;
        h->input[0].std = std;
        h->output[0].temperature = 1.5f;
        if (mm_head_save(h, path, &e) != MM_OK || mm_head_load(&back, path, &e) != MM_OK)
            fail_msg("%s: %s", (*m)->name, e.text);
        assert_ptr_equal(back->method, *m);
        assert_same_params(h, back);
        assert_memory_equal(back->input[0].mean, mean, sizeof mean);
        assert_null(back->input[1].mean);
        assert_string_equal(back->input[1].space, "test");
        if (back->outputs) {
            assert_string_equal(back->output[0].classes[1], "up");
            assert_true(back->output[0].temperature == 1.5f);
        }
        mm_head_free(h);
        mm_head_free(back);
    }
    unlink(path);
    mm_dataset_free(set);
}

static void test_same_bits(void **state)
{
    (void)state;
    const mm_data *d;
    mm_dataset *set = make_data(&d);
    char path[] = "/tmp/test_train_XXXXXX";
    close(mkstemp(path));
    unlink(path);
    mm_head *one = trained(d, "gated", 1, NULL, 0, NULL), *three = trained(d, "gated", 3, NULL, 0, NULL);
    assert_same_params(one, three);
    mm_head_free(trained(d, "gated", 1, path, 7, NULL)); /* interrupted behind epoch 7 */
    mm_head *resumed = trained(d, "gated", 1, path, 0, NULL);
    assert_same_params(one, resumed);
    assert_true(one->output[0].temperature == resumed->output[0].temperature);
    unlink(path);
    mm_head_free(one);
    mm_head_free(three);
    mm_head_free(resumed);
    mm_dataset_free(set);
}

static void test_other_training_is_refused(void **state)
{
    (void)state;
    const mm_data *d;
    mm_dataset *set = make_data(&d);
    mm_arena a = {0};
    mm_split split;
    mm_err e = {0};
    char path[] = "/tmp/test_train_XXXXXX";
    close(mkstemp(path));
    unlink(path);
    mm_head_free(trained(d, "mlp", 1, path, 2, NULL));
    mm_head *h = make_head(d, "mlp");
    mm_train_opts o = mm_train_defaults();
    o.checkpoint = path;
    assert_int_equal(mm_split_groups(&split, d, mm_usable_samples(d, h, &a), NULL, 0.2, 1, &a, NULL), MM_OK);
    assert_int_equal(mm_train(h, d, &split, &o, NULL, NULL, NULL, &e), MM_FATAL);
    assert_non_null(strstr(e.text, "other data or options"));
    unlink(path);
    mm_head_free(h);
    mm_arena_free(&a);
    mm_dataset_free(set);
}

/* What a training of these losses looks like; those of the validation are NaN where there is none. */
static bool falls(const float *train, const float *valid, int epochs, int seen, int from)
{
    mm_convergence f = mm_convergence_new(epochs);
    for (int i = from; i < seen; i++)
        mm_convergence_add(&f,
                           &(mm_epoch){.epoch = i + 1, .train_loss = train[i], .valid_loss = valid ? valid[i] : NAN});
    return mm_still_improving(&f);
}

static void test_still_falling(void **state)
{
    (void)state;
    const float straight[6] = {1.2f, 1.1f, 1, 0.9f, 0.8f, 0.75f}, settled[6] = {1.2f, 0.4f, 0.2f, 0.19f, 0.19f, 0.19f};
    const float rising[6] = {1.2f, 0.5f, 0.6f, 0.7f, 0.8f, 0.9f}, nothing[6] = {1, 1, 1, 1, 0.9999f, 0.9998f};
    assert_true(falls(straight, NULL, 6, 6, 0));
    assert_false(falls(settled, NULL, 6, 6, 0));
    assert_false(falls(nothing, NULL, 6, 6, 0));
    assert_false(falls(straight, rising, 6, 6, 0)); /* only the training samples gain */
    assert_true(falls(settled, straight, 6, 6, 0));
    assert_false(falls(straight, NULL, 12, 6, 0)); /* stopped early */
    assert_false(falls(straight, NULL, 6, 6, 2));  /* resumed: nobody saw the first half */
}

static void test_defaults_suit_small_data(void **state)
{
    (void)state;
    const mm_fuse_method *linear = mm_fuse_method_of("linear"), *mlp = mm_fuse_method_of("mlp");
    mm_train_opts o = mm_train_defaults();
    assert_int_equal(mm_train_epochs(&o, mlp, 1 << 20), 30);
    assert_in_range(mm_train_epochs(&o, mlp, 400) * 7, 1000, 1006); /* 400 samples are seven updates */
    assert_in_range(mm_train_epochs(&o, linear, 400) * 7, 2000, 2006);
    assert_int_equal(mm_train_epochs(&o, linear, 0), 2000);
    o.solver = MM_SOLVER_LBFGS;
    assert_int_equal(mm_train_epochs(&o, linear, 400), 1000);
    assert_true(mm_train_lr(linear) > mm_train_lr(mlp));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_method_learns),       cmocka_unit_test(test_split_keeps_groups_together),
        cmocka_unit_test(test_file_round_trip),           cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_other_training_is_refused), cmocka_unit_test(test_still_falling),
        cmocka_unit_test(test_defaults_suit_small_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
