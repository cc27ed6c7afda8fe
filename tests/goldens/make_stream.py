#!/usr/bin/env python3
"""Writes tests/goldens/stream/*.mm with msgpack and msgpack_numpy, the packages that users read streams with.

    python3 tests/goldens/make_stream.py      (msgpack 1.2.4, msgpack-numpy 0.4.8, numpy 2)
"""
import os

import msgpack
import msgpack_numpy
import numpy as np

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stream")


def write(name, records):
    with open(os.path.join(HERE, name), "wb") as f:
        for r in records:
            f.write(msgpack.packb(r, default=msgpack_numpy.encode))


FULL = {  # every field, in the order of mm-stream(5)
    "mm": 1, "kind": "feature", "key": "a/b.c/photo.v2", "src": "shard.tar!a/b.c/photo.v2.jpg", "part": 3,
    "time": [0.5, 2.25], "data": np.arange(6, dtype=np.float32).reshape(2, 3) / 4, "rate": 16000, "prep": "p:1234",
    "grid": {"prefix": 1, "rows": 2, "cols": 3, "frames": 7, "step": 0.02}, "of": "audio",
    "space": "whisper-base@0011/l6/mean", "label": {"cat": 0.75, "dog": 0.25},
    "error": {"stage": "decode", "code": "truncated", "text": "photo.jpg: JPEG data ends early"},
    "meta": {"size": [480, 640], "none": None, "deep": {"a": [True, -7, 1 << 40, -(1 << 40), 0.1]}},
    "zz": [1, {"x": b"\x00\xff"}], "a new one": "kept"}


def image(shape, dtype):
    n = int(np.prod(shape))
    return (np.arange(n) * 7 % 251).astype(dtype).reshape(shape)


KINDS = [
    {"mm": 1, "kind": "image", "key": "i8", "data": image((4, 5, 3), np.uint8)},
    {"mm": 1, "kind": "image", "key": "i16", "data": image((4, 5, 3), np.uint16)},
    {"mm": 1, "kind": "audio", "key": "a", "data": image((300,), np.float32), "rate": 16000},
    {"mm": 1, "kind": "text", "key": "t", "data": "na\u00efve \U0001f600"},
    {"mm": 1, "kind": "text", "key": "t0", "data": ""},
    {"mm": 1, "kind": "series", "key": "s", "data": image((7, 2), np.float64)},
    {"mm": 1, "kind": "volume", "key": "v", "data": image((2, 3, 4), np.int16)},
    {"mm": 1, "kind": "feature", "key": "f16", "data": image((9,), np.float16), "of": "text", "space": "x"},
    {"mm": 1, "kind": "label", "key": "l", "label": "cat"},
    {"mm": 1, "kind": "hologram", "key": "h", "data": {"cells": [1, 2, 3]}, "depth": np.zeros((2, 2), np.complex64)},
]
TYPES = [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64, np.float16, np.float32,
         np.float64, np.bool_]

if __name__ == "__main__":
    os.makedirs(HERE, exist_ok=True)
    write("full.mm", [FULL])
    write("kinds.mm", KINDS)
    # 0, 1, 2 … in every type and both byte orders, then a scalar, an array without dimensions and one without elements
    write("types.mm", [{"mm": 1, "kind": "series", "key": np.dtype(t).newbyteorder(o).str,
                        "data": (np.arange(5) % 2 if t == np.bool_ else np.arange(5)).astype(np.dtype(t).newbyteorder(o))}
                       for t in TYPES for o in "<>"]
          + [{"mm": 1, "kind": "series", "key": "scalar", "data": np.float32(2.5)},
             {"mm": 1, "kind": "series", "key": "zero-d", "data": np.array(2.5, np.float32)},
             {"mm": 1, "kind": "series", "key": "empty", "data": np.zeros((0, 3), np.float32)}])
    # between two good records: what Python would unpickle, twice, and types that no tool reads
    write("refused.mm", [{"mm": 1, "kind": "text", "key": "first", "data": "good"},
                         {"mm": 1, "kind": "series", "key": "pickle", "data": np.array([1, "a", None], object)},
                         {"mm": 1, "kind": "text", "key": "hidden", "data": "x",
                          "meta": {"deep": [{"er": np.array([{}], object)}]}},
                         {"mm": 1, "kind": "series", "key": "struct", "data": np.zeros(2, [("a", "<i4"), ("b", "<f8")])},
                         {"mm": 1, "kind": "series", "key": "complex", "data": np.zeros(2, np.complex64)},
                         {"mm": 1, "kind": "text", "key": "last", "data": "good"}])
