#include "train/standardise.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* ---- inputs ---- */

/* Mean and std [width] of the training samples' rows of one modality. */
typedef struct {
    double *mean, *std;
    int64_t rows;
} moments;

/* Sums are of distances from the first row, so that those of a constant column are exactly 0. */
static void measure(moments *k, const mm_data_modality *x, const mm_split *s)
{
    int64_t width = x->width;
    const float *first = NULL;
    for (int pass = 0; pass < 2; pass++) { /* the means, then the squared distances from them */
        double *sum = pass ? k->std : k->mean;
        k->rows = 0;
        for (int i = 0; i < s->n_train; i++) {
            for (int64_t r = x->cu[s->train[i]]; r < x->cu[s->train[i] + 1]; r++, k->rows++) {
                const float *row = x->x + r * width;
                first = first ? first : row;
                for (int64_t c = 0; c < width; c++) {
                    double d = (double)row[c] - (double)first[c];
                    sum[c] += pass ? (d - k->mean[c]) * (d - k->mean[c]) : d;
                }
            }
        }
        for (int64_t c = 0; k->rows && c < width; c++)
            sum[c] /= (double)k->rows;
    }
    for (int64_t c = 0; first && c < width; c++) {
        k->mean[c] += (double)first[c];
        k->std[c] = sqrt(k->std[c]);
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* mm-decode gives tables a space of this name; streams of other programs may have none. */
static bool is_table(const mm_data_modality *x)
{
    return !*x->space || strncmp(x->space, "numbers/", 8) == 0;
}

/* Columns with no larger standard deviation than this are constant. The columns of an embedding share one unit: a
 * variation of a millionth of the median column's is rounding, and differs at another precision. Columns of a table
 * have units of their own, such as farads beside volts. */
static mm_status least_std(double *out, const moments *k, const mm_data_modality *x, mm_err *e)
{
    *out = 0;
    if (is_table(x))
        return MM_OK;
    double *sorted = malloc((size_t)x->width * sizeof *sorted);
    if (!sorted)
        return mm_fail_memory(e);
    memcpy(sorted, k->std, (size_t)x->width * sizeof *sorted);
    qsort(sorted, (size_t)x->width, sizeof *sorted, ascending);
    *out = sorted[x->width / 2] * 0x1p-20;
    free(sorted);
    return MM_OK;
}

/* Whether a column varies by more than the last bits of its f32 numbers. */
static bool varies(double mean, double std, double least)
{
    return std > least && std > 2 * FLT_EPSILON * fabs(mean) && (float)std > 0;
}

static mm_status standardise_input(mm_head_input *in, const mm_data_modality *x, const mm_split *s, mm_arena *keep,
                                   mm_arena *a, mm_err *e)
{
    size_t width = (size_t)in->width;
    float *mean = mm_arena_zalloc(keep, width, sizeof *mean), *std = mm_arena_zalloc(keep, width, sizeof *std);
    moments k = {.mean = mm_arena_zalloc(a, width, sizeof(double)), .std = mm_arena_zalloc(a, width, sizeof(double))};
    double least = 0;
    if (!mean || !std || !k.mean || !k.std)
        return mm_fail_memory(e);
    if (x)
        measure(&k, x, s);
    mm_status status = x ? least_std(&least, &k, x, e) : MM_OK;
    for (size_t c = 0; c < width; c++) {
        mean[c] = (float)k.mean[c];
        std[c] = varies(k.mean[c], k.std[c], least) ? (float)k.std[c] : INFINITY; /* makes a constant column 0 */
    }
    in->mean = mean;
    in->std = std;
    return status;
}

mm_status mm_standardise(mm_head *h, const mm_data *d, const mm_split *s, mm_err *e)
{
    mm_arena a = {0};
    mm_status status = MM_OK;
    for (int m = 0; status == MM_OK && m < h->inputs; m++)
        status = standardise_input(&h->input[m], mm_data_modality_of(d, h->input[m].name), s, &h->arena, &a, e);
    mm_arena_free(&a);
    return status;
}

/* ---- regression targets ---- */

/* Mean and standard deviation, NaN left out. Sums are of distances from the first number, in units of the largest, so
 * that neither 1e9 + small nor 1e-300 loses precision. */
static mm_target_scale measure_target(const double *y, const int32_t *sample, int n)
{
    double first = NAN, sum = 0, most = 0, squares = 0;
    int seen = 0;
    for (int k = 0; k < n; k++) {
        double v = y[sample[k]];
        if (isnan(v))
            continue;
        first = seen++ ? first : v;
        sum += v - first;
        most = fmax(most, fabs(v - first));
    }
    if (!(most > 0))
        return (mm_target_scale){seen ? first : 0, 1};
    for (int k = 0; k < n; k++) {
        double d = (y[sample[k]] - first - sum / seen) / most;
        squares += isnan(d) ? 0 : d * d;
    }
    return (mm_target_scale){first + sum / seen, most * sqrt(squares / seen)};
}

void mm_target_scale_fit(mm_objective *o, const int32_t *sample, int n)
{
    for (int i = 0; i < o->head->outputs; i++)
        o->target[i] = measure_target(mm_data_field_of(o->data, o->head->output[i].name)->number, sample, n);
}

void mm_target_scale_store(mm_head *h, const mm_objective *o)
{
    for (int i = 0; i < h->outputs; i++) {
        h->output[i].offset = o->target[i].mean;
        h->output[i].scale = o->target[i].std;
    }
}
