/* Which samples validate, and what validation of an alignment means where a sample has several captions. */
#include "train/split.h"
#include "train/standardise.h"
#include "train/validate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SAMPLES = 200, GROUPS = 20, WIDTH = 4, CAPTIONS = 3 };

static void add(mm_dataset *d, const char *key, const char *of, const float *x, int64_t rows)
{
    mm_record r = mm_record_new(MM_KIND_FEATURE);
    r.key = mm_str_of(key);
    r.of = mm_str_of(of);
    r.has_tensor = true;
    r.tensor = (mm_tensor){{MM_F32, rows > 1 ? 2 : 1, {rows > 1 ? rows : WIDTH, WIDTH}}, x};
    r.label = mm_object_str(key[strlen(key) - 1] % 2 ? MM_STR("odd") : MM_STR("even"));
    assert_int_equal(mm_dataset_add(d, &r, NULL, NULL), MM_OK);
}

/* Samples "groupG/NNN" with numbers from..to−1, counted by step; a caption's turn, or −1 for all of them. */
static mm_dataset *data_of(int from, int to, int step, int turn, const mm_data **view)
{
    mm_dataset *d;
    assert_int_equal(mm_dataset_new(&d, NULL), MM_OK);
    for (int i = from; i != to; i += step) {
        char key[32];
        float x[WIDTH], y[CAPTIONS * WIDTH];
        mm_rng r = {.state = (uint64_t)i};
        for (int k = 0; k < WIDTH; k++)
            x[k] = (float)(2 * mm_rng_uniform(&r) - 1);
        for (int k = 0; k < CAPTIONS * WIDTH; k++)
            y[k] = (float)(2 * mm_rng_uniform(&r) - 1);
        snprintf(key, sizeof key, "group%d/%03d", i % GROUPS, i);
        add(d, key, "image", x, 1);
        add(d, key, "text", turn < 0 ? y : y + turn * WIDTH, turn < 0 ? CAPTIONS : 1);
    }
    assert_int_equal(mm_dataset_finish(d, view, NULL), MM_OK);
    return d;
}

static mm_head *head_of(const mm_data *d, const char *method)
{
    mm_head *h, like = {.method = mm_fuse_method_of(method), .inputs = 2, .hidden = 8};
    like.input[0] = (mm_head_input){.name = "image", .width = WIDTH};
    like.input[1] = (mm_head_input){.name = "text", .width = WIDTH};
    like.task = strcmp(method, "align") == 0 ? MM_TASK_ALIGN : MM_TASK_CLASSIFY;
    if (like.task == MM_TASK_CLASSIFY)
        like.output[like.outputs++] =
            (mm_head_output){.name = "label", .classes = d->field[0].classes, .width = 2, .temperature = 1};
    assert_int_equal(mm_head_new(&h, &like, 3, NULL), MM_OK);
    return h;
}

static mm_split split_of(const mm_data *d, const char *group, double share, uint64_t seed, mm_arena *a)
{
    mm_split s;
    mm_head *h = head_of(d, "linear");
    assert_int_equal(mm_split_groups(&s, d, mm_usable_samples(d, h, a), group, share, seed, a, NULL), MM_OK);
    mm_head_free(h);
    return s;
}

static int group_of(const mm_data *d, int sample)
{
    return atoi(d->key[sample] + strlen("group"));
}

