/* layout.h: weights in the layout in which a device multiplies them, for packed models: `mm-model pack` stores them,
 * and a run that finds them uses them in place. */
#ifndef MM_BACKEND_LAYOUT_H
#define MM_BACKEND_LAYOUT_H

#include "backend/backend.h"

struct mm_laid_out {
    mm_tensor panels;     /* I32 [words] */
    mm_tensor scale, sum; /* F32 and I32 [outputs, filled up]; data NULL where the format has none */
};

/* Names the layout: a device takes weights of any device whose text is equal. NULL: it takes none. */
const char *mm_dev_layout(const mm_dev *d);
/* A linear or convolution weight in that layout; the tensors live as long as the weight. */
mm_status mm_dev_lay_out(mm_laid_out *out, mm_dev *d, mm_weight *w, mm_err *e);

/* made(ctx, name, w) is called for every weight that is given a name from now on; NULL: no longer. */
typedef void mm_weight_made(void *ctx, const char *name, mm_weight *w);
void mm_dev_watch_weights(mm_dev *d, mm_weight_made *made, void *ctx);
void mm_dev_name_weight(mm_dev *d, const char *name, mm_weight *w);

#endif
