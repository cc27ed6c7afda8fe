#include "eval/metrics.h"

#include <math.h>

double mm_mae(const double *target, const double *predicted, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += fabs(target[i] - predicted[i]);
    return n ? sum / (double)n : NAN;
}

/* Σ ((a − b) / unit)² */
static double squares(const double *a, const double *b, double unit, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = (a[i] - b[i]) / unit;
        sum += d * d;
    }
    return sum;
}

static double longest(const double *a, const double *b, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs(a[i] - b[i]));
    return most;
}

/* In units of the largest error, because squares of 1e200 or 1e-200 overflow or vanish. */
double mm_rmse(const double *target, const double *predicted, int64_t n)
{
    double unit = longest(target, predicted, n);
    return !n ? (double)NAN : unit > 0 ? unit * sqrt(squares(target, predicted, unit, n) / (double)n) : 0;
}

/* The mean, and in *most the largest distance from it. Sums are of distances from the first number, so that the mean of
 * a constant is exactly that constant. */
static double mean(const double *x, int64_t n, double *most)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i] - x[0];
    double centre = n ? x[0] + sum / (double)n : (double)NAN;
    *most = 0;
    for (int64_t i = 0; i < n; i++)
        *most = fmax(*most, fabs(x[i] - centre));
    return centre;
}

double mm_r2(const double *target, const double *predicted, int64_t n)
{
    double unit, centre = mean(target, n, &unit), spread = 0;
    if (!(unit > 0))
        return NAN;
    for (int64_t i = 0; i < n; i++) {
        double d = (target[i] - centre) / unit;
        spread += d * d;
    }
    return 1 - squares(target, predicted, unit, n) / spread;
}

double mm_pearson(const double *x, const double *y, int64_t n)
{
    double ux, uy, mx = mean(x, n, &ux), my = mean(y, n, &uy), xx = 0, yy = 0, xy = 0;
    if (!(ux > 0 && uy > 0))
        return NAN;
    for (int64_t i = 0; i < n; i++) {
        double dx = (x[i] - mx) / ux, dy = (y[i] - my) / uy;
        xx += dx * dx;
        yy += dy * dy;
        xy += dx * dy;
    }
    return xy / sqrt(xx) / sqrt(yy);
}
