#!/usr/bin/env python3
"""JSON lines on standard input, each a record without "mm", as a stream of records on standard output: what another program
would write, without a library. Whole numbers stay whole, others are doubles; {"f32": [1.5, 2]} is a vector."""
import json
import struct
import sys


def head(n, fix, limit, wide):
    """a length: in the first byte when short, else in four bytes more"""
    return bytes([fix | n]) if n < limit else struct.pack(">BI", wide, n)


def packed(v):
    if v is None or isinstance(v, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[v]
    if isinstance(v, int):
        return struct.pack(">Bq", 0xD3, v) if v < 0 else struct.pack(">BQ", 0xCF, v)
    if isinstance(v, float):
        return struct.pack(">Bd", 0xCB, v)
    if isinstance(v, str):
        return head(len(v.encode()), 0xA0, 32, 0xDB) + v.encode()
    if isinstance(v, bytes):
        return struct.pack(">BI", 0xC6, len(v)) + v
    if isinstance(v, list):
        return head(len(v), 0x90, 16, 0xDD) + b"".join(map(packed, v))
    if list(v) == ["f32"]:
        data = struct.pack(f"<{len(v['f32'])}f", *v["f32"])
        v = {"nd": True, "type": "<f4", "kind": "", "shape": [len(v["f32"])], "data": data}
    return head(len(v), 0x80, 16, 0xDF) + b"".join(packed(k) + packed(x) for k, x in v.items())


for line in sys.stdin:
    if line.strip():
        sys.stdout.buffer.write(packed({"mm": 1, **json.loads(line)}))