static void test_groups(void **state)
{
    (void)state;
    const mm_data *d, *back;
    mm_arena a = {0};
    mm_dataset *set = data_of(0, SAMPLES, 1, 0, &d), *reversed = data_of(SAMPLES - 1, -1, -1, 0, &back);
    const char *const patterns[] = {"^[^/]*", "^group([0-9]+)/"}; /* the match, and its first sub-expression */
    for (int p = 0; p < 2; p++) {
        int side[GROUPS] = {0};
        mm_split s = split_of(d, patterns[p], 0.3, 1, &a), r = split_of(back, patterns[p], 0.3, 1, &a);
        assert_int_equal(s.n_train + s.n_valid, SAMPLES);
        assert_int_equal(s.n_valid, SAMPLES * 3 / 10); /* groups are of one size here: six of twenty */
        for (int i = 0; i < s.n_train; i++)
            side[group_of(d, s.train[i])] |= 1;
        for (int i = 0; i < s.n_valid; i++)
            side[group_of(d, s.valid[i])] |= 2;
        for (int g = 0; g < GROUPS; g++)
            assert_true(side[g] == 1 || side[g] == 2); /* never on both sides */
        for (int i = 0; i < r.n_valid; i++)            /* the order of the input does not matter */
            assert_int_equal(side[group_of(back, r.valid[i])], 2);
    }
    mm_split one = split_of(d, patterns[0], 0.3, 1, &a), two = split_of(d, patterns[0], 0.3, 2, &a);
    assert_true(memcmp(one.valid, two.valid, (size_t)one.n_valid * sizeof *one.valid) != 0);
    assert_int_equal(split_of(d, patterns[0], 0, 1, &a).n_valid, 0);
    assert_in_range(split_of(d, patterns[0], 1, 1, &a).n_train, 1, SAMPLES); /* something is left to train on */
    mm_split bad;
    mm_head *h = head_of(d, "linear");
    assert_int_equal(mm_split_groups(&bad, d, mm_usable_samples(d, h, &a), "(", 0.3, 1, &a, NULL), MM_FATAL);
    mm_head_free(h);
    mm_arena_free(&a);
    mm_dataset_free(set);
    mm_dataset_free(reversed);
}

static void test_keys(void **state)
{
    (void)state;
    const mm_data *d, *valid;
    mm_arena a = {0};
    mm_split s;
    mm_dataset *set = data_of(0, SAMPLES, 1, 0, &d), *some = data_of(SAMPLES + 50, 150, -1, 0, &valid);
    uint8_t *usable = mm_arena_zalloc(&a, SAMPLES, 1);
    memset(usable, 1, SAMPLES);
    usable[10] = usable[160] = 0;
    assert_int_equal(mm_split_keys(&s, d, usable, valid, &a, NULL), MM_OK);
    assert_int_equal(s.n_train, 150);
    assert_int_equal(s.n_valid, 48); /* 151 … 199 without 160 */
    for (int i = 0; i < s.n_train; i++)
        assert_true(s.train[i] <= 150 && s.train[i] != 10);
    for (int i = 0; i < s.n_valid; i++)
        assert_true(s.valid[i] > 150 && s.valid[i] != 160);
    mm_arena_free(&a);
    mm_dataset_free(set);
    mm_dataset_free(some);
}

static mm_validation validate(const mm_data *d)
{
    int32_t sample[SAMPLES];
    mm_validation v;
    mm_head *h = head_of(d, "align");
    mm_train_opts opts = mm_train_defaults();
    mm_objective o = {.head = h, .data = d, .opts = &opts};
    for (int i = 0; i < SAMPLES; i++)
        sample[i] = i;
    assert_int_equal(mm_validate(&v, &o, sample, SAMPLES, NULL, NULL), MM_OK);
    mm_head_free(h);
    return v;
}

/* Three captions each, asked with one at a time: the mean of what three data sets of one caption each say. */
static void test_single_captions(void **state)
{
    (void)state;
    const mm_data *d;
    double loss = 0, metric = 0;
    for (int turn = 0; turn < CAPTIONS; turn++) {
        mm_dataset *one = data_of(0, SAMPLES, 1, turn, &d);
        mm_validation v = validate(d);
        loss += (double)v.loss / CAPTIONS;
        metric += v.metric / CAPTIONS;
        mm_dataset_free(one);
    }
    mm_dataset *all = data_of(0, SAMPLES, 1, -1, &d);
    mm_validation v = validate(d);
    assert_true(fabs((double)v.loss - loss) < 1e-5 * loss);
    assert_true(fabs(v.metric - metric) < 1e-12);
    assert_true(loss > 1);
    mm_dataset_free(all);
}

/* Samples of `width` columns, row i at x + i * width, in a space or none. */
static mm_dataset *columns_of(const float *x, int n, int64_t width, const char *space, const mm_data **view)
{
    mm_dataset *d;
    char key[16];
    assert_int_equal(mm_dataset_new(&d, NULL), MM_OK);
    for (int i = 0; i < n; i++) {
        snprintf(key, sizeof key, "k%d", i);
        mm_record rec = mm_record_new(MM_KIND_FEATURE);
        rec.key = mm_str_of(key);
        rec.of = MM_STR("image");
        rec.space = mm_str_of(space);
        rec.has_tensor = true;
        rec.tensor = (mm_tensor){{MM_F32, 1, {width}}, x + i * width};
        assert_int_equal(mm_dataset_add(d, &rec, NULL, NULL), MM_OK);
    }
    assert_int_equal(mm_dataset_finish(d, view, NULL), MM_OK);
    return d;
}

