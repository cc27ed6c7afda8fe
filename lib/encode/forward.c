#include "encode/forward.h"

#include <assert.h>

int64_t mm_valid_rows(const mm_forward *f, int i)
{
    return f->valid[i] < 0 ? f->cu[i + 1] - f->cu[i] : f->valid[i];
}

mm_status mm_workspace_begin(mm_workspace *w, mm_dev *d, int64_t floats, mm_err *e)
{
    w->used = 0;
    if (floats <= w->cap)
        return MM_OK;
    mm_workspace_free(w, d);
    mm_status s = mm_dev_alloc(&w->buf, d, floats, e);
    if (s == MM_OK)
        w->cap = floats;
    return s;
}

mm_mat mm_workspace_take(mm_workspace *w, int64_t rows, int64_t ld)
{
    mm_mat m = {.buf = w->buf, .off = w->used, .ld = ld};
    w->used += (rows * ld + MM_WORKSPACE_ALIGN - 1) / MM_WORKSPACE_ALIGN * MM_WORKSPACE_ALIGN;
    assert(w->used <= w->cap);
    return m;
}

void mm_workspace_free(mm_workspace *w, mm_dev *d)
{
    mm_dev_free(d, w->buf);
    *w = (mm_workspace){0};
}

mm_mat mm_mat_at(mm_mat m, int64_t row, int64_t column)
{
    m.off += row * m.ld + (m.half ? column / 2 : column);
    return m;
}

void mm_apply_norm(mm_dev *d, const mm_norm_params *norm, float eps, mm_mat x, mm_mat y, int64_t rows, int64_t width)
{
    mm_dev_norm(d, &(mm_norm_op){.kind = MM_NORM_LAYER,
                                 .x = x,
                                 .y = y,
                                 .rows = rows,
                                 .channels = width,
                                 .gain = norm->gain,
                                 .bias = norm->bias,
                                 .eps = eps});
}

mm_status mm_pool_items(mm_dev *d, const mm_forward *f, mm_mat x, mm_mat y, int64_t width, int64_t first, int64_t count,
                        mm_err *e)
{
    int64_t *lo = mm_arena_zalloc(f->arena, 2 * (size_t)f->n, sizeof *lo);
    if (!lo)
        return mm_fail_memory(e);
    int64_t *hi = lo + f->n;
    for (int i = 0; i < f->n; i++) {
        int64_t rows = mm_valid_rows(f, i), lead = f->in[i].lead < rows ? f->in[i].lead : rows - 1;
        lo[i] = f->cu[i] + (count < 0 && lead > first ? lead : first);
        hi[i] = count < 0 ? f->cu[i] + rows : lo[i] + count;
    }
    mm_dev_pool_rows(d, &(mm_pool_rows_op){.x = x, .y = y, .width = width, .n = f->n, .lo = lo, .hi = hi});
    return MM_OK;
}
