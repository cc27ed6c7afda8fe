"""What the tests and benchmarks of live pipelines share: records, files made out of nothing, a pipeline whose ends the caller holds,
and a client that keeps several requests in flight. Needs msgpack alone."""
import collections
import fcntl
import os
import selectors
import struct
import subprocess
import tempfile
import time
import zlib

import msgpack

SMALL_PIPE = 1 << 16
LETTERS = "etaoinshrdlu"


def record(kind, key, **fields):
    """bytes of one record; the order of fields is that of mm-stream(5)"""
    order = ("part", "time", "data", "rate", "of", "label", "meta")
    return msgpack.packb({"mm": 1, "kind": kind, "key": key, **{k: fields[k] for k in ("src",) + order if k in fields}})


def mark(key):
    return record("mark", key)


def file_record(key, src, data, **fields):
    return record("file", key, src=src, data=data, **fields)


def tensor(data, kind, *shape):
    """a tensor as msgpack_numpy writes it"""
    return {b"nd": True, b"type": kind, b"kind": b"", b"shape": list(shape), b"data": data}


# ---- files ----

def sentence(rng, size):
    """about `size` bytes of words"""
    words = []
    while size > 0:
        word = "".join(rng.choice(LETTERS) for _ in range(rng.randint(1, 9)))
        words.append(word)
        size -= len(word) + 1
    return " ".join(words).encode()


def png(rng, width, height, noisy=True):
    """RGB; noisy ones are as large as their pixels, others small"""
    line = rng.randbytes if noisy else (lambda n: bytes([rng.randrange(256)]) * n)
    pixels = b"".join(b"\0" + line(3 * width) for _ in range(height))

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(pixels, 1)) + chunk(b"IEND", b"")


def pcm(rng, samples):
    """16-bit samples of a tone in noise"""
    step, noise = rng.uniform(0.01, 0.3), rng.randbytes(samples)
    return b"".join(struct.pack("<h", int(8000 * ((i * step) % 1 - 0.5)) + noise[i]) for i in range(samples))


def wav(rng, seconds, rate=16000):
    data = pcm(rng, min(int(seconds * rate), rate))  # a second is made, the rest repeats it
    while len(data) < 2 * int(seconds * rate):
        data += data
    data = data[:2 * int(seconds * rate)]
    return wav_head(len(data), rate) + data


def wav_head(size, rate=16000):
    return b"RIFF" + struct.pack("<I", min(size + 36, 0xffffffff)) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16) + b"data" + struct.pack("<I", size)


# ---- processes ----

class Pipeline:
    """commands: lists of words. write and read are the ends; the caller's to close."""

    def __init__(self, commands, env=None, quiet=True):
        self.stages, self.between, self.said = [], [], []
        theirs, self.write = os.pipe()
        self.between.append(os.dup(theirs))
        for c in commands:
            source, sink = os.pipe()
            self.said.append(tempfile.TemporaryFile() if quiet else None)  # a pipe would fill up
            self.stages.append(subprocess.Popen(c, stdin=theirs, stdout=sink, stderr=self.said[-1], env=env))
            os.close(theirs)
            os.close(sink)
            self.between.append(os.dup(source))
            theirs = source
        self.read = theirs

    def forget_ends(self):
        """Lets go of the pipes between the stages: before that, no end of one is noticed."""
        for fd in self.between:
            os.close(fd)
        self.between = []

    def narrow(self):
        """Pipes of 64 KiB everywhere; the tools have widened theirs by now. Waits until what a pipe holds fits."""
        for fd in self.between:
            for _ in range(1000):
                try:
                    fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, SMALL_PIPE)
                    break
                except OSError:  # EBUSY: more than that lies in it
                    time.sleep(0.01)
        self.forget_ends()

    def close(self):
        self.forget_ends()
        for fd in (self.write, self.read):
            if fd is not None:
                try:
                    os.close(fd)
                except OSError:
                    pass

    def wait(self, seconds):
        """(status, message) of each stage; kills what still runs, whose status is then None"""
        ends, until = [], time.monotonic() + seconds
        for p, said in zip(self.stages, self.said):
            try:
                p.wait(timeout=max(0.1, until - time.monotonic()))
                said.seek(0)
                ends.append((p.returncode, said.read().decode(errors="replace")))
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
                ends.append((None, "still running"))
        return ends

    def memory(self):
        """resident MiB of each stage"""
        return [resident(p.pid) for p in self.stages]


def resident(pid):
    """MiB, shared pages (the mapped weights) left out"""
    with open(f"/proc/{pid}/statm") as f:
        _, all_pages, shared = f.read().split()[:3]
    return (int(all_pages) - int(shared)) * os.sysconf("SC_PAGE_SIZE") / 2**20


# ---- the client ----

class Client:
    """Keeps up to `flight` requests on their way through the ends of a pipeline. A request is bytes that end with a mark of
    its name; its answer is every record up to that mark. Neither side is waited for while the other could go on, so full pipes never lock."""

    def __init__(self, write, read, flight):
        self.write, self.read, self.flight = write, read, flight
        self.sent, self.bytes_in = collections.deque(), 0
        self.unpacker, self.answer = msgpack.Unpacker(raw=False, strict_map_key=False, max_buffer_size=0), []
        self.queue = b""
        self.when = {}  # name → when its last byte was written
        for fd in (write, read):
            os.set_blocking(fd, False)

    def wants_write(self, more):
        return self.queue or (more and len(self.sent) < self.flight)

    def run(self, requests, patience=120):
        """requests: an iterator of (name, bytes). Yields (name, records) as answers come. Ends when all are answered, or at the
        end of the stream. Raises TimeoutError when nothing moves for `patience` seconds."""
        requests, more = iter(requests), True
        sel = selectors.DefaultSelector()
        sel.register(self.read, selectors.EVENT_READ)
        writing = False
        while more or self.sent or self.queue:
            if self.write is None:
                more, self.queue = False, b""
            while more and not self.queue and len(self.sent) < self.flight:
                try:
                    name, data = next(requests)
                    self.sent.append(name)
                    self.queue = memoryview(data)
                except StopIteration:
                    more = False
            if bool(self.queue) != writing and self.write is not None:
                writing = bool(self.queue)
                (sel.register(self.write, selectors.EVENT_WRITE) if writing else sel.unregister(self.write))
            if not self.sent and not self.queue:
                break
            ready = sel.select(patience)
            if not ready:
                raise TimeoutError(f"nothing moved for {patience} s; waiting for {self.sent[0] if self.sent else 'nothing'}")
            for key, _ in ready:
                if key.fd == self.read:
                    try:
                        data = os.read(self.read, 1 << 20)
                    except BlockingIOError:
                        continue
                    if not data:
                        return
                    self.bytes_in += len(data)
                    yield from self.feed(data)
                elif not self.put():
                    sel.unregister(self.write)
                    self.write, writing = None, False

    def put(self):
        """False when nobody reads it any more."""
        try:
            n = os.write(self.write, self.queue)
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        self.queue = self.queue[n:]
        if not self.queue:
            self.when[self.sent[-1]] = time.monotonic()
        return True

    def feed(self, data):
        self.unpacker.feed(data)
        for r in self.unpacker:
            if r["kind"] == "mark":
                name = self.sent.popleft()
                if r["key"] != name:
                    raise AssertionError(f"the mark {r['key']} came in place of {name}")
                answer, self.answer = self.answer, []
                yield name, answer
            else:
                self.answer.append(r)

    def left(self):
        """Bytes of a record that did not come to its end."""
        return self.bytes_in - self.unpacker.tell()
