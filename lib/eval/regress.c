#include "eval/metrics.h"

#include <math.h>

double mm_mae(const double *truth, const double *guess, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += fabs(truth[i] - guess[i]);
    return n ? sum / (double)n : NAN;
}

static double squared_error(const double *truth, const double *guess, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (truth[i] - guess[i]) * (truth[i] - guess[i]);
    return sum;
}

double mm_rmse(const double *truth, const double *guess, int64_t n)
{
    return n ? sqrt(squared_error(truth, guess, n) / (double)n) : NAN;
}

static double mean(const double *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

double mm_r2(const double *truth, const double *guess, int64_t n)
{
    double centre = mean(truth, n), spread = 0;
    for (int64_t i = 0; i < n; i++)
        spread += (truth[i] - centre) * (truth[i] - centre);
    return spread > 0 ? 1 - squared_error(truth, guess, n) / spread : NAN;
}

double mm_pearson(const double *x, const double *y, int64_t n)
{
    double mx = mean(x, n), my = mean(y, n), xx = 0, yy = 0, xy = 0;
    for (int64_t i = 0; i < n; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
        xy += (x[i] - mx) * (y[i] - my);
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx) / sqrt(yy) : NAN;
}
