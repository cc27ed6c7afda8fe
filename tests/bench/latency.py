#!/usr/bin/env python3
"""Latency of one utterance through a warm coprocess: three seconds of speech, a picture and a sentence go into
mm-encode-audio | mm-encode-image | mm-encode-text | mm-fuse --label, each with --flush; the label is waited for before
the next one goes in. Prints p50, p95 in milliseconds. Models are given as --image, --text, --audio; MM_THREADS counts."""
import argparse
import os
import resource
import subprocess
import tempfile
import time

import msgpack
import msgpack_numpy
import numpy as np


def utterance(i, rng, size):
    sound = (0.1 * np.sin(np.arange(48000) * (0.01 + 0.002 * (i % 7))) + 0.01 * rng.standard_normal(48000)).astype(np.float32)
    image = rng.integers(0, 255, (size, size, 3), dtype=np.uint8)
    base = {"mm": 1, "key": f"u{i}", "src": f"u{i}"}
    yield {**base, "kind": "audio", "data": msgpack_numpy.encode(sound), "rate": 16000, "time": [0.0, 3.0]}
    yield {**base, "kind": "image", "data": msgpack_numpy.encode(image)}
    yield {**base, "kind": "text", "data": f"this is sentence number {i}, which says how one feels about it",
           "label": "yes" if i % 2 else "no"}


def packed(i, rng, size):
    """in the order of mm-stream(5): mm, kind, key …"""
    order = ("mm", "kind", "key", "src", "time", "data", "rate", "label")
    return b"".join(msgpack.packb({k: r[k] for k in order if k in r}) for r in utterance(i, rng, size))


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--image", default="imgfocus-vits14")
    p.add_argument("--text", default="minilm-l6")
    p.add_argument("--audio", default="whisper-base")
    p.add_argument("--precision", default="fp32")
    p.add_argument("--size", type=int, default=480, help="pixels of a picture's side")
    p.add_argument("-n", type=int, default=100)
    o = p.parse_args()
    rng = np.random.default_rng(1)
    encoders = [f"mm-encode-{m} -q --flush --precision {o.precision} -m {getattr(o, m)}" for m in ("audio", "image", "text")]
    with tempfile.TemporaryDirectory() as tmp:
        head = os.path.join(tmp, "head.safetensors")
        made = subprocess.run(" | ".join(encoders), shell=True, check=True, stdout=subprocess.PIPE,
                              input=b"".join(packed(i, rng, o.size) for i in range(8))).stdout
        subprocess.run(["mm-train", "classify", "-q", "--method", "gated", "--epochs", "2", "--valid-share", "0", "-o", head],
                       input=made, check=True)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        # the key after it completes a sample: the join waits for it, so each utterance ends with a mark
        pipe = subprocess.Popen(" | ".join(encoders + [f"mm-fuse -q --flush -m {head} --label"]), shell=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        out, times = msgpack.Unpacker(raw=False), []
        for i in range(o.n + 5):
            data = packed(100 + i, rng, o.size) + msgpack.packb({"mm": 1, "kind": "feature", "key": f"mark{i}", "src": "mark"})
            start = time.perf_counter()
            pipe.stdin.write(data)
            pipe.stdin.flush()
            label = None
            while label is None:
                out.feed(os.read(pipe.stdout.fileno(), 1 << 16))
                label = next((r for r in out if r["kind"] == "label" and r["key"] == f"u{100 + i}"), None)
            times.append(1e3 * (time.perf_counter() - start))
        pipe.stdin.close()
        pipe.wait()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    p50, p95 = np.quantile(times[5:], [0.5, 0.95])
    cpu = 1e3 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / len(times)
    print(f"p50 {p50:.1f} ms, p95 {p95:.1f} ms, {cpu:.0f} ms of processor time each ({o.n} utterances: {o.audio}, {o.image}, {o.text}, {o.precision})")


if __name__ == "__main__":
    main()
