/* serialise.h: a record as bytes, to wherever they go (inside lib/stream). */
#ifndef MM_STREAM_SERIALISE_H
#define MM_STREAM_SERIALISE_H

#include "stream/record.h"

/* Whether the record can be written at all. Asked before its first byte goes out, so that no half record does. */
mm_status mm_serialise_check(const mm_record *rec, mm_err *e);
/* Hands the fields over piece by piece, payloads in one piece; `put` returns 0, or −1 to stop. `raw` is ignored. */
void mm_serialise_fields(const mm_record *rec, msgpack_packer_write put, void *ctx);

#endif
