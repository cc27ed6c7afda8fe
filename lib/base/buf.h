/* buf.h: a growing byte buffer. */
#ifndef MM_BASE_BUF_H
#define MM_BASE_BUF_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t *p;
    size_t n, cap;
} mm_buf; /* all zero is a valid empty buffer */

/* Makes space for `more` bytes after the first n; MM_FATAL when memory is out. */
mm_status mm_buf_reserve(mm_buf *b, size_t more, mm_err *e);
mm_status mm_buf_append(mm_buf *b, const void *data, size_t n, mm_err *e);
void mm_buf_free(mm_buf *b);

#endif
