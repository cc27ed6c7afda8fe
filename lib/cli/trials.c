#include "cli/trials.h"

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

mm_status mm_trials_plan(mm_tune *t, const mm_opt *options, const char *const *fixed, const char *grid, int trials,
                         uint64_t seed, mm_arena *a, mm_err *e)
{
    mm_status s = mm_search_space_parse(&t->grid, grid, a, e);
    for (int k = 0; s == MM_OK && k < t->grid.n; k++) {
        mm_hyperparameter *d = &t->grid.dim[k];
        if (strcmp(d->name, "wd") == 0)
            d->name = "weight-decay";
        const mm_opt *o = option_of(options, d->name);
        if (!o || is_among(fixed, d->name))
            return mm_fail(e, MM_SKIP, "%s is no setting that can be searched", d->name);
        d->whole = o->type == MM_OPT_INT;
    }
    return s == MM_OK ? mm_search_space_sample(&t->grid, trials, seed, &t->value, &t->trials, a, e) : s;
}

mm_status mm_trials_apply(const mm_tune *t, const mm_opt *options, int trial, mm_arena *a, mm_err *e)
{
    const mm_search_space *g = &t->grid;
    mm_opt_hit hit[MM_MAX_DIMS];
    for (int k = 0; k < g->n; k++)
        hit[k] = (mm_opt_hit){.opt = option_of(options, g->dim[k].name), .value = t->value[trial * g->n + k]};
    return mm_opts_apply(&(mm_parsed){.hit = hit, .n = g->n}, a, e);
}
