#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

mm_status mm_buf_reserve(mm_buf *b, size_t more, mm_err *e)
{
    if (b->cap - b->n >= more)
        return MM_OK;
    if (more > SIZE_MAX / 2 - b->n)
        return mm_fail_memory(e);
    size_t cap = b->cap ? b->cap : 4096;
    while (cap - b->n < more)
        cap *= 2;
    uint8_t *p = realloc(b->p, cap);
    if (!p)
        return mm_fail_memory(e);
    b->p = p;
    b->cap = cap;
    return MM_OK;
}

mm_status mm_buf_append(mm_buf *b, const void *data, size_t n, mm_err *e)
{
    mm_status s = mm_buf_reserve(b, n, e);
    if (s == MM_OK && n) {
        memcpy(b->p + b->n, data, n);
        b->n += n;
    }
    return s;
}

void mm_buf_free(mm_buf *b)
{
    free(b->p);
    *b = (mm_buf){0};
}
