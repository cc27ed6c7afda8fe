#!/usr/bin/env python3
"""Talks to a program over two pipes, as a client does: talk.py OUT COMMAND..., with lines on standard input:

    send 'TEXT'            writes it, a Python string (its characters are bytes)
    file NAME [FROM [TO]]  writes these bytes of a file
    expect NAME...         waits for the next records: their src, or their key where they have none

In the end everything that the program wrote is in OUT, and its status is the exit status; 99: the wrong record came, or none
within 20 seconds."""
import ast
import os
import selectors
import shlex
import subprocess
import sys
import time

import msgpack

PATIENCE = 20

out, command = sys.argv[1], sys.argv[2:]
program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
came, records, unpacker = bytearray(), [], msgpack.Unpacker(max_buffer_size=2**30, strict_map_key=False)
poll = selectors.DefaultSelector()
poll.register(program.stdout, selectors.EVENT_READ)


def give_up(why):
    program.kill()
    print(f"talk.py: {why}", file=sys.stderr)
    sys.exit(99)


def read(until):
    """What has come, or comes until then. False at the end."""
    if not poll.select(max(0, until - time.monotonic())):
        give_up(f"nothing came within {PATIENCE} seconds after {len(came)} bytes")
    data = os.read(program.stdout.fileno(), 1 << 20)
    came.extend(data)
    unpacker.feed(data)
    records.extend(unpacker)
    return bool(data)


def expect(*names):
    until = time.monotonic() + PATIENCE
    for name in names:
        while not records:
            if not read(until):
                give_up(f"the program ended before {name}")
        record = records.pop(0)
        if record.get("src", record.get("key")) != name:
            give_up(f"{record.get('src', record.get('key'))} came, not {name}")


def send(data):
    try:
        program.stdin.write(data)
    except BrokenPipeError:
        pass


for line in sys.stdin:
    do, *arguments = shlex.split(line, comments=True, posix=False) or [""]
    if do == "send":
        send(ast.literal_eval(line.split(None, 1)[1]).encode("latin-1"))
    elif do == "file":
        first, last, *_ = [*map(int, arguments[1:]), *(0, 1 << 62)[len(arguments) - 1:]]
        with open(arguments[0], "rb") as file:
            send(file.read()[first:last])
    elif do == "expect":
        expect(*arguments)
program.stdin.close()
while read(time.monotonic() + PATIENCE):
    pass
with open(out, "wb") as file:
    file.write(came)
sys.exit(program.wait())
