/* looks.h: what bytes look like that are not a record, so that a message can say what to do (inside lib/stream). */
#ifndef MM_STREAM_LOOKS_H
#define MM_STREAM_LOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether n ≥ 0 bytes may begin a record: a map whose first key is "mm". */
bool mm_looks_record(const uint8_t *p, size_t n);

/* "a JPEG image: mm-decode reads media"; "other data" when the bytes say nothing. */
void mm_looks_like(char *out, size_t size, const uint8_t *p, size_t n);

#endif