/* Which of four columns a head looks at, as bits: those whose numbers reach it when they double. */
static int alive_of(const float *x, int n, const char *space)
{
    const mm_data *d;
    int32_t all[SAMPLES], alive = 0;
    mm_dataset *set = columns_of(x, n, 4, space, &d);
    mm_arena a = {0};
    mm_fuse_batch b;
    mm_head *h, like = {.method = mm_fuse_method_of("linear"), .inputs = 1, .hidden = 8, .outputs = 1};
    like.input[0] = (mm_head_input){.name = "image", .width = 4};
    like.output[0] = (mm_head_output){.name = "label", .width = 2, .temperature = 1};
    for (int i = 0; i < n; i++)
        all[i] = i;
    assert_int_equal(mm_head_new(&h, &like, 1, NULL), MM_OK);
    assert_int_equal(mm_standardise(h, d, &(mm_split){.train = all, .n_train = n}, NULL), MM_OK);
    for (int64_t k = 0; k < 4 * n; k++) /* at use, dead columns may hold anything */
        d->modality[0].x[k] = 2 * d->modality[0].x[k];
    assert_int_equal(mm_data_batch(&b, d, h, all, n, NULL, &a, NULL), MM_OK);
    for (int c = 0; c < 4; c++)
        for (int i = 0; i < n; i++)
            alive |= (b.x[0][i * 4 + c] != 0) << c;
    mm_head_free(h);
    mm_arena_free(&a);
    mm_dataset_free(set);
    return alive;
}

/* A column counts when it varies by more than its own rounding; in vectors of a model also next to the others. */
static void test_dead_columns(void **state)
{
    (void)state;
    enum { N = 50 };
    float x[N * 4];
    mm_rng r = {.state = 5};
    for (int i = 0; i < N; i++) {
        float u[3];
        for (int k = 0; k < 3; k++)
            u[k] = (float)(2 * mm_rng_uniform(&r) - 1);
        x[i * 4] = u[0];
        x[i * 4 + 1] = 1e-12f * u[1]; /* farads beside volts, or what rounding left of a dead column of a model */
        x[i * 4 + 2] = 0.1f;          /* constant */
        x[i * 4 + 3] = nextafterf(1e6f, i % 2 ? 0 : 2e6f); /* constant but for the last bit */
    }
    assert_int_equal(alive_of(x, N, ""), 3);
    assert_int_equal(alive_of(x, N, "model@1"), 1);
    for (int i = 0; i < N; i++) { /* all of a model's columns in small units, or large ones */
        x[i * 4] *= 1e-9f;
        x[i * 4 + 1] = -3 * x[i * 4] + 1e-9f;
        x[i * 4 + 2] = x[i * 4] * x[i * 4] * 1e9f;
        x[i * 4 + 3] = 1e-9f + x[i * 4] / 10;
    }
    assert_int_equal(alive_of(x, N, "model@1"), 15);
    for (int k = 0; k < N * 4; k++)
        x[k] *= 1e30f;
    assert_int_equal(alive_of(x, N, "model@1"), 15);
}

static void test_what_is_no_number(void **state)
{
    (void)state;
    mm_dataset *d;
    mm_err e = {0};
    const double x[2] = {1, 1e300};
    mm_record r = mm_record_new(MM_KIND_FEATURE);
    r.key = MM_STR("broken");
    r.of = MM_STR("image");
    r.has_tensor = true;
    r.tensor = (mm_tensor){{MM_F64, 1, {2}}, x};
    assert_int_equal(mm_dataset_new(&d, NULL), MM_OK);
    assert_int_equal(mm_dataset_add(d, &r, NULL, &e), MM_FATAL);
    assert_non_null(strstr(e.text, "broken"));
    mm_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups),          cmocka_unit_test(test_keys),
        cmocka_unit_test(test_dead_columns),    cmocka_unit_test(test_what_is_no_number),
        cmocka_unit_test(test_single_captions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
