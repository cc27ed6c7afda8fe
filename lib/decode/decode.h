/* decode.h: one input becomes records: what it is decides (by content, not by name) which decoder runs. */
#ifndef MM_DECODE_DECODE_H
#define MM_DECODE_DECODE_H

#include "media/record_sink.h"

/* Decodes b and emits its records in order, each from arena a (reset between records by the callee: emit must
 * copy or write what it keeps). A failure becomes one error record after those that could be had.
 * *emitted counts records, errors included; 0: no medium, or none that was asked for. */
mm_status mm_decode(const mm_blob *b, const mm_decode_opts *o, mm_arena *a, mm_emit emit, void *ctx, int64_t *emitted,
                    mm_err *e);

#endif
