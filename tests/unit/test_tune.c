/* The settings that a search tries, and which trials successive halving lets go on. */
#include "train/search_space.h"
#include "train/sweep.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const GRID = "lr=1e-4..1e-2:log,batch=16|32|64,dropout=0..0.5";

static void test_parsing(void **state)
{
    (void)state;
    mm_arena a = {0};
    mm_search_space g;
    assert_int_equal(mm_search_space_parse(&g, GRID, &a, NULL), MM_OK);
    assert_int_equal(g.n, 3);
    assert_string_equal(g.dim[0].name, "lr");
    assert_true(g.dim[0].low == 1e-4 && g.dim[0].high == 1e-2 && g.dim[0].log && g.dim[0].n == 0);
    assert_string_equal(g.dim[1].name, "batch");
    assert_int_equal(g.dim[1].n, 3);
    assert_string_equal(g.dim[1].value[0], "16");
    assert_string_equal(g.dim[1].value[2], "64");
    assert_true(g.dim[2].low == 0 && g.dim[2].high == 0.5 && !g.dim[2].log);
    const char *const bad[] = {"",          "lr",       "=1",       "lr=",         "lr=1|",       "lr=1..",
                               "lr=..2",    "lr=2..1",  "lr=1..2x", "lr=0..1:log", "lr=1..2:lin", "lr=1,lr=2",
                               "lr=nan..1", "lr=1..inf"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mm_err e = {0};
        if (mm_search_space_parse(&g, bad[i], &a, &e) != MM_SKIP || !e.text[0])
            fail_msg("\"%s\" was taken", bad[i]);
    }
    mm_arena_free(&a);
}

static void test_drawing(void **state)
{
    (void)state;
    enum { N = 3000 };
    mm_arena a = {0};
    mm_search_space g;
    const char **v, **again, **other;
    int n, below = 0, count[3] = {0};
    double sum = 0;
    assert_int_equal(mm_search_space_parse(&g, GRID, &a, NULL), MM_OK);
    assert_int_equal(mm_search_space_sample(&g, N, 5, &v, &n, &a, NULL), MM_OK);
    assert_int_equal(n, N);
    assert_int_equal(mm_search_space_sample(&g, N, 5, &again, &n, &a, NULL), MM_OK);
    assert_int_equal(mm_search_space_sample(&g, N, 6, &other, &n, &a, NULL), MM_OK);
    int same = 0;
    for (int i = 0; i < N; i++) {
        double lr = strtod(v[3 * i], NULL), dropout = strtod(v[3 * i + 2], NULL);
        for (int k = 0; k < 3; k++)
            assert_string_equal(v[3 * i + k], again[3 * i + k]);
        same += strcmp(v[3 * i], other[3 * i]) == 0;
        assert_true(lr >= 1e-4 && lr <= 1e-2 && dropout >= 0 && dropout <= 0.5);
        below += lr < 1e-3;
        sum += dropout;
        for (int k = 0; k < 3; k++)
            count[k] += strcmp(v[3 * i + 1], g.dim[1].value[k]) == 0;
    }
    /* evenly on the logarithm, evenly, and evenly among three: within five standard deviations */
    assert_true(abs(below - N / 2) < 5 * sqrt(N / 4.0));
    assert_true(fabs(sum / N - 0.25) < 5 * 0.5 / sqrt(12.0 * N));
    for (int k = 0; k < 3; k++)
        assert_true(abs(count[k] - N / 3) < 5 * sqrt(N * 2 / 9.0));
    assert_int_equal(count[0] + count[1] + count[2], N);
    assert_true(same < N / 100);
    mm_arena_free(&a);
}

static void test_grids_do_not_repeat(void **state)
{
    (void)state;
    mm_arena a = {0};
    mm_search_space g;
    const char **v;
    int n;
    assert_int_equal(mm_search_space_parse(&g, "a=1|2|3,b=x|y", &a, NULL), MM_OK);
    for (int trials = 0; trials < 9; trials++) {
        assert_int_equal(mm_search_space_sample(&g, trials, 1, &v, &n, &a, NULL), MM_OK);
        assert_int_equal(n, trials && trials < 6 ? trials : 6);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < i; j++)
                assert_true(strcmp(v[2 * i], v[2 * j]) != 0 || strcmp(v[2 * i + 1], v[2 * j + 1]) != 0);
    }
    assert_int_equal(mm_search_space_parse(&g, "n=2..5", &a, NULL), MM_OK);
    g.dim[0].whole = true;
    assert_int_equal(mm_search_space_sample(&g, 200, 1, &v, &n, &a, NULL), MM_OK);
    for (int i = 0; i < n; i++) {
        assert_int_equal(strlen(v[i]), 1);
        assert_in_range(*v[i], '2', '5');
    }
    mm_arena_free(&a);
}

/* ---- successive halving over trials whose losses are known ---- */

enum { TRIALS = 10 };

/* Trial 7 is best in the end but slow: it is among the best third of the first rung and the best of the second. Trial 4
 * begins well and gets worse; trial 9 always fails. */
static const double LOSS[TRIALS][3] = {{9, 8, 7}, {8, 7, 6}, {5, 5, 5}, {7, 1, 1}, {1, 6, 6},
                                       {6, 2, 2}, {8, 0, 0}, {4, 3, 0}, {9, 9, 9}, {0, 0, 0}};

