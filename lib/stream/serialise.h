/* serialise.h: a record as the bytes of a stream. */
#ifndef MM_STREAM_SERIALISE_H
#define MM_STREAM_SERIALISE_H

#include "base/buf.h"
#include "stream/record.h"

/* Appends the record's bytes to out: what mm_writer_put writes. */
mm_status mm_record_serialise(const mm_record *rec, mm_buf *out, mm_err *e);

/* Checks that the record can be written at all; call it before the first byte goes out, so that no half record does. */
mm_status mm_serialise_check(const mm_record *rec, mm_err *e);
/* Passes the fields to `put` piece by piece, payloads in one piece; it returns 0, or −1 to stop. `raw` is ignored. */
void mm_serialise_fields(const mm_record *rec, msgpack_packer_write put, void *ctx);

#endif
