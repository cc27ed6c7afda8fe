#!/usr/bin/env python3
"""A client of mm-fuse that writes into pipes, waits, and reads: fuse_live.py TEST [ARGUMENT]... Fails when an answer does
not come before more is written, or is not the right one."""
import fcntl
import io
import os
import random
import select
import struct
import subprocess
import sys
import tempfile
import threading
import time
from array import array

import msgpack

PATIENCE = 20  # seconds that an answer may take on a busy machine


def vector(values):
    return {b"nd": True, b"type": "<f4", b"kind": b"", b"shape": [len(values)], b"data": array("f", values).tobytes()}


def feature(key, of, values, time=None, **more):
    record = {"mm": 1, "kind": "feature", "key": key, "src": key + "." + of}
    record.update({k: more.pop(k) for k in ("part",) if k in more})
    if time:
        record["time"] = list(time)
    return msgpack.packb({**record, "data": vector(values), "of": of, "space": "s", **more})


def mark(key, **more):
    return msgpack.packb({"mm": 1, "kind": "mark", "key": key, **more})


PASSES = msgpack.packb({"mm": 1, "kind": "text", "key": "passes", "data": "x"})


def floats(record):
    return list(array("f", record["data"][b"data"]))


class Fuse:
    """mm-fuse with one pipe for each stream; `read` gives its next records."""

    def __init__(self, *options, streams=1):
        self.dir = tempfile.TemporaryDirectory()
        paths = [os.path.join(self.dir.name, f"s{i}") for i in range(streams)]
        for path in paths[: streams if streams > 1 else 0]:
            os.mkfifo(path)
        self.run = subprocess.Popen(["mm-fuse", *options, *(paths if streams > 1 else [])],
                                    stdin=subprocess.PIPE if streams == 1 else subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.to = [self.run.stdin.fileno()] if streams == 1 else [os.open(p, os.O_WRONLY) for p in paths]
        self.from_ = self.run.stdout.fileno()
        self.unpack = msgpack.Unpacker(strict_map_key=False)

    def write(self, stream, *records):
        data = b"".join(records)
        while data:
            data = data[os.write(self.to[stream], data):]

    def close(self, stream):
        os.close(self.to[stream])
        if self.run.stdin and stream == 0:
            self.run.stdin = None

    def read(self, n):
        """the next n records, all of which must come before anything else is written"""
        got = []
        while len(got) < n:
            for record in self.unpack:
                got.append(record)
                if len(got) == n:
                    return got
            assert select.select([self.from_], [], [], PATIENCE)[0], f"no answer; so far {got}"
            data = os.read(self.from_, 1 << 16)
            assert data, f"the output ended; so far {got}; {self.run.stderr.read().decode()}"
            self.unpack.feed(data)
        return got

    def silent(self, stream=0):
        """what was written so far gives no answer: a record that passes, written after it, comes first; with --flush"""
        self.write(stream, PASSES)
        got = self.read(1)
        assert got == [msgpack.unpackb(PASSES)], f"an answer that was not due: {got}"

    def rest(self):
        """the rest, and what was said"""
        rest = list(self.unpack)
        while data := os.read(self.from_, 1 << 16):
            self.unpack.feed(data)
            rest += list(self.unpack)
        return rest, self.run.stderr.read().decode()

    def end(self):
        """the rest, what was said, and the exit status"""
        return *self.rest(), self.run.wait()


def summary(records):
    return [(r["kind"], r["key"]) for r in records]


def one_stream(*options):
    """each request is answered before the next is written; the mark leaves as it came"""
    f = Fuse(*options)
    for i in range(5):
        end = mark(f"r{i}", meta={"n": i}, other=[1, 2])
        f.write(0, feature("k", "voice", [i, 1]), feature("k", "face", [i, 2]), end)
        got = f.read(2)
        assert summary(got) == [("feature" if "--label" not in options else "label", "k"), ("mark", f"r{i}")], got
        assert got[1] == msgpack.unpackb(end)
        if "concat" in options:
            assert floats(got[0]) == [i, 2, i, 1]
    f.write(0, mark("a"), mark("b"))  # requests that hold nothing
    assert summary(f.read(2)) == [("mark", "a"), ("mark", "b")]
    f.write(0, feature("z", "voice", [7, 1]), PASSES)  # a sample without a mark ends with the input
    f.close(0)
    rest, said, status = f.end()
    assert [r["key"] for r in rest] == ["passes", "z"] and status == 0 and "not put together" not in said, (rest, said, status)


def in_order():
    """what passes, what fails and what is fused keep their order between marks, also when all of it is there at once"""
    f = Fuse("--method", "concat", "--require", "voice")
    text = msgpack.packb({"mm": 1, "kind": "text", "key": "t", "data": "x"})
    sent = []
    for i in range(300):
        sent += [feature(f"a{i}", "voice", [i]), text, mark(f"m{i}"), feature(f"b{i}", "face", [i, i]), mark(f"n{i}")]
    threading.Thread(target=lambda: (f.write(0, *sent), f.close(0))).start()
    got, _, status = f.end()
    want = []
    for i in range(300):
        want += [("text", "t"), ("feature", f"a{i}"), ("mark", f"m{i}"), ("error", f"b{i}"), ("mark", f"n{i}")]
    assert summary(got) == want and status == 1, (summary(got)[:12], status)


def unread():
    """a client that writes and reads in turn, with answers left in the pipe: no deadlock with full pipes"""
    f = Fuse("--method", "mean")
    n, wide = 400, 4000
    writer = threading.Thread(target=lambda: [f.write(0, feature(f"k{i}", "x", [i] * wide), mark(f"k{i}")) for i in range(n)])
    writer.start()
    got = f.read(2 * n)
    assert [r["key"] for r in got] == [f"k{i}" for i in range(n) for _ in (0, 1)]
    assert all(floats(got[2 * i])[0] == i for i in range(n))
    writer.join()
    f.close(0)
    assert f.end()[2] == 0


def two_streams(*options):
    """the k-th marks are one: the first stream's, when both have come"""
    f = Fuse(*options, "--method", "concat", "--of", "voice,face", streams=2)
    for i in range(4):
        f.write(0, feature(f"k{i}", "voice", [i]), mark(f"m{i}", meta={"from": "first"}))
        if options:
            f.silent(1)
        f.write(1, feature(f"k{i}", "face", [-i]), mark(f"m{i}", meta={"from": "second"}))
        got = f.read(2)
        assert summary(got) == [("feature", f"k{i}"), ("mark", f"m{i}")] and got[1]["meta"] == {"from": "first"}
        assert floats(got[0]) == [i, -i]
    # in another order, and with more in one than in the other
    f.write(1, feature("b", "face", [2]), feature("a", "face", [1]), mark("x"))
    f.write(0, feature("a", "voice", [1]), feature("b", "voice", [2]), mark("x"))
    got = f.read(3)
    assert sorted((r["key"], *floats(r)) for r in got[:2]) == [("a", 1, 1), ("b", 2, 2)] and got[2]["key"] == "x"
    # a stream that has ended keeps nobody waiting
    f.close(1)
    f.write(0, feature("c", "voice", [3]), mark("y"))
    assert summary(f.read(2)) == [("feature", "c"), ("mark", "y")]
    f.close(0)
    assert f.end()[2] == 0


def marks_differ():
    f = Fuse("--method", "concat", streams=2)
    f.write(0, feature("a", "x", [1]), mark("one"), mark("two"), mark("three"))
    f.write(1, feature("a", "y", [1]), mark("one"), mark("zwei"), mark("drei"))
    assert summary(f.read(4)) == [("feature", "a"), ("mark", "one"), ("mark", "two"), ("mark", "three")]
    f.close(0)
    f.close(1)
    _, said, status = f.end()
    assert said.count("mark 2 is two in stream 1 and zwei in stream 2") == 1 and "drei" not in said, said
    assert status == 0


def one_producer():
    """a producer that writes its pipes in turn, each more than a pipe holds, is never left waiting"""
    f = Fuse("--method", "concat", "--memory", "256M", streams=2)
    n, wide = 500, 4000
    def produce():
        for stream, of in ((1, "b"), (0, "a")):  # 8 MB into the one before the first byte of the other
            for i in range(n):
                f.write(stream, feature(f"k{i}", of, [i] * wide))
        f.close(0)
        f.close(1)
    threading.Thread(target=produce).start()
    got, _, status = f.end()
    assert len(got) == n and status == 0 and all(len(floats(r)) == 2 * wide for r in got), len(got)


def at_once():
    """--flush: a sample leaves when the next key comes"""
    f = Fuse("--method", "concat", "--flush")
    f.write(0, feature("a", "x", [1]), feature("a", "y", [2]))
    f.silent()
    f.write(0, feature("b", "x", [3]))
    assert summary(f.read(1)) == [("feature", "a")]
    f.close(0)
    assert summary(f.end()[0]) == [("feature", "b")]


def half_a_record():
    """an answer does not wait for the rest of a record that has begun to come"""
    f = Fuse("--method", "concat")
    whole = feature("b", "x", [1] * 1000)
    f.write(0, feature("a", "x", [1] * 1000), mark("m"), whole[:1000])
    assert summary(f.read(2)) == [("feature", "a"), ("mark", "m")]
    f.write(0, whole[1000:])
    f.close(0)
    assert summary(f.end()[0]) == [("feature", "b")]


LIVE = ["--join", "time", "--window", "2", "--lateness"]


def windows():
    """a window is answered when all have passed it, else soon after, without what is missing"""
    f = Fuse(*LIVE, "0.3", "--method", "concat", "--of", "voice,face")
    f.write(0, *(feature("call", of, [1 + (of == "face")], (0, 2)) for of in ("voice", "face")))
    got = f.read(1)  # nothing else comes: the clock closes it
    assert floats(got[0]) == [1, 2] and got[0]["part"] == 0 and got[0]["time"] == [0, 2] and got[0]["key"] == "call"
    f.write(0, *(feature("call", of, [3 + (of == "face")], (2, 4)) for of in ("voice", "face")))
    assert floats(f.read(1)[0]) == [3, 4]
    f.write(0, feature("call", "voice", [5], (4, 6)))  # the face is away
    got = f.read(1)
    assert floats(got[0]) == [5, 0] and got[0]["meta"]["missing"] == "face" and got[0]["part"] == 2
    f.write(0, feature("call", "face", [6], (4, 6)))  # late for the third window
    f.write(0, feature("call", "voice", [7], (6, 8)), feature("call", "face", [8], (6, 8)), mark("m"))
    got = f.read(2)
    assert floats(got[0]) == [7, 8] and got[1]["key"] == "m"
    f.write(0, feature("call", "voice", [9], (100, 102)))  # windows go on where they are
    f.close(0)
    rest, said, status = f.end()
    assert [(r["part"], r["time"], floats(r)) for r in rest] == [(50, [100, 102], [9, 0])]
    assert said.count("came after its window was closed, and is left out there: call (face, 4.000 to 6.000 s)") == 1, said
    assert "records that came after a window of theirs was closed: 1" in said and status == 1, (said, status)


def stalled():
    """a stream on which nothing comes holds up the others for no longer than --lateness, and is heard when it comes back"""
    f = Fuse(*LIVE, "3", "--method", "mean", "--of", "voice,face", streams=2)
    f.write(1, *(feature("call", "face", [i], (2 * i, 2 * i + 2)) for i in range(3)))
    assert [floats(r) for r in f.read(3)] == [[0], [1], [2]]
    f.write(1, feature("call", "face", [3], (6, 8)))
    assert floats(f.read(1)[0]) == [3]
    f.write(0, feature("call", "voice", [5], (8, 10)))
    f.write(1, feature("call", "face", [3], (8, 10)))
    assert floats(f.read(1)[0]) == [4]
    f.close(0)
    f.close(1)
    _, said, status = f.end()
    assert (said, status) == ("", 0), (said, status)


def equal_to_batch():
    """what comes bit by bit over two pipes gives what the files give, byte for byte, when nothing is late"""
    random.seed(7)
    made = [[], []]
    for key in ("one", "two"):
        for of, stream, length, hop in (("voice", 0, 2, 1), ("words", 0, 0.7, 1.9), ("face", 1, 0.04, 0.04)):
            at = random.random()
            while at < 12:
                made[stream].append((key, at + length, feature(key, of, [random.random()] * 3, (at, at + length), label="c")))
                at += hop
    streams = [[r[2] for r in sorted(m, key=lambda r: (r[0], r[1]))] for m in made]
    f = Fuse(*LIVE, "30", "--hop", "1.5", "--method", "concat", "--of", "voice,words,face", streams=2)

    def slowly(stream):
        data = b"".join(streams[stream])
        while data:
            n = random.randrange(1, 9000)
            f.write(stream, data[:n])
            data = data[n:]
            time.sleep(random.random() / 200)
        f.close(stream)

    for stream in (0, 1):
        threading.Thread(target=slowly, args=(stream,)).start()
    live, said, status = f.end()
    for i in (0, 1):
        with open(f"s{i}.mm", "wb") as out:
            out.write(b"".join(streams[i]))
    whole = subprocess.run(["mm-fuse", *LIVE[:4], "--hop", "1.5", "--method", "concat", "--of", "voice,words,face", "s0.mm",
                            "s1.mm"], stdout=subprocess.PIPE, check=True).stdout
    whole = list(msgpack.Unpacker(io.BytesIO(whole), strict_map_key=False))
    assert status == 0 and said == "" and len(whole) > 10, (status, said, len(whole))
    assert live == whole, [x for x in zip(live, whole) if x[0] != x[1]][:1]


def recorded():
    """what is there to be read is never late: files, pipes that are full, sources one after the other in one stream"""
    random.seed(8)
    voice = [feature("call", "voice", [random.random()], (k, k + 2)) for k in range(0, 28, 2)]
    face = [feature("call", "face", [random.random()] * 40, (k / 10, k / 10 + 0.04)) for k in range(280)]
    for name, records in (("voice.mm", voice), ("face.mm", face), ("both.mm", voice + face)):
        with open(name, "wb") as out:
            out.write(b"".join(records))
    fuse = ["mm-fuse", *LIVE[:4], "--method", "concat"]

    def result(*options, status=0, **how):
        run = subprocess.run([*fuse, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)
        assert run.returncode == status and (status or not run.stderr), (options, run)
        return run.stdout

    want = result("voice.mm", "face.mm")
    assert len(list(msgpack.Unpacker(io.BytesIO(want)))) == 14
    for lateness in ("0", "0.5", "2"):
        assert result("--lateness", lateness, "voice.mm", "face.mm") == want, lateness
        assert result("--lateness", lateness, "face.mm", "voice.mm") == result("face.mm", "voice.mm"), lateness
    assert result("--lateness", "0", "--of", "voice,face", "both.mm") == result("--of", "voice,face", "both.mm")
    with open("both.mm", "rb") as both:  # windows do not wait for the face, of which nothing is known: it is lost, and not in silence
        assert result("-q", "--lateness", "0", status=1, stdin=both) != want
    ends = []
    for records in (voice, face):
        ends.append(os.pipe())
        fcntl.fcntl(ends[-1][1], fcntl.F_SETPIPE_SZ, 1 << 20)
        os.write(ends[-1][1], b"".join(records))
        os.close(ends[-1][1])
    assert result("--lateness", "0.5", *(f"/dev/fd/{e[0]}" for e in ends), pass_fds=[e[0] for e in ends]) == want


def behind():
    """a stream on which nothing comes is passed by, and what it brings later is late; one that has something is read first"""
    f = Fuse(*LIVE, "3", "--method", "mean", "--of", "voice,face", streams=2)
    f.write(0, feature("call", "voice", [1], (0, 2)))
    f.write(1, *(feature("call", "face", [i], (2 * i, 2 * i + 2)) for i in range(4)))
    assert [floats(r) for r in f.read(4)] == [[0.5], [1], [2], [3]]
    f.write(0, feature("call", "voice", [5], (2, 4)))
    f.close(0)
    f.close(1)
    rest, said, status = f.end()
    assert (rest, status) == ([], 1) and "was closed: 1" in said, (rest, said, status)


def odd_times():
    """a key with a time that cannot be is one error, and the next key is whole; a window may be far longer than its records"""
    for times in ((1e300, 0), (float("inf"), 1), (float("nan"), 1), (0, 1e300)):
        f = Fuse(*LIVE, "1", "--method", "mean")
        f.write(0, *(feature("a", "voice", [1], t) for t in ((0, 2), times, (2, 4))), feature("b", "voice", [1], (0, 2)))
        f.close(0)
        got, said, status = f.end()
        assert [(r["kind"], r["key"]) for r in got if r["key"] == "b"] == [("feature", "b")], (times, got)
        assert [r["kind"] for r in got].count("error") == 1 and status == 1 and "late" not in said, (times, got, said, status)
    for lateness in ([], ["--lateness", "1"], ["--lateness", "1e19"]):
        f = Fuse("--join", "time", "--window", "1e9", "--method", "mean", *lateness)
        f.write(0, feature("a", "voice", [1], (0, 1)))
        f.close(0)
        assert [floats(r) for r in f.end()[0]] == [[1]]


def full_batches():
    """a mark behind as many records as a batch holds is answered"""
    for n in (127, 128, 129, 256):
        f = Fuse("-m", "align.safetensors")
        f.write(0, *(feature(f"k{i}", "voice", [1, i]) for i in range(n)), mark("m"))
        assert f.read(n + 1)[-1]["key"] == "m"


def strict():
    """of several streams, too, the first broken record ends the run, though its writers go on"""
    f = Fuse("--strict", "--method", "concat", streams=2)
    f.write(1, b"\x81\xa2mm\xff")
    status = f.run.wait(PATIENCE)
    assert status == 2, (status, f.run.stderr.read())


def endless():
    """200,000 windows take no more memory than 2,000"""
    def peak(n):
        run = subprocess.Popen(["mm-fuse", *LIVE[:2], "--window", "0.5", "--lateness", "1", "--method", "concat"],
                               stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        times = struct.Struct(">BBdBd")
        parts = [feature("call", of, [1, 2], (1e9, 2e9)).split(times.pack(0x92, 0xCB, 1e9, 0xCB, 2e9)) for of in ("voice", "face")]
        for start in range(0, n, 1000):
            packed = [times.pack(0x92, 0xCB, k / 2, 0xCB, k / 2 + 0.5) for k in range(start, start + 1000)]
            run.stdin.write(b"".join(p[0] + t + p[1] for t in packed for p in parts))
        run.stdin.close()
        _, status, usage = os.wait4(run.pid, 0)
        run.returncode = status
        assert status == 0
        return usage.ru_maxrss
    few, many = peak(2000), peak(200000)
    assert many < few + 4096, (few, many)


def many_keys():
    """5,000 keys beside a FIFO that is silent take no more memory than 500; what comes of them later is late"""
    def peak(n):
        f = Fuse(*LIVE, "0", "--method", "mean", streams=2)
        for i in range(0, n, 10):
            f.write(0, *(feature(f"k{k}", "voice", [k], (0, 1)) for k in range(i, i + 10)))
            got = f.read(10 if i else 9)  # all but the key that is open
            assert [r["key"] for r in got] == [f"k{k}" for k in range(max(i - 1, 0), i + 9)], got
        f.write(1, feature("k7", "face", [1], (0, 1)))
        f.close(0)
        f.close(1)
        rest, said = f.rest()
        _, status, usage = os.wait4(f.run.pid, 0)
        f.run.returncode = os.waitstatus_to_exitcode(status)
        assert f.run.returncode == 1
        assert [r["key"] for r in rest] == [f"k{n - 1}"] and "was closed: 1" in said, (rest, said)
        return usage.ru_maxrss
    few, many = peak(500), peak(5000)
    assert many < few + 4096, (few, many)


def left():
    """a window of a key that one stream has left, or that has ended, waits S seconds for the other, whose pipe is open"""
    for ends in (True, False):
        f = Fuse(*LIVE, "0.3", "--method", "mean", "--of", "voice,face", streams=2)
        f.write(0, feature("call", "voice", [1], (0, 1)))
        f.write(1, feature("call", "face", [3], (0, 0.5)))
        f.close(0) if ends else f.write(0, feature("next", "voice", [1], (0, 1)))
        got = f.read(1)[0]
        assert (got["key"], floats(got)) == ("call", [2]), got


def full():
    """a producer that is waited for, and waits itself, is told about --memory"""
    f = Fuse("--method", "concat", "--memory", "1M", streams=2)
    data = b"".join(feature(f"k{i}", "face", [i] * 4000) for i in range(500))
    threading.Thread(target=lambda: f.write(1, data), daemon=True).start()
    assert select.select([f.run.stderr], [], [], PATIENCE)[0], "not a word"
    said = f.run.stderr.readline().decode()
    assert "--memory sets the limit" in said and f.run.poll() is None, said
    f.run.kill()
    os._exit(0)  # its writer is stuck


def training():
    """samples of two classes, told apart by voice and face"""
    for i in range(40):
        for of in ("voice", "face"):
            sys.stdout.buffer.write(feature(f"k{i}", of, [i % 2 * 3 + random.random(), i % 7], label="ab"[i % 2]))


def live_head():
    """labels of windows of a call, with the weight of each modality: none for the face while it is away"""
    f = Fuse(*LIVE, "0.3", "-m", "head.safetensors", "--label", "--attention")
    for i in range(6):
        away = i in (2, 3)
        f.write(0, feature("call", "voice", [3, 1], (2 * i, 2 * i + 2)), *[feature("call", "face", [3, 1], (2 * i, 2 * i + 2))][away:])
        label, attention = f.read(2)
        weights = label["meta"]["weights"]
        assert (label["kind"], label["part"], label["time"]) == ("label", i, [2 * i, 2 * i + 2]), label
        assert (attention["of"], attention["time"]) == ("attention", label["time"]) and len(floats(attention)) == (1 if away else 4)
        assert abs(sum(weights.values()) - 1) < 1e-6 and (weights["face"] == 0) == away, weights
        assert label["label"]["b"] > 0.5
    f.close(0)
    assert f.end() == ([], "", 0)


def marked(*files):
    """the records of these streams key by key, with a mark after each key"""
    samples = {}
    for file in files:
        with open(file, "rb") as stream:
            for record in msgpack.Unpacker(stream, strict_map_key=False):
                samples.setdefault(record["key"], []).append(msgpack.packb(record))
    for key, records in samples.items():
        sys.stdout.buffer.write(b"".join(records) + mark(key))


globals()[sys.argv[1]](*sys.argv[2:])
