#include "train/convergence.h"

#include <math.h>

mm_convergence mm_convergence_new(int epochs)
{
    return (mm_convergence){.epochs = epochs, .last = INFINITY};
}

/* By the validation loss where there is one: what improves only the training loss does not count. */
void mm_convergence_add(mm_convergence *f, const mm_epoch *row)
{
    if (row->epoch != f->seen + 1) /* a resumed training: its first epochs are not known */
        return;
    f->seen++;
    f->last = fminf(f->last, isnan(row->valid_loss) ? row->train_loss : row->valid_loss);
    if (row->epoch == 1)
        f->first = f->last;
    if (row->epoch == (f->epochs + 1) / 2)
        f->halfway = f->last;
}

bool mm_still_improving(const mm_convergence *f)
{
    float gain = f->first - f->last;
    return f->epochs > 1 && f->seen == f->epochs && gain > 1e-3f * fabsf(f->first) &&
           f->halfway - f->last > 0.1f * gain;
}
