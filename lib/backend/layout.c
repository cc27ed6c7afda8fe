#include "backend/layout.h"

#include "backend/vtable.h"

const char *mm_dev_layout(const mm_dev *d)
{
    return d->be->layout ? d->be->layout(d) : NULL;
}

mm_status mm_dev_lay_out(mm_laid_out *out, mm_dev *d, mm_weight *w, mm_err *e)
{
    *out = (mm_laid_out){0};
    if (!d->be->lay_out || (w->kind != MM_WEIGHT_LINEAR && w->kind != MM_WEIGHT_CONV))
        return mm_fail(e, MM_FATAL, "%s does not pack weights", d->be->describe(d));
    return d->be->lay_out(out, d, w, e);
}

void mm_dev_watch_weights(mm_dev *d, mm_weight_made *made, void *ctx)
{
    d->made = made;
    d->made_ctx = ctx;
}

void mm_dev_name_weight(mm_dev *d, const char *name, mm_weight *w)
{
    if (d->made)
        d->made(d->made_ctx, name, w);
}
