#include "train/target.h"

#include <math.h>
#include <stdio.h>

void mm_target_measure(mm_objective *o, const int32_t *sample, int n)
{
    for (int i = 0; i < o->head->outputs; i++) {
        const float *y = o->data->field[mm_data_field_of(o->data, o->head->output[i].name)].number;
        double sum = 0, squares = 0;
        int seen = 0;
        for (int k = 0; k < n; k++) {
            if (isnan(y[sample[k]]))
                continue;
            sum += y[sample[k]];
            seen++;
        }
        double mean = seen ? sum / seen : 0;
        for (int k = 0; k < n; k++)
            if (!isnan(y[sample[k]]))
                squares += (y[sample[k]] - mean) * (y[sample[k]] - mean);
        double std = seen ? sqrt(squares / seen) : 0;
        o->target[i] = (mm_target){(float)mean, std > 1e-12 ? (float)std : 1};
    }
}

/* Output by output: w ← w · std, b ← b · std + mean · share. */
static void scale_layer(mm_head *h, const char *name, const mm_target *unit, float share)
{
    char weight[96], bias[96];
    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    mm_param *w = mm_param_set_find(&h->params, weight), *b = mm_param_set_find(&h->params, bias);
    for (int i = 0; w && b && i < h->outputs; i++) { /* a number is one row */
        for (int64_t c = 0; c < w->cols; c++)
            w->value[i * w->cols + c] *= unit[i].std;
        b->value[i] = b->value[i] * unit[i].std + unit[i].mean * share;
    }
}

void mm_target_restore(mm_head *h, const mm_objective *o)
{
    char name[80];
    if (mm_param_set_find(&h->params, "fc_out.weight")) {
        scale_layer(h, "fc_out", o->target, 1);
        return;
    }
    for (int m = 0; m < h->inputs; m++) { /* linear: the sum of a layer a modality */
        snprintf(name, sizeof name, "fc_%.70s", h->input[m].name);
        scale_layer(h, name, o->target, 1 / (float)h->inputs);
    }
}
