#include "train/lbfgs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 10, TRIES = 40 };

struct mm_lbfgs {
    int64_t n;
    mm_gradient_fn gradient;
    void *ctx;
    double f, *x, *g;                     /* at the current point */
    double next_f, *next_x, *next_g;      /* at the end of the step */
    double *direction;                    /* the search direction */
    double *s[KEPT], *y[KEPT], rho[KEPT]; /* the last steps, the changes of the gradient, 1 / (s·y) */
    int kept, newest;
    mm_arena arena;
};

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void add(double *to, double scale, const double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        to[i] += scale * x[i];
}

mm_status mm_lbfgs_new(mm_lbfgs **out, int64_t n, const double *x, mm_gradient_fn gradient, void *ctx, mm_err *e)
{
    mm_lbfgs *m = *out = calloc(1, sizeof *m);
    if (!m)
        return mm_fail_memory(e);
    *m = (mm_lbfgs){.n = n, .gradient = gradient, .ctx = ctx};
    double **arrays[] = {&m->x, &m->g, &m->next_x, &m->next_g, &m->direction};
    bool memory = true;
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        memory &= (*arrays[i] = mm_arena_zalloc(&m->arena, (size_t)n, sizeof(double))) != NULL;
    for (int k = 0; k < KEPT; k++) {
        m->s[k] = mm_arena_zalloc(&m->arena, (size_t)n, sizeof(double));
        m->y[k] = mm_arena_zalloc(&m->arena, (size_t)n, sizeof(double));
        memory &= m->s[k] && m->y[k];
    }
    if (!memory)
        return mm_fail_memory(e);
    memcpy(m->x, x, (size_t)n * sizeof *x);
    return gradient(ctx, m->x, &m->f, m->g, e);
}

void mm_lbfgs_free(mm_lbfgs *m)
{
    if (m)
        mm_arena_free(&m->arena);
    free(m);
}

const double *mm_lbfgs_x(const mm_lbfgs *m)
{
    return m->x;
}

double mm_lbfgs_value(const mm_lbfgs *m)
{
    return m->f;
}

/* direction = −H g, with H the inverse Hessian estimated from the last steps (two-loop recursion); returns its slope.
 */
static double find_direction(mm_lbfgs *m)
{
    double a[KEPT];
    for (int64_t i = 0; i < m->n; i++)
        m->direction[i] = -m->g[i];
    for (int k = 0; k < m->kept; k++) { /* from the newest to the oldest */
        int at = (m->newest - k + KEPT) % KEPT;
        a[at] = m->rho[at] * dot(m->s[at], m->direction, m->n);
        add(m->direction, -a[at], m->y[at], m->n);
    }
    if (m->kept) {
        double scale = 1 / (m->rho[m->newest] * dot(m->y[m->newest], m->y[m->newest], m->n));
        for (int64_t i = 0; i < m->n; i++)
            m->direction[i] *= scale;
    }
    for (int k = m->kept - 1; k >= 0; k--) {
        int at = (m->newest - k + KEPT) % KEPT;
        add(m->direction, a[at] - m->rho[at] * dot(m->y[at], m->direction, m->n), m->s[at], m->n);
    }
    return dot(m->direction, m->g, m->n);
}

/* Line search until both weak Wolfe conditions hold. MM_EOF: no point is lower. */
static mm_status line_search(mm_lbfgs *m, double slope, mm_err *e)
{
    double low = 0, high = INFINITY, step = m->kept ? 1 : fmin(1, 1 / sqrt(dot(m->g, m->g, m->n)));
    for (int k = 0; k < TRIES; k++) {
        memcpy(m->next_x, m->x, (size_t)m->n * sizeof *m->x);
        add(m->next_x, step, m->direction, m->n);
        mm_status s = m->gradient(m->ctx, m->next_x, &m->next_f, m->next_g, e);
        if (s != MM_OK)
            return s;
        if (!(m->next_f <= m->f + 1e-4 * step * slope)) /* NaN is not lower either */
            high = step;
        else if (dot(m->next_g, m->direction, m->n) < 0.9 * slope)
            low = step;
        else
            return MM_OK;
        step = high < INFINITY ? (low + high) / 2 : 2 * low;
    }
    return m->next_f < m->f ? MM_OK : MM_EOF;
}

/* Takes the step; remembers it if the function is convex along it. */
static void take_step(mm_lbfgs *m)
{
    int at = (m->newest + 1) % KEPT;
    for (int64_t i = 0; i < m->n; i++) {
        m->s[at][i] = m->next_x[i] - m->x[i];
        m->y[at][i] = m->next_g[i] - m->g[i];
    }
    double curvature = dot(m->s[at], m->y[at], m->n);
    if (curvature > 1e-10 * dot(m->y[at], m->y[at], m->n)) {
        m->rho[at] = 1 / curvature;
        m->newest = at;
        m->kept += m->kept < KEPT;
    }
    memcpy(m->x, m->next_x, (size_t)m->n * sizeof *m->x);
    memcpy(m->g, m->next_g, (size_t)m->n * sizeof *m->g);
    m->f = m->next_f;
}

mm_status mm_lbfgs_step(mm_lbfgs *m, double tolerance, mm_err *e)
{
    double steepest = 0;
    for (int64_t i = 0; i < m->n; i++)
        steepest = fmax(steepest, fabs(m->g[i]));
    if (steepest <= tolerance)
        return MM_EOF;
    double slope = find_direction(m);
    if (!(slope < 0)) { /* the remembered steps mislead: restart with steepest descent */
        m->kept = 0;
        slope = find_direction(m);
    }
    mm_status s = line_search(m, slope, e);
    if (s == MM_OK)
        take_step(m);
    return s;
}
