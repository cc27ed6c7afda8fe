/* looks.h: what bytes that are no record look like, so that a message can say what to do (inside lib/stream). */
#ifndef MM_STREAM_LOOKS_H
#define MM_STREAM_LOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether n ≥ 0 bytes may be the front of a record: a map whose first key is "mm". */
bool mm_looks_record(const uint8_t *p, size_t n);

/* "a JPEG image: mm-decode reads media", or NULL when the bytes say nothing. */
const char *mm_looks_like(const uint8_t *p, size_t n);

#endif
