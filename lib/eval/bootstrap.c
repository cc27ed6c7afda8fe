/* bootstrap.c: confidence intervals, and whether two sets of predictions differ. */
#include "base/rng.h"
#include "eval/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double mm_quantile_sorted(const double *x, int64_t n, double q)
{
    if (n == 0)
        return NAN;
    double at = q * (double)(n - 1);
    int64_t low = (int64_t)at, high = low + 1 < n ? low + 1 : low;
    return x[low] + (at - (double)low) * (x[high] - x[low]);
}

/* Rows ordered by group: group g's rows are row[first[g] .. first[g+1]-1]. */
typedef struct {
    int64_t groups, *row, *first;
} grouping;

typedef struct {
    int64_t group, row;
} grouped_row;

static int by_group(const void *a, const void *b)
{
    const grouped_row *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static mm_status make_groups(grouping *g, const int64_t *group, int64_t n, mm_err *e)
{
    grouped_row *order = malloc((size_t)(n + 1) * sizeof *order);
    g->row = malloc((size_t)(n + 1) * sizeof *g->row);
    g->first = malloc((size_t)(n + 1) * sizeof *g->first);
    g->groups = 0;
    if (!order || !g->row || !g->first) {
        free(order);
        return mm_fail_memory(e);
    }
    for (int64_t i = 0; i < n; i++)
        order[i] = (grouped_row){group ? group[i] : i, i};
    qsort(order, (size_t)n, sizeof *order, by_group);
    for (int64_t i = 0; i < n; i++) {
        if (i == 0 || order[i].group != order[i - 1].group)
            g->first[g->groups++] = i;
        g->row[i] = order[i].row;
    }
    g->first[g->groups] = n;
    free(order);
    return MM_OK;
}

/* Draws as many groups as there are, with replacement, and puts their rows into *row, which grows; −1: memory. */
static int64_t draw(int64_t **row, int64_t *cap, const grouping *g, mm_rng *r)
{
    int64_t n = 0;
    for (int64_t i = 0; i < g->groups; i++) {
        int64_t pick = (int64_t)mm_rng_below(r, (uint64_t)g->groups), size = g->first[pick + 1] - g->first[pick];
        if (n + size > *cap) {
            int64_t more = 2 * (n + size), *p = realloc(*row, (size_t)more * sizeof *p);
            if (!p)
                return -1;
            *row = p;
            *cap = more;
        }
        memcpy(*row + n, g->row + g->first[pick], (size_t)size * sizeof **row);
        n += size;
    }
    return n;
}

mm_status mm_bootstrap(mm_interval *out, mm_statistic f, void *ctx, int64_t n, const int64_t *group, int rounds,
                       uint64_t seed, mm_err *e)
{
    grouping g;
    mm_rng r = {.state = seed};
    int64_t cap = n, *row = malloc((size_t)(n + 1) * sizeof *row), found = 0;
    double *value = malloc((size_t)(rounds + 1) * sizeof *value);
    mm_status s = make_groups(&g, group, n, e);
    if (!row || !value)
        s = mm_fail_memory(e);
    for (int i = 0; s == MM_OK && i < rounds; i++) {
        int64_t rows = draw(&row, &cap, &g, &r);
        if (rows < 0) {
            s = mm_fail_memory(e);
            break;
        }
        double v = f(ctx, row, rows);
        if (!isnan(v))
            value[found++] = v;
    }
    if (s == MM_OK) {
        qsort(value, (size_t)found, sizeof *value, ascending);
        *out = (mm_interval){mm_quantile_sorted(value, found, 0.025), mm_quantile_sorted(value, found, 0.975)};
    }
    free(g.row);
    free(g.first);
    free(row);
    free(value);
    return s;
}

double mm_mcnemar(int64_t only_a, int64_t only_b)
{
    int64_t n = only_a + only_b, few = only_a < only_b ? only_a : only_b;
    if (2 * few == n)
        return 1;
    double tail = 0; /* P(X ≤ few), X ~ Binomial(n, 1/2), in logarithms: n may be large */
    for (int64_t k = 0; k <= few; k++)
        tail += exp(lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1) - (double)n * log(2));
    return fmin(1, 2 * tail);
}
