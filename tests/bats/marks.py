#!/usr/bin/env python3
"""Marks in streams (mm-stream(5)), from outside, with msgpack alone.

insert SEED          a stream with marks at random places
strip FORM           an output without its marks; FORM: stream, jsonl, tsv (an empty line is a mark), summary
each FORM COMMAND... a client: writes each record to COMMAND only when the one before it has brought something, within a
                     minute; then closes the input and writes all that came
holds FORM COMMAND...   whether marks change nothing else in the output of COMMAND, come after all that stands before them, and
                     are answered before the input goes on. With KEYS in the environment they stand between keys only"""
import os
import random
import selectors
import subprocess
import sys
import time

import msgpack

PATIENCE = 60


def records(data):
    """(map, bytes) of every whole record"""
    unpacker = msgpack.Unpacker(raw=True, strict_map_key=False, max_buffer_size=2**30)
    unpacker.feed(data)
    at = 0
    for record in unpacker:
        yield record, data[at:unpacker.tell()]
        at = unpacker.tell()


def is_mark(record):
    return record[b"kind"] == b"mark"


def shows_mark(line, form):
    return line == b"" if form == "tsv" else line.startswith(b"mark " if form == "summary" else b'{"kind":"mark"')


def insert(data, seed, between_keys):
    draw, last, n, out = random.Random(seed), None, 0, []
    for record, raw in [*records(data), ({b"key": None}, b"")]:
        allowed = not between_keys or last is None or record.get(b"key") != last
        for _ in range(draw.choice((0, 0, 1, 1, 2)) if allowed else 0):
            n += 1
            out.append(msgpack.packb({"mm": 1, "kind": "mark", "key": f"mark {n}"}))
        out.append(raw)
        last = record.get(b"key")
    return b"".join(out)


def cut(data):
    """the stream up to the mark in its middle"""
    everything = list(records(data))
    at = [i for i, (record, _) in enumerate(everything) if is_mark(record)]
    return b"".join(raw for _, raw in everything[:at[len(at) // 2] + 1])


def ends_with_mark(data, form):
    *_, last = (is_mark(record) for record, _ in records(data)) if form == "stream" else (
        shows_mark(line, form) for line in data.split(b"\n")[:-1])
    return last


def strip(data, form):
    if form == "stream":
        return b"".join(raw for record, raw in records(data) if not is_mark(record))
    return b"".join(line + b"\n" for line in data.split(b"\n")[:-1] if not shows_mark(line, form))


def marks(data, form):
    """how many marks have come whole"""
    if form == "stream":
        return sum(is_mark(record) for record, _ in records(data))
    return sum(shows_mark(line, form) for line in data.split(b"\n")[:-1])


class Tool:
    def __init__(self, command):
        self.p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.out = b""
        os.set_blocking(self.p.stdin.fileno(), False)

    def move(self, data, enough):
        """writes data and reads what comes, both at once, until all is written and enough() holds"""
        end = time.monotonic() + PATIENCE
        with selectors.DefaultSelector() as wait:
            wait.register(self.p.stdout, selectors.EVENT_READ)
            if data:
                wait.register(self.p.stdin, selectors.EVENT_WRITE)
            while data or not enough():
                ready = wait.select(end - time.monotonic())
                if not ready:
                    self.p.kill()
                    sys.exit(f"no answer in {PATIENCE} s, after {len(self.out)} bytes: {self.p.args}")
                for key, _ in ready:
                    if key.fileobj is self.p.stdin:
                        data = data[os.write(key.fd, data[:65536]):]
                        if not data:
                            wait.unregister(self.p.stdin)
                    else:
                        got = os.read(key.fd, 65536)
                        if not got:
                            sys.exit(f"ended early, status {self.p.wait()}: {self.p.args}")
                        self.out += got

    def end(self):
        self.p.stdin.close()
        self.out += self.p.stdout.read()
        if self.p.wait():
            sys.exit(f"status {self.p.returncode}: {self.p.args}")
        return self.out


def ask(data, form, command):
    tool, n, part = Tool(command), 0, b""
    for record, raw in records(data):
        part += raw
        if is_mark(record):
            n += 1
            tool.move(part, lambda: marks(tool.out, form) == n)
            part = b""
    tool.move(part, lambda: True)
    return tool.end()


def each(data, form, command):
    tool = Tool(command)
    for record, raw in records(data):
        before = len(tool.out)
        tool.move(raw, lambda: len(tool.out) > before)
    return tool.end()


def holds(data, form, command):
    def output(stream):
        return subprocess.run(command, input=stream, stdout=subprocess.PIPE, check=True).stdout

    marked = insert(data, len(data) + len(command), "KEYS" in os.environ)
    want, got, half = output(data), output(marked), output(cut(marked))
    for what, held in (("the command writes something", want),
                       ("every mark comes out", marks(got, form) == marks(marked, "stream")),
                       ("marks change nothing else", strip(got, form) == want),
                       ("a mark comes after all that stands before it", ends_with_mark(half, form) and got.startswith(half)),
                       ("a mark is answered", ask(marked, form, command) == got)):
        if not held:
            sys.exit(f"does not hold: {what}: {command}")
    return b""


how, *words = sys.argv[1:]
given = sys.stdin.buffer.read()
sys.stdout.buffer.write(
    insert(given, int(words[0]), False) if how == "insert"
    else strip(given, words[0]) if how == "strip"
    else {"holds": holds, "each": each}[how](given, words[0], words[1:]))
