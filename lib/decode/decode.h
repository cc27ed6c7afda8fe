/* decode.h: one input becomes records; its content, not its name, decides which decoder runs. */
#ifndef MM_DECODE_DECODE_H
#define MM_DECODE_DECODE_H

#include "media/record_sink.h"

/* Decodes b and emits its records in order, each from arena a, which is reset after it: emit must copy or write what it
 * keeps. A failure becomes an error record after the records that could be made. *emitted counts records, errors
 * included; 0: not a media file, or not one that was asked for. */
mm_status mm_decode(const mm_blob *b, const mm_decode_opts *o, mm_arena *a, mm_emit emit, void *ctx, int64_t *emitted,
                    mm_err *e);

/* Whether mm_decode reads a live blob as it comes; another has to be swallowed first. */
bool mm_decode_is_live(const mm_blob *b, const mm_decode_opts *o);

#endif
