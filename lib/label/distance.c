#include "label/distance.h"

#include <math.h>
#include <stdlib.h>

enum { CHUNK = 256 }; /* queries that are searched for at once */

double mm_distance(const mm_near *near, int k)
{
    double sum = 0;
    int n = 0;
    for (; n < k && near[n].row >= 0; n++)
        sum += 1 - (double)near[n].cosine;
    return n ? sum / n : 1;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile_of(double *x, int64_t n, double q)
{
    qsort(x, (size_t)n, sizeof *x, ascending);
    double at = q * (double)(n - 1), low = floor(at);
    int64_t i = (int64_t)low, next = i + 1 < n ? i + 1 : i;
    return x[i] + (at - low) * (x[next] - x[i]);
}

mm_status mm_distance_quantile(double *out, const mm_refs *refs, int k, double quantile, mm_threads *pool, mm_err *e)
{
    double *distance = malloc((size_t)refs->n * sizeof *distance + 1);
    mm_near *near = malloc(CHUNK * (size_t)k * sizeof *near + 1);
    mm_status s = distance && near ? MM_OK : mm_fail_memory(e);
    bool alone = true;
    for (int64_t from = 0; s == MM_OK && from < refs->n; from += CHUNK) {
        int n = refs->n - from < CHUNK ? (int)(refs->n - from) : CHUNK;
        s = mm_search(near, k, refs, refs->row + from * refs->stride, n, refs->key + from, pool, e);
        for (int i = 0; s == MM_OK && i < n; i++) {
            alone &= near[(size_t)i * (size_t)k].row < 0;
            distance[from + i] = mm_distance(near + (size_t)i * (size_t)k, k);
        }
    }
    if (s == MM_OK && alone)
        s = mm_fail(e, MM_SKIP, "normal samples of one key alone do not say how far apart normal ones lie");
    if (s == MM_OK)
        *out = quantile_of(distance, refs->n, quantile);
    free(distance);
    free(near);
    return s;
}
