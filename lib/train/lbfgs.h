/* lbfgs.h: minimises a smooth function by limited-memory BFGS (Liu & Nocedal, "On the Limited Memory BFGS Method for
 * Large Scale Optimization", 1989). A step is as long as bisection needs to meet the weak Wolfe conditions (Lewis &
 * Overton, "Nonsmooth Optimization via Quasi-Newton Methods", 2013). */
#ifndef MM_TRAIN_LBFGS_H
#define MM_TRAIN_LBFGS_H

#include "base/arena.h"
#include "base/status.h"

#include <stdint.h>

/* The function: *f = f(x), and its gradient to g [n]; x [n]. */
typedef mm_status (*mm_gradient_fn)(void *ctx, const double *x, double *f, double *g, mm_err *e);

typedef struct mm_lbfgs mm_lbfgs;

/* Starts at x [n] (copied). */
mm_status mm_lbfgs_new(mm_lbfgs **out, int64_t n, const double *x, mm_gradient_fn gradient, void *ctx, mm_err *e);
void mm_lbfgs_free(mm_lbfgs *m); /* NULL is fine */

/* One iteration. MM_EOF: converged: no gradient element is above `tolerance`, or the function does not get lower in its
 * own precision. */
mm_status mm_lbfgs_step(mm_lbfgs *m, double tolerance, mm_err *e);

const double *mm_lbfgs_x(const mm_lbfgs *m); /* the current point and its value */
double mm_lbfgs_value(const mm_lbfgs *m);

#endif
