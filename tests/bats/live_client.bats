#!/usr/bin/env bats
# A client of a live pipeline, with its answers compared one by one: tests/live/client.py, with few requests (by hand: a thousand).

bats_require_minimum_version 1.5.0

setup() {
    python=${MM_PYTHON:-python3}
    "$python" -c 'import msgpack' 2>/dev/null || skip "needs Python's msgpack (set MM_PYTHON)"
    client=$BATS_TEST_DIRNAME/../live/client.py
}

@test "every answer is right and under its own mark, through pipes of 64 KiB" {
    "$python" "$client" -n 80 --different 12 narrow
}

@test "a client that stops inside a record or is killed, and a stage that is killed: the others end by themselves" {
    "$python" "$client" -n 40 --different 8 cut client decode text audio
}

