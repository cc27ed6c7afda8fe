/* memory.c: activations, scratch memory, and what parameters are packed into. */
#include "backend/cpu/device.h"

#include <stdlib.h>
#include <sys/mman.h>

/* Large pages where whole ones fit: a panel is read from end to end, and pages of 4 KiB cost a look-up each (and a
 * fault each the first time). */
static void *allocate(size_t bytes)
{
    enum { HUGE = 2 << 20, PAGE = 1 << 12 };
    char *p = aligned_alloc(64, bytes);
    if (p && bytes >= 2 * HUGE) {
        const uintptr_t from = ((uintptr_t)p + PAGE - 1) / PAGE * PAGE, to = ((uintptr_t)p + bytes) / PAGE * PAGE;
        madvise((void *)from, to - from, MADV_HUGEPAGE); /* where it fails, pages stay small */
    }
    return p;
}

float *mm_cpu_floats(int64_t n)
{
    return allocate((size_t)mm_cpu_piece(n) * sizeof(float));
}

float *mm_cpu_padded(int64_t n)
{
    float *v = mm_cpu_floats(n);
    if (v)
        memset(v, 0, (size_t)mm_cpu_piece(n) * sizeof *v);
    return v;
}

mm_status mm_cpu_scratch(mm_cpu_dev *d, int64_t floats, mm_err *e)
{
    size_t need = (size_t)mm_cpu_piece(floats) * sizeof(float);
    if (need <= d->scratch_bytes)
        return MM_OK;
    d->scratch_bytes = 0; /* until all of them have it */
    for (int i = 0; i < mm_threads_count(d->head.pool); i++) {
        free(d->scratch[i]);
        d->scratch[i] = allocate(need);
        if (!d->scratch[i])
            return mm_fail_memory(e);
    }
    d->scratch_bytes = need;
    return MM_OK;
}

mm_status mm_cpu_alloc(mm_dbuf **out, mm_dev *d, int64_t floats, mm_err *e)
{
    (void)d;
    mm_cpu_buf *b = calloc(1, sizeof *b);
    if (b && !(b->data = mm_cpu_floats(floats))) {
        free(b);
        b = NULL;
    }
    if (!b)
        return mm_fail_memory(e);
    b->head.floats = floats;
    *out = &b->head;
    return MM_OK;
}

void mm_cpu_free(mm_dev *d, mm_dbuf *b)
{
    (void)d;
    free(((mm_cpu_buf *)b)->data);
    free(b);
}

mm_status mm_cpu_write(mm_dev *d, mm_dbuf *b, int64_t off, const float *src, int64_t n, mm_err *e)
{
    (void)d, (void)e;
    if (n > 0)
        memcpy(((mm_cpu_buf *)b)->data + off, src, (size_t)n * sizeof *src);
    return MM_OK;
}

mm_status mm_cpu_read(mm_dev *d, const mm_dbuf *b, int64_t off, float *dst, int64_t n, mm_err *e)
{
    (void)d, (void)e;
    if (n > 0)
        memcpy(dst, ((const mm_cpu_buf *)b)->data + off, (size_t)n * sizeof *dst);
    return MM_OK;
}
