#include "cli/trials.h"

#include "base/file.h"

static const mm_opt *option_of(const mm_opt *options, const char *name)
{
    for (const mm_opt *o = options; o->name; o++)
        if (mm_opt_takes_value(o) && strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

static bool is_among(const char *const *list, const char *name)
{
    for (; *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

/* ---- planning ---- */

/* The ends of a range are values that the option takes. */
static mm_status check_range(const mm_opt *option, const mm_hyperparameter *d, mm_arena *a, mm_err *e)
{
    union {
        int64_t whole;
        double number;
    } unused;
    mm_opt o = *option;
    o.to = &unused;
    if (d->n || (o.type != MM_OPT_INT && o.type != MM_OPT_FLOAT))
        return MM_OK;
    const char *format = d->whole ? "%.0f" : "%g";
    const mm_opt_hit end[] = {{.opt = &o, .value = mm_arena_printf(a, format, d->low)},
                              {.opt = &o, .value = mm_arena_printf(a, format, d->high)}};
    if (!end[0].value || !end[1].value)
        return mm_fail_memory(e);
    return mm_opts_apply(&(mm_parsed){.hit = (mm_opt_hit *)end, .n = 2}, a, e);
}

static mm_status draw(mm_trials *t, int trials, mm_err *e)
{
    mm_tune *u = &t->tune;
    mm_status s = mm_search_space_parse(&u->grid, t->grid, t->arena, e);
    for (int k = 0; s == MM_OK && k < u->grid.n; k++) {
        mm_hyperparameter *d = &u->grid.dim[k];
        if (strcmp(d->name, "wd") == 0)
            d->name = "weight-decay";
        const mm_opt *o = option_of(t->options, d->name);
        if (!o || is_among(t->fixed, d->name))
            return mm_fail(e, MM_SKIP, "%s is not a setting that can be searched", d->name);
        d->whole = o->type == MM_OPT_INT;
        s = check_range(o, d, t->arena, e);
    }
    return s == MM_OK ? mm_search_space_sample(&u->grid, trials, t->seed, &u->value, &u->trials, t->arena, e) : s;
}

/* Gives the options the trial's values. MM_SKIP: one does not take its value. */
static mm_status apply(const mm_trials *t, int trial, mm_err *e)
{
    const mm_search_space *g = &t->tune.grid;
    mm_opt_hit hit[MM_MAX_DIMS];
    for (int k = 0; k < g->n; k++)
        hit[k] = (mm_opt_hit){.opt = option_of(t->options, g->dim[k].name), .value = t->tune.value[trial * g->n + k]};
    return mm_opts_apply(&(mm_parsed){.hit = hit, .n = g->n}, t->arena, e);
}

void mm_trials_plan(mm_trials *t, const mm_list *grid, int trials, void *values, size_t size)
{
    mm_err e;
    void *before = mm_arena_alloc(t->arena, size);
    t->grid = grid->v[0];
    for (int i = 1; t->grid && i < grid->n; i++)
        t->grid = mm_arena_printf(t->arena, "%s,%s", t->grid, grid->v[i]);
    if (!before || !t->grid)
        mm_die(t->run, "out of memory");
    memcpy(before, values, size);
    mm_status s = draw(t, trials, &e);
    for (int i = 0; s == MM_OK && i < t->tune.trials; i++) {
        s = apply(t, i, &e);
        memcpy(values, before, size);
    }
    if (s != MM_OK)
        mm_usage_of(t->run, "grid", &e);
}

/* ---- the search ---- */

static mm_status begin(void *ctx, int trial, mm_head **h, mm_train_opts *o, mm_err *e)
{
    mm_trials *t = ctx;
    mm_status s = apply(t, trial, e);
    return s == MM_OK ? t->begin(t->ctx, h, o, e) : s;
}

static void on_trial(void *ctx, int trial, const mm_trial *now, const char *why)
{
    mm_trials *t = ctx;
    char scores[128];
    const char *settings = mm_tune_settings(&t->tune, trial, t->arena);
    if (why)
        mm_warn(t->run, "trial %d (%s) failed: %s", trial + 1, settings, why);
    else
        mm_say(&t->run->log, MM_LOG_INFO, "trial %d (%s): %s after %d epochs", trial + 1, settings,
               mm_training_scores(t->report, "", now->loss, now->metric, scores), now->epochs);
}

void mm_trials_run(mm_trials *t)
{
    mm_err e;
    int best;
    char scores[128];
    mm_head *h;
    mm_tune *u = &t->tune;
    u->data = t->report->data->data;
    u->split = &t->report->data->split;
    u->workers = t->run->threads;
    u->output = t->run->output;
    u->dir = mm_arena_printf(t->arena, "%s.search", u->output);
    u->what = mm_arena_printf(t->arena, "%s, %d trials, seed %lld, %d + %d samples", t->grid, u->trials,
                              (long long)t->seed, u->split->n_train, u->split->n_valid);
    u->resume = t->run->resume;
    if (!u->resume && u->dir && mm_dir_exists(u->dir))
        mm_warn(t->run, "%s of an interrupted search is discarded; --resume would have continued from it", u->dir);
    u->begin = begin;
    u->on_trial = on_trial;
    u->ctx = t;
    mm_trial *trial = mm_arena_zalloc(t->arena, (size_t)u->trials, sizeof *trial);
    if (!trial || !u->what || !u->dir)
        mm_die(t->run, "out of memory");
    mm_must(t->run, mm_tune_run(u, trial, &best, &e), &e);
    mm_must(t->run, mm_head_load(&h, u->output, &e), &e);
    mm_tune_table(t->report->log ? t->report->log : stdout, u, trial, best, mm_training_metric(t->report->task));
    if (!t->run->quiet)
        fprintf(stderr, "%s: %d trials; the best is %d (%s): %s%s\n", t->run->tool->name, u->trials, best + 1,
                mm_tune_settings(u, best, t->arena),
                mm_training_scores(t->report, "", trial[best].loss, trial[best].metric, scores),
                mm_training_temperatures(t->report, h));
    mm_training_say_bounds(t->report, h);
    mm_head_free(h);
}
