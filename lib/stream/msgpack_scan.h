/* msgpack_scan.h: finds the end of a MessagePack value without allocating memory or trusting any length.
 *
 * msgpack-c reserves memory for a map or an array by its declared count (five bytes can make it ask for 4 GiB), so it
 * only sees values that this scan has walked from end to end. The scan can pause at any byte and continue when more has
 * come; payloads are skipped, not read. */
#ifndef MM_STREAM_MSGPACK_SCAN_H
#define MM_STREAM_MSGPACK_SCAN_H

#include "stream/record.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    size_t at;                              /* bytes understood so far; the value's length when done */
    uint64_t items;                         /* values declared so far, the record's own included */
    int depth;                              /* open containers + 1; 0: not started */
    uint64_t left[MM_RECORD_MAX_DEPTH + 1]; /* values still to come on each level */
} mm_msgpack_scan;                          /* all zero: at the start of a value */

typedef enum { MM_SCAN_DONE, MM_SCAN_MORE, MM_SCAN_BAD } mm_msgpack_scan_result;

/* Continues over p[0..n), the value's bytes from its start. MM_SCAN_DONE: the value is p[0..s->at).
 * MM_SCAN_MORE: it needs at least *want further bytes. MM_SCAN_BAD: *why says what is wrong at p[s->at]. */
mm_msgpack_scan_result mm_msgpack_scan_run(mm_msgpack_scan *s, const uint8_t *p, size_t n, size_t *want,
                                           const char **why);

#endif
