/* pb.h: reads the protocol buffers wire format, which is all that ONNX files need: a message is a run of fields, each a
 * key (number << 3 | wire type) and a varint, 4 or 8 bytes, or a length and bytes. */
#ifndef MM_IMPORT_PB_H
#define MM_IMPORT_PB_H

#include "base/str.h"

#include <stdint.h>

typedef struct {
    const uint8_t *p, *end;
    bool bad; /* the bytes are not such a message; sticky */
} mm_pb;

typedef struct {
    uint32_t number;
    int wire;     /* 0 varint, 1 eight bytes, 2 bytes, 5 four bytes */
    uint64_t v;   /* wire 0, 1, 5 */
    mm_str bytes; /* wire 2: a part of the message */
} mm_pb_field;

mm_pb mm_pb_of(mm_str bytes);
/* The next field; false at the end and when the bytes are bad. */
bool mm_pb_next(mm_pb *pb, mm_pb_field *f);
/* A bare varint, as in packed repeated fields. */
bool mm_pb_varint(mm_pb *pb, uint64_t *v);

#endif
