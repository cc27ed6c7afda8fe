#include "train/target_scale.h"

#include <math.h>

/* Mean and standard deviation, NaN left out. Sums are of distances from the first number, in units of the largest, so
 * that neither 1e9 + small nor 1e-300 loses precision. */
static mm_target_scale measure(const double *y, const int32_t *sample, int n)
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
        o->target[i] = measure(o->data->field[mm_data_field_of(o->data, o->head->output[i].name)].number, sample, n);
}

void mm_target_scale_store(mm_head *h, const mm_objective *o)
{
    for (int i = 0; i < h->outputs; i++) {
        h->output[i].offset = o->target[i].mean;
        h->output[i].scale = o->target[i].std;
    }
}
