#!/usr/bin/env python3
"""Latency of one utterance through a warm coprocess: three seconds of speech, a picture and a sentence go into
mm-encode-audio | mm-encode-image | mm-encode-text | mm-fuse --label, each with --flush; the label is waited for before
the next one goes in. Prints p50, p95 in milliseconds, the processor time that each tool took for an utterance, and the
machine's load: the tools take turns, so where both threads are had and nobody else runs, the wall time comes close to half of the sum,
and on a busy machine the rest of it is waiting. Models are given as --image, --text, --audio; MM_THREADS counts."""
import argparse
import os
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


def start_pipeline(commands):
    stages, source = [], subprocess.PIPE
    for c in commands:
        stages.append(subprocess.Popen(c.split(), stdin=source, stdout=subprocess.PIPE))
        if source != subprocess.PIPE:
            source.close()
        source = stages[-1].stdout
    return stages


def processor_ms(stages):
    """user and system time so far of each process, all its threads"""
    return np.array([1e-6 * sum(int(open(f"/proc/{p.pid}/task/{t}/schedstat").read().split()[0])
                                for t in os.listdir(f"/proc/{p.pid}/task")) for p in stages])


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--image", default="imgfocus-vits14")
    p.add_argument("--text", default="minilm-l6")
    p.add_argument("--audio", default="whisper-base")
    p.add_argument("--precision", default="fp32")
    p.add_argument("--size", type=int, default=480, help="pixels of a picture's side")
    p.add_argument("-n", type=int, default=100)
    p.add_argument("--warm", type=int, default=5, help="utterances before the clock starts")
    o = p.parse_args()
    rng = np.random.default_rng(1)
    encoders = [f"mm-encode-{m} -q --flush --precision {o.precision} -m {getattr(o, m)}" for m in ("audio", "image", "text")]
    with tempfile.TemporaryDirectory() as tmp:
        head = os.path.join(tmp, "head.safetensors")
        made = subprocess.run(" | ".join(encoders), shell=True, check=True, stdout=subprocess.PIPE,
                              input=b"".join(packed(i, rng, o.size) for i in range(8))).stdout
        subprocess.run(["mm-train", "classify", "-q", "--method", "gated", "--epochs", "2", "--valid-fraction", "0", "-o", head],
                       input=made, check=True)
        # the key after it completes a sample: the join waits for it, so each utterance ends with a mark
        commands = encoders + [f"mm-fuse -q --flush -m {head} --label"]
        stages = start_pipeline(commands)
        out, times, load = msgpack.Unpacker(raw=False), [], os.getloadavg()[0]
        for i in range(-o.warm, o.n):
            if i == 0:
                before = processor_ms(stages)
            data = packed(100 + i, rng, o.size) + msgpack.packb({"mm": 1, "kind": "feature", "key": f"mark{i}", "src": "mark"})
            start = time.perf_counter()
            stages[0].stdin.write(data)
            stages[0].stdin.flush()
            label = None
            while label is None:
                out.feed(os.read(stages[-1].stdout.fileno(), 1 << 16))
                label = next((r for r in out if r["kind"] == "label" and r["key"] == f"u{100 + i}"), None)
            times.append(1e3 * (time.perf_counter() - start))
        cpu = (processor_ms(stages) - before) / o.n
        stages[0].stdin.close()
        for p in stages:
            p.wait()
    p50, p95 = np.quantile(times[o.warm:], [0.5, 0.95])
    names = (o.audio, o.image, o.text, "mm-fuse")
    print(f"p50 {p50:.1f} ms, p95 {p95:.1f} ms, {cpu.sum():.0f} ms of processor time each ("
          + ", ".join(f"{n} {c:.1f}" for n, c in zip(names, cpu))
          + f"); {o.n} utterances, {o.precision}, MM_THREADS={os.environ.get('MM_THREADS', '')}, load {load:.1f}")


if __name__ == "__main__":
    main()
