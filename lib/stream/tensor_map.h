/* tensor_map.h: tensors as msgpack-numpy writes them (inside lib/stream).
 *
 * {b"nd": true, b"type": "<f4", b"kind": b"", b"shape": [197, 768], b"data": bytes}, keys as bin, so that
 * msgpack.Unpacker(f, object_hook=msgpack_numpy.decode) gives numpy arrays. A numpy scalar has nd false, no kind
 * and no shape. Layout: msgpack-numpy 0.4.8, encode() and decode(). */
#ifndef MM_STREAM_TENSOR_MAP_H
#define MM_STREAM_TENSOR_MAP_H

#include "stream/record.h"

/* Reads the tensor in *o. Its data stays where it is, except for big-endian elements, which are swapped in the arena.
 * MM_SKIP: not a tensor, or one of an unsupported type. */
mm_status mm_tensor_map_read(mm_tensor *out, const msgpack_object *o, mm_arena *a, mm_err *e);

void mm_tensor_map_write(msgpack_packer *pk, const mm_tensor *t); /* of a type that numpy has */

#endif
