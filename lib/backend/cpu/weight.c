/* weight.c: parameters on the CPU. A linear layer's matrix stays where it is, in the mapped file, and is packed into
 * panels on the fly, until panels.c packs it for good. */
#include "backend/cpu/device.h"
#include "backend/parts.h"

#include <stdlib.h>

mm_cpu_weight *mm_cpu_new_weight(mm_weight_kind kind, int64_t n, int64_t k)
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

/* Gives up a half-made weight. */
mm_status mm_cpu_weight_failed(mm_dev *d, mm_cpu_weight *w, mm_err *e)
{
    if (w)
        mm_cpu_weight_free(d, &w->head);
    return mm_fail_memory(e);
}

/* n floats, zeros, padded so that a whole vector can be loaded anywhere in them. */
float *mm_cpu_padded(int64_t n)
{
    float *v = mm_cpu_floats(n);
    if (v)
        memset(v, 0, (size_t)mm_cpu_piece(n) * sizeof *v);
    return v;
}

mm_status mm_cpu_vector(mm_weight **out, mm_dev *d, const mm_tensor *t, mm_err *e)
{
    int64_t n = mm_shape_count(&t->s);
    mm_cpu_weight *w = mm_cpu_new_weight(MM_WEIGHT_VECTOR, n, 1);
    if (!w || !(w->vector = mm_cpu_padded(n)))
        return mm_cpu_weight_failed(d, w, e);
    mm_to_f32(w->vector, t->data, t->s.type, n);
    *out = &w->head;
    return MM_OK;
}

mm_status mm_cpu_table(mm_weight **out, mm_dev *d, const mm_tensor *t, mm_err *e)
{
    int64_t width = t->s.dim[t->s.rank - 1];
    mm_cpu_weight *w = mm_cpu_new_weight(MM_WEIGHT_TABLE, mm_shape_count(&t->s) / width, width);
    if (!w)
        return mm_cpu_weight_failed(d, w, e);
    w->part[0] = *t;
    *out = &w->head;
    return MM_OK;
}

/* ---- linear ---- */

mm_status mm_cpu_linear_weight(mm_weight **out, mm_dev *d, const mm_linear_weight *lw, mm_err *e)
{
    int64_t n = 0;
    bool biased = false;
    for (int i = 0; i < lw->parts; i++) {
        n += mm_part_outputs(&lw->w[i], lw->transposed);
        biased = biased || lw->bias[i].data;
    }
    mm_cpu_weight *w = mm_cpu_new_weight(MM_WEIGHT_LINEAR, n, lw->w[0].s.dim[lw->transposed ? 0 : 1]);
    if (!w || (biased && !(w->vector = mm_cpu_padded(n))))
        return mm_cpu_weight_failed(d, w, e);
    const mm_cpu_dev *cpu = (const mm_cpu_dev *)d;
    w->m = lw->precise ? cpu->precise : cpu->matmul;
    w->parts = lw->parts;
    w->transposed = lw->transposed;
    memcpy(w->part, lw->w, sizeof w->part);
    n = 0;
    for (int i = 0; i < lw->parts; n += mm_part_outputs(&lw->w[i], lw->transposed), i++)
        if (lw->bias[i].data)
            mm_to_f32(w->vector + n, lw->bias[i].data, lw->bias[i].s.type, mm_part_outputs(&lw->w[i], lw->transposed));
    mm_status st = mm_cpu_adopt(w, &lw->ready, mm_cpu_panel_words(w->m, w->head.n, w->head.k), e);
    if (st != MM_OK) {
        mm_cpu_weight_free(d, &w->head);
        return st;
    }
    *out = &w->head;
    return MM_OK;
}

static const mm_tensor *part_of(const mm_cpu_weight *w, int64_t *n)
{
    return mm_part_of(w->part, w->parts, w->transposed, n);
}

/* Rows n0 .. n0+n-1 of [N,K] parts. */
static void pack_plain(const mm_kernels *kern, const mm_cpu_weight *w, float *dst, int width, int64_t n0, int n,
                       int64_t k0, int64_t k)
{
    const void *row[MM_MAX_NR];
    bool same = true;
    for (int i = 0; i < n; i++) {
        int64_t r = n0 + i;
        const mm_tensor *t = part_of(w, &r);
        row[i] = mm_tensor_at(t, r * w->head.k);
        same = same && t->s.type == w->part[0].s.type;
    }
    if (same) {
        kern->pack_rows(dst, width, row, n, w->part[0].s.type, k0, k);
        return;
    }
    for (int i = 0; i < n; i++) { /* parts of different types: rare enough for an element at a time */
        int64_t r = n0 + i;
        const mm_tensor *t = part_of(w, &r);
        for (int64_t j = 0; j < k; j++)
            mm_to_f32(dst + j * width + i, mm_tensor_at(t, r * w->head.k + k0 + j), t->s.type, 1);
    }
    for (int64_t j = 0; j < k; j++)
        memset(dst + j * width + n, 0, (size_t)(width - n) * sizeof *dst);
}

/* Columns n0 .. of [K,N] parts: a panel that straddles parts is put together from up to three. */
static void pack_transposed(const mm_kernels *kern, const mm_cpu_weight *w, float *dst, int width, int64_t n0, int n,
                            int64_t k0, int64_t k)
{
    int64_t c = n0;
    const mm_tensor *t = part_of(w, &c);
    int64_t ld = t->s.dim[1];
    if (c + n <= ld) {
        kern->pack_cols(dst, width, mm_tensor_at(t, k0 * ld + c), ld, n, t->s.type, k);
        return;
    }
    for (int64_t j = 0; j < k; j++)
        for (int i = 0; i < width; i++) {
            float *to = dst + j * width + i;
            *to = 0;
            if (i >= n)
                continue;
            c = n0 + i;
            t = part_of(w, &c);
            mm_to_f32(to, mm_tensor_at(t, (k0 + j) * t->s.dim[1] + c), t->s.type, 1);
        }
}

void mm_cpu_pack_weight(const mm_kernels *kern, const mm_cpu_weight *w, float *dst, int width, int64_t n0, int n,
                        int64_t k0, int64_t k)
{
    (w->transposed ? pack_transposed : pack_plain)(kern, w, dst, width, n0, n, k0, k);
}

void mm_cpu_pack_words(const mm_kernels *kern, const mm_cpu_weight *w, uint32_t *dst, int width, int64_t n0, int n,
                       int64_t k0, int64_t k, float *room)
{
    const mm_matmul *m = w->m;
    if (!m->narrow) {
        mm_cpu_pack_weight(kern, w, (float *)dst, width, n0, n, k0, k);
        return;
    }
    for (int64_t done = 0; done < k; done += MM_PANEL_PIECE) {
        int64_t part = k - done < MM_PANEL_PIECE ? k - done : MM_PANEL_PIECE;
        mm_cpu_pack_weight(kern, w, room, width, n0, n, k0 + done, part);
        m->narrow(dst + done / m->b_per * width, room, width, part, NULL);
    }
}
