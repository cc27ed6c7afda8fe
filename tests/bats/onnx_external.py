#!/usr/bin/env python3
"""An ONNX file with its weights in a file of their own: onnx_external.py IN OUT NAME [SUFFIX]

The raw data of every initialiser goes to NAME beside OUT; SUFFIX follows the digits of each offset."""
import pathlib
import sys


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def read_varint(b, at):
    n = shift = 0
    while True:
        n, shift, at = n | (b[at] & 127) << shift, shift + 7, at + 1
        if b[at - 1] < 128:
            return n, at


def fields(b):
    """(number, wire, value, the field's bytes as they stand)"""
    at = 0
    while at < len(b):
        start = at
        tag, at = read_varint(b, at)
        if tag & 7 == 0:
            value, at = read_varint(b, at)
        elif tag & 7 == 2:
            n, at = read_varint(b, at)
            value, at = b[at:at + n], at + n
        else:
            n = 4 if tag & 7 == 5 else 8
            value, at = b[at:at + n], at + n
        yield tag >> 3, tag & 7, value, b[start:at]


def message(number, body):
    return varint(number << 3 | 2) + varint(len(body)) + body


def entry(key, value):
    return message(13, message(1, key.encode()) + message(2, value.encode()))


source, out, name, suffix = (sys.argv + [""])[1:5]
data = b""


def tensor(b):
    global data
    raw = [v for number, _, v, _ in fields(b) if number == 9]
    if not raw:
        return b
    where = entry("location", name) + entry("offset", f"{len(data)}{suffix}") + entry("length", str(len(raw[0])))
    data += raw[0]
    return b"".join(text for number, _, _, text in fields(b) if number != 9) + where + varint(14 << 3) + b"\1"


def rewrite(b, number, change):
    return b"".join(message(number, change(v)) if n == number else text for n, _, v, text in fields(b))


model = rewrite(pathlib.Path(source).read_bytes(), 7, lambda graph: rewrite(graph, 5, tensor))
pathlib.Path(out).write_bytes(model)
(pathlib.Path(out).parent / name).write_bytes(data)
