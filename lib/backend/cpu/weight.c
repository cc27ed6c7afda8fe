/* weight.c: parameters on the CPU. A linear layer's matrix stays where it is, in the mapped file, and is packed into
 * panels on the fly, until panels.c packs it permanently; convolutions, whose weights change their order, are packed at
 * once. */
#include "backend/cpu/device.h"
#include "backend/weight_parts.h"

#include <stdlib.h>

static mm_cpu_weight *new_weight(mm_weight_kind kind, int64_t n, int64_t k)
{
    mm_cpu_weight *w = calloc(1, sizeof *w);
    if (w)
        w->head = (mm_weight){.kind = kind, .n = n, .k = k};
    return w;
}

void mm_cpu_weight_free(mm_dev *dev, mm_weight *weight)
{
    mm_cpu_weight *w = (mm_cpu_weight *)weight;
    ((mm_cpu_dev *)dev)->packed -= w->packed_bytes;
    free(w->vector);
    if (!w->mapped) {
        free(w->packed);
        free(w->scale);
        free(w->sum);
    }
    free(w);
}

/* Hands a weight over when it is complete; frees it when making it failed. */
static mm_status hand_over(mm_weight **out, mm_dev *d, mm_cpu_weight *w, mm_status s)
{
    if (s == MM_OK)
        *out = &w->head;
    else
        mm_cpu_weight_free(d, &w->head);
    return s;
}

/* n zeros for a vector or biases. */
static mm_status add_vector(mm_cpu_weight *w, int64_t n, mm_err *e)
{
    w->vector = mm_cpu_padded(n);
    return w->vector ? MM_OK : mm_fail_memory(e);
}

mm_status mm_cpu_vector(mm_weight **out, mm_dev *d, const mm_tensor *t, mm_err *e)
{
    const int64_t n = mm_shape_count(&t->s);
    mm_cpu_weight *w = new_weight(MM_WEIGHT_VECTOR, n, 1);
    if (!w)
        return mm_fail_memory(e);
    mm_status s = add_vector(w, n, e);
    if (s == MM_OK)
        mm_to_f32(w->vector, t->data, t->s.type, n);
    return hand_over(out, d, w, s);
}

mm_status mm_cpu_table(mm_weight **out, mm_dev *d, const mm_tensor *t, mm_err *e)
{
    const int64_t width = t->s.dim[t->s.rank - 1];
    mm_cpu_weight *w = new_weight(MM_WEIGHT_TABLE, mm_shape_count(&t->s) / width, width);
    if (!w)
        return mm_fail_memory(e);
    w->part[0] = *t;
    return hand_over(out, d, w, MM_OK);
}

mm_status mm_cpu_linear_weight(mm_weight **out, mm_dev *d, const mm_linear_weight *lw, mm_err *e)
{
    const mm_cpu_dev *cpu = (const mm_cpu_dev *)d;
    int64_t n = 0;
    bool biased = false;
    for (int i = 0; i < lw->parts; i++) {
        n += mm_part_outputs(&lw->w[i], lw->transposed);
        biased = biased || lw->bias[i].data;
    }
    mm_cpu_weight *w = new_weight(MM_WEIGHT_LINEAR, n, lw->w[0].s.dim[lw->transposed ? 0 : 1]);
    if (!w)
        return mm_fail_memory(e);
    w->m = lw->precise ? cpu->precise : cpu->matmul;
    w->parts = lw->parts;
    w->transposed = lw->transposed;
    memcpy(w->part, lw->w, sizeof w->part);
    mm_status s = biased ? add_vector(w, n, e) : MM_OK;
    int64_t at = 0;
    for (int i = 0; s == MM_OK && i < lw->parts; at += mm_part_outputs(&lw->w[i], lw->transposed), i++)
        if (lw->bias[i].data)
            mm_to_f32(w->vector + at, lw->bias[i].data, lw->bias[i].s.type, mm_part_outputs(&lw->w[i], lw->transposed));
    if (s == MM_OK)
        s = mm_cpu_adopt(w, lw->laid_out, e);
    return hand_over(out, d, w, s);
}

/* 16-bit integers serve convolutions, too, where a window is long enough to be worth its scale. */
static const mm_matmul *conv_format(const mm_cpu_dev *d, const mm_conv_weight *cw)
{
    enum { LONG = 64 };
    const bool fits = cw->groups == 1 && mm_shape_count(&cw->w.s) / cw->w.s.dim[0] >= LONG;
    return fits && d->matmul->precision == MM_PREC_INT16 ? d->matmul : d->precise;
}

mm_status mm_cpu_conv_weight(mm_weight **out, mm_dev *dev, const mm_conv_weight *cw, mm_err *e)
{
    mm_cpu_dev *d = (mm_cpu_dev *)dev;
    const mm_shape *shape = &cw->w.s;
    mm_cpu_weight *w = new_weight(MM_WEIGHT_CONV, shape->dim[0], shape->dim[1]);
    if (!w)
        return mm_fail_memory(e);
    w->m = conv_format(d, cw);
    w->head.groups = cw->groups;
    w->head.rank = shape->rank - 2;
    for (int r = 0; r < w->head.rank; r++)
        w->head.kernel[r] = shape->dim[2 + r];
    mm_status s = cw->bias.data ? add_vector(w, w->head.n, e) : MM_OK;
    if (s == MM_OK && cw->bias.data)
        mm_to_f32(w->vector, cw->bias.data, cw->bias.s.type, w->head.n);
    if (s == MM_OK)
        s = mm_cpu_adopt(w, cw->laid_out, e);
    if (s == MM_OK && !w->packed)
        s = mm_cpu_pack_conv(d, w, cw, e);
    return hand_over(out, dev, w, s);
}
