#!/usr/bin/env python3
"""mm-label --knn and --against beside scikit-learn and scipy on larger data; prints a table.

    tests/parity/label.py [MM_LABEL]      (scikit-learn, scipy, numpy, msgpack, msgpack_numpy)

Vectors are float32 clusters of 384 dimensions. A difference counts only where scikit-learn's own decision is not a tie
of float rounding: its two best labels lie further apart than 1e-5.
"""
import csv
import os
import subprocess
import sys
import tempfile
import time

import msgpack
import msgpack_numpy
import numpy as np
from scipy.special import softmax
from sklearn.neighbors import KNeighborsClassifier

MM_LABEL = sys.argv[1] if len(sys.argv) > 1 else "build/bin/mm-label"
RULES = {"majority": "uniform", "similarity": lambda d: np.maximum(1 - d, 0)}


def write(path, x, labels=None):
    with open(path, "wb") as f:
        for i, v in enumerate(x):
            r = {"mm": 1, "kind": "feature", "key": str(i), "data": v, "of": "text", "space": "s"}
            if labels is not None:
                r["label"] = str(labels[i])
            f.write(msgpack.packb(r, default=msgpack_numpy.encode))


def run(*args):
    start = time.time()
    out = subprocess.run([MM_LABEL, *args], check=True, capture_output=True, text=True).stdout
    return list(csv.DictReader(out.splitlines(), delimiter="\t")), time.time() - start


def report(what, rows, proba, classes, seconds, peer_seconds):
    order = np.sort(proba, 1)
    clear = order[:, -1] - order[:, -2] > 1e-5
    want = classes[proba.argmax(1)]
    got = np.array([r["label"] for r in rows])
    score = np.array([float(r["score"]) for r in rows])
    different = int(((got != want) & clear).sum())
    print("%-22s %6d asked %3d different, largest score error %.1e, %5.2f s (reference %5.2f s)"
          % (what, len(rows), different, np.abs(score - order[:, -1])[clear].max(), seconds, peer_seconds))
    return different


def main():
    rng = np.random.default_rng(1)
    centre = rng.normal(size=(20, 384))
    y, yq = rng.integers(0, 20, 20000), rng.integers(0, 20, 2000)
    x = (centre[y] + 4 * rng.normal(size=(20000, 384))).astype(np.float32)
    q = (centre[yq] + 4 * rng.normal(size=(2000, 384))).astype(np.float32)
    bad = 0
    with tempfile.TemporaryDirectory() as tmp:
        refs, asked, labels = (os.path.join(tmp, n + ".mm") for n in ("refs", "asked", "labels"))
        write(refs, x, y)
        write(asked, q)
        write(labels, centre.astype(np.float32), np.arange(20))
        names = np.array([str(i) for i in y])
        for rule, weights in RULES.items():
            for k in (1, 5, 50):
                start = time.time()
                m = KNeighborsClassifier(k, weights=weights, metric="cosine", algorithm="brute")
                proba = m.fit(x.astype(np.float64), names).predict_proba(q.astype(np.float64))
                peer = time.time() - start
                rows, seconds = run("--knn", refs, "-k", str(k), "--vote", rule, asked)
                bad += report("knn %s %d" % (rule, k), rows, proba, m.classes_, seconds, peer)
        start = time.time()
        u, c = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (q.astype(np.float64), centre))
        proba = softmax(20 * u @ c.T, axis=1)
        peer = time.time() - start
        rows, seconds = run("--against", labels, asked)
        bad += report("zero-shot", rows, proba, np.array([str(i) for i in range(20)]), seconds, peer)
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
