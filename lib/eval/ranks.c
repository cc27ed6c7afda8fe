/* ranks.c: metrics that depend only on the order of scores. */
#include "eval/metrics.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    double value;
    int64_t at;
} ranked;

static int by_value(const void *a, const void *b)
{
    double x = ((const ranked *)a)->value, y = ((const ranked *)b)->value;
    return (x > y) - (x < y);
}

mm_status mm_ranks(double *rank, const double *x, int64_t n, mm_err *e)
{
    ranked *order = malloc((size_t)(n ? n : 1) * sizeof *order);
    if (!order)
        return mm_fail_memory(e);
    for (int64_t i = 0; i < n; i++)
        order[i] = (ranked){x[i], i};
    qsort(order, (size_t)n, sizeof *order, by_value);
    for (int64_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && order[j].value == order[i].value; j++)
            ;
        for (int64_t k = i; k < j; k++)
            rank[order[k].at] = (double)(i + j + 1) / 2; /* the mean of i+1 .. j */
    }
    free(order);
    return MM_OK;
}

mm_status mm_auroc(double *area, const uint8_t *target, const double *score, int64_t n, mm_err *e)
{
    double *rank = malloc((size_t)(n ? n : 1) * sizeof *rank);
    if (!rank)
        return mm_fail_memory(e);
    mm_status s = mm_ranks(rank, score, n, e);
    double sum = 0, ones = 0;
    for (int64_t i = 0; s == MM_OK && i < n; i++) {
        if (target[i]) {
            sum += rank[i];
            ones++;
        }
    }
    *area = (sum - ones * (ones + 1) / 2) / (ones * ((double)n - ones)); /* 0/0 where only one class occurs */
    free(rank);
    return s;
}

mm_status mm_auroc_ovr(double *area, const int32_t *target, const double *prob, int64_t n, int classes, mm_err *e)
{
    uint8_t *is = malloc((size_t)(n ? n : 1));
    double *score = malloc((size_t)(n ? n : 1) * sizeof *score), sum = 0;
    mm_status s = is && score ? MM_OK : mm_fail_memory(e);
    int defined = 0;
    for (int c = classes == 2 ? 1 : 0; s == MM_OK && c < classes; c++) {
        for (int64_t i = 0; i < n; i++) {
            is[i] = target[i] == c;
            score[i] = prob[i * classes + c];
        }
        double one;
        s = mm_auroc(&one, is, score, n, e);
        if (s == MM_OK && !isnan(one)) {
            sum += one;
            defined++;
        }
    }
    *area = defined ? sum / defined : NAN;
    free(is);
    free(score);
    return s;
}

mm_status mm_spearman(double *rho, const double *x, const double *y, int64_t n, mm_err *e)
{
    double *rank = malloc((size_t)(n ? 2 * n : 1) * sizeof *rank);
    if (!rank)
        return mm_fail_memory(e);
    mm_status s = mm_ranks(rank, x, n, e);
    if (s == MM_OK)
        s = mm_ranks(rank + n, y, n, e);
    if (s == MM_OK)
        *rho = mm_pearson(rank, rank + n, n);
    free(rank);
    return s;
}
