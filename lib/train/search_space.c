#include "train/search_space.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>

enum { DEFAULT_TRIALS = 16 };

/* ---- reading ---- */

/* Parses all of text[0..n) as a number. */
static bool number(const char *text, size_t n, double *out)
{
    char copy[64], *end;
    if (!n || n >= sizeof copy)
        return false;
    memcpy(copy, text, n);
    copy[n] = 0;
    *out = strtod(copy, &end);
    return *end == 0 && isfinite(*out);
}

static mm_status parse_range(mm_hyperparameter *d, const char *text, const char *dots, mm_err *e)
{
    const char *high = dots + 2, *colon = strchr(high, ':');
    size_t n = colon ? (size_t)(colon - high) : strlen(high);
    if (colon && strcmp(colon, ":log") != 0)
        return mm_fail(e, MM_SKIP, "%s: only :log can follow a range, not %s", d->name, colon);
    d->log = colon != NULL;
    if (!number(text, (size_t)(dots - text), &d->low) || !number(high, n, &d->high))
        return mm_fail(e, MM_SKIP, "%s: %s is not a range of numbers such as 1e-4..1e-2:log", d->name, text);
    if (d->low > d->high || (d->log && d->low <= 0))
        return mm_fail(e, MM_SKIP, "%s: %s is an empty range%s", d->name, text, d->log ? " of logarithms" : "");
    return MM_OK;
}

static mm_status parse_list(mm_hyperparameter *d, char *text, mm_arena *a, mm_err *e)
{
    int n = 1;
    for (const char *p = text; *p; p++)
        n += *p == '|';
    d->value = mm_arena_zalloc(a, (size_t)n, sizeof *d->value);
    if (!d->value)
        return mm_fail_memory(e);
    for (char *p = text, *bar; p; p = bar) {
        bar = strchr(p, '|');
        if (bar)
            *bar++ = 0;
        if (!*p)
            return mm_fail(e, MM_SKIP, "%s: an empty value", d->name);
        d->value[d->n++] = p;
    }
    return MM_OK;
}

static mm_status parse_dim(mm_search_space *g, char *text, mm_arena *a, mm_err *e)
{
    char *eq = strchr(text, '=');
    if (!eq || eq == text)
        return mm_fail(e, MM_SKIP, "\"%s\" is not NAME=VALUES", text);
    *eq = 0;
    for (int i = 0; i < g->n; i++)
        if (strcmp(g->dim[i].name, text) == 0)
            return mm_fail(e, MM_SKIP, "%s is given twice", text);
    if (g->n == MM_MAX_DIMS)
        return mm_fail(e, MM_SKIP, "more than %d dimensions", MM_MAX_DIMS);
    mm_hyperparameter *d = &g->dim[g->n++];
    *d = (mm_hyperparameter){.name = text};
    const char *dots = strstr(eq + 1, "..");
    return dots ? parse_range(d, eq + 1, dots, e) : parse_list(d, eq + 1, a, e);
}

mm_status mm_search_space_parse(mm_search_space *g, const char *text, mm_arena *a, mm_err *e)
{
    mm_status s = MM_OK;
    *g = (mm_search_space){0};
    char *own = mm_arena_strdup(a, mm_str_of(text));
    if (!own)
        return mm_fail_memory(e);
    for (char *p = own, *comma; s == MM_OK && p; p = comma) {
        comma = strchr(p, ',');
        if (comma)
            *comma++ = 0;
        s = parse_dim(g, p, a, e);
    }
    return s;
}

/* ---- drawing ---- */

/* The number of points of a grid, capped where there are too many to list; 0: it has a range. */
static int64_t points_of(const mm_search_space *g)
{
    int64_t points = 1;
    for (int i = 0; i < g->n; i++) {
        if (!g->dim[i].n)
            return 0;
        if (points <= INT32_MAX)
            points *= g->dim[i].n;
    }
    return points;
}

static const char *draw_one(const mm_hyperparameter *d, mm_rng *r, mm_arena *a)
{
    if (d->n)
        return d->value[mm_rng_below(r, (uint64_t)d->n)];
    double u = mm_rng_uniform(r);
    double x = d->log ? d->low * pow(d->high / d->low, u) : d->low + u * (d->high - d->low);
    return d->whole ? mm_arena_printf(a, "%.0f", x) : mm_arena_printf(a, "%.4g", x);
}

/* Point i in the order of nested loops, the last dimension innermost. */
static void take_point(const mm_search_space *g, int64_t i, const char **value)
{
    for (int k = g->n - 1; k >= 0; k--) {
        value[k] = g->dim[k].value[i % g->dim[k].n];
        i /= g->dim[k].n;
    }
}

/* `count` of `points` numbers in random order without repetition: the start of a shuffle. */
static int64_t *choose(int64_t points, int count, mm_rng *r, mm_arena *a)
{
    int64_t *all = mm_arena_alloc(a, (size_t)points * sizeof *all);
    for (int64_t i = 0; all && i < points; i++)
        all[i] = i;
    for (int64_t i = 0; all && i < count && count < points; i++) {
        int64_t j = i + (int64_t)mm_rng_below(r, (uint64_t)(points - i)), x = all[i];
        all[i] = all[j];
        all[j] = x;
    }
    return all;
}

mm_status mm_search_space_sample(const mm_search_space *g, int trials, uint64_t seed, const char ***value, int *count,
                                 mm_arena *a, mm_err *e)
{
    int64_t points = points_of(g);
    mm_rng r = {.state = seed};
    if (points > 1 << 20)
        return mm_fail(e, MM_SKIP, "a grid of more than a million points: use a range instead of a list");
    *count = trials ? trials : points ? (int)points : DEFAULT_TRIALS;
    if (points && *count > points)
        *count = (int)points;
    if (*count > MM_MAX_TRIALS)
        return mm_fail(e, MM_SKIP, "%d trials: at most %d are possible; give a smaller number of them", *count,
                       MM_MAX_TRIALS);
    const char **v = *value = mm_arena_zalloc(a, (size_t)*count * (size_t)g->n, sizeof *v);
    int64_t *point = points ? choose(points, *count, &r, a) : NULL;
    if (!v || (points && !point))
        return mm_fail_memory(e);
    for (int t = 0; t < *count; t++, v += g->n) {
        for (int k = 0; !points && k < g->n; k++) {
            v[k] = draw_one(&g->dim[k], &r, a);
            if (!v[k])
                return mm_fail_memory(e);
        }
        if (points)
            take_point(g, point[t], v);
    }
    return MM_OK;
}