typedef struct {
    char dir[64], log[96];
    int reports, failed;
} world;

static mm_status run(void *ctx, int trial, double share, mm_trial *t, mm_err *e)
{
    const world *w = ctx;
    FILE *f = fopen(w->log, "a"); /* in a process of its own: what it did is seen in a file */
    fprintf(f, "%d.%d ", trial, t->rung);
    fclose(f);
    if (trial == 9)
        return mm_fail(e, MM_FATAL, "it is the ninth");
    t->epochs = (int)lround(share * 9);
    t->best_epoch = t->epochs;
    t->loss = LOSS[trial][t->rung - 1];
    t->metric = LOSS[trial][t->rung - 1] / 10;
    t->done = t->rung == 3;
    return MM_OK;
}

static void on_trial(void *ctx, int trial, const mm_trial *t, const char *why)
{
    world *w = ctx;
    (void)t;
    w->reports++;
    if (why) {
        assert_int_equal(trial, 9);
        assert_string_equal(why, "it is the ninth");
        w->failed++;
    }
}

static int set_up(void **state)
{
    world *w = calloc(1, sizeof *w);
    snprintf(w->dir, sizeof w->dir, "/tmp/test_tune_XXXXXX");
    if (!mkdtemp(w->dir))
        return -1;
    snprintf(w->log, sizeof w->log, "%s.log", w->dir);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    world *w = *state;
    mm_sweep_remove(w->dir);
    unlink(w->log);
    free(w);
    return 0;
}

static mm_sweep sweep_of(world *w, int workers)
{
    return (mm_sweep){.trials = TRIALS, .workers = workers, .dir = w->dir, .run = run, .on_trial = on_trial, .ctx = w};
}

static void test_halving(void **state)
{
    world *w = *state;
    for (int workers = 1; workers <= 4; workers += 3) {
        mm_trial t[TRIALS];
        int best;
        mm_sweep s = sweep_of(w, workers);
        assert_int_equal(mm_sweep_begin(w->dir, "the same", false, NULL), MM_OK);
        assert_int_equal(mm_sweep_run(&s, t, &best, NULL), MM_OK);
        assert_int_equal(best, 7);
        /* ten run a ninth; the best four of those that did not fail a third: 4, 7, 2, 5; the best two of these: 5, 7 */
        const int rungs[TRIALS] = {1, 1, 2, 1, 2, 3, 1, 3, 1, 1}, epochs[] = {0, 1, 3, 9};
        for (int i = 0; i < TRIALS; i++) {
            assert_int_equal(t[i].rung, rungs[i]);
            if (i != 9)
                assert_int_equal(t[i].epochs, epochs[rungs[i]]);
        }
        assert_true(isinf(t[9].loss));
    }
    assert_int_equal(w->failed, 2);
}

static void test_halving_by_metric(void **state)
{
    world *w = *state;
    mm_trial t[TRIALS];
    int best;
    mm_sweep s = sweep_of(w, 2);
    s.by_metric = true; /* the highest: 0 and 8 (.9), then 1 and 6 (.8); of these 8 stays highest */
    assert_int_equal(mm_sweep_begin(w->dir, "the same", false, NULL), MM_OK);
    assert_int_equal(mm_sweep_run(&s, t, &best, NULL), MM_OK);
    assert_int_equal(best, 8);
    assert_int_equal(t[0].rung, 3);
    assert_int_equal(t[6].rung, 2);
}

static void test_results_are_kept(void **state)
{
    world *w = *state;
    mm_trial t[TRIALS], again[TRIALS];
    int best;
    char line[256] = "", path[96];
    mm_sweep s = sweep_of(w, 1);
    assert_int_equal(mm_sweep_begin(w->dir, "the same", false, NULL), MM_OK);
    assert_int_equal(mm_sweep_run(&s, t, &best, NULL), MM_OK);
    /* as if it had been interrupted while trials 5 and 7 ran to their end, one of them writing its result */
    snprintf(path, sizeof path, "%s/0007.rung3", w->dir);
    assert_int_equal(truncate(path, 5), 0);
    snprintf(path, sizeof path, "%s/0005.rung3", w->dir);
    assert_int_equal(unlink(path), 0);
    unlink(w->log);
    assert_int_equal(mm_sweep_begin(w->dir, "the same", true, NULL), MM_OK);
    assert_int_equal(mm_sweep_run(&s, again, &best, NULL), MM_OK);
    assert_int_equal(best, 7);
    for (int i = 0; i < TRIALS; i++)
        assert_true(again[i].rung == t[i].rung && again[i].loss == t[i].loss && again[i].epochs == t[i].epochs);
    FILE *f = fopen(w->log, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    fclose(f);
    assert_true(strcmp(line, "5.3 7.3 ") == 0 || strcmp(line, "7.3 5.3 ") == 0);
    mm_err e = {0};
    assert_int_equal(mm_sweep_begin(w->dir, "something else", true, &e), MM_SKIP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parsing),
        cmocka_unit_test(test_drawing),
        cmocka_unit_test(test_grids_do_not_repeat),
        cmocka_unit_test_setup_teardown(test_halving, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_halving_by_metric, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_results_are_kept, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
