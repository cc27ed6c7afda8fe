#!/usr/bin/env python3
"""Writes tests/goldens/label/: features, and what scikit-learn and numpy say about them.

    python3 tests/goldens/make_label.py      (scikit-learn 1.7, numpy 2, msgpack, msgpack-numpy)

examples.mm   60 labelled vectors of 12 dimensions in 4 overlapping classes
queries.mm    25 unlabelled ones, with records of other kinds in between
labels.mm     one vector a label, two for "bird" (prompts of one class), with a logit scale
knn.json      for each rule and k: predict and predict_proba of KNeighborsClassifier(metric="cosine")
zeroshot.json softmax(scale * cosine) with the mean direction of each label's vectors
"""
import json
import os

import msgpack
import msgpack_numpy
import numpy as np
from sklearn.neighbors import KNeighborsClassifier

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "label")
NAMES = ["dog", "bird", "cat", "h\u00f6rnchen"]
RULES = {"majority": "uniform", "similarity": lambda d: np.maximum(1 - d, 0)}


def pack(f, record):
    f.write(msgpack.packb({"mm": 1, **record}, default=msgpack_numpy.encode))


def feature(key, v, **more):
    return {"kind": "feature", "key": key, "src": key + ".jpg", "data": v, "of": "image", "space": "toy@1/cls", **more}


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def main():
    os.makedirs(HERE, exist_ok=True)
    rng = np.random.default_rng(7)
    centre = rng.normal(size=(4, 12))
    y = rng.integers(0, 4, 60)
    x = (centre[y] + 1.5 * rng.normal(size=(60, 12))).astype(np.float32)
    q = (centre[rng.integers(0, 4, 25)] + 1.5 * rng.normal(size=(25, 12))).astype(np.float32)
    labels = (centre[[0, 1, 1, 2, 3]] + 0.3 * rng.normal(size=(5, 12))).astype(np.float32)
    with open(os.path.join(HERE, "examples.mm"), "wb") as f:
        for i in range(60):
            pack(f, feature("x%02d" % i, x[i], label=NAMES[y[i]]))
    with open(os.path.join(HERE, "queries.mm"), "wb") as f:
        for i in range(25):
            if i % 10 == 3:
                pack(f, {"kind": "text", "key": "t%d" % i, "data": "something else"})
                pack(f, {"kind": "feature", "key": "t%d" % i, "data": q[i], "of": "text", "space": "other@2"})
            pack(f, feature("q%02d" % i, q[i]))
    with open(os.path.join(HERE, "labels.mm"), "wb") as f:
        for name, v in zip(["dog", "bird", "bird", "cat", "h\u00f6rnchen"], labels):
            pack(f, feature("labels:1", v, label=name, meta={"logit_scale": 10.0}))
    want = {}
    for rule, weights in RULES.items():
        for k in (1, 2, 4, 5, 16, 60):
            m = KNeighborsClassifier(k, weights=weights, metric="cosine", algorithm="brute")
            m.fit(x.astype(np.float64), [NAMES[i] for i in y])
            want["%s %d" % (rule, k)] = {"predict": list(m.predict(q.astype(np.float64))),
                                         "proba": [round(p, 6) for p in m.predict_proba(q.astype(np.float64)).max(1)]}
    with open(os.path.join(HERE, "knn.json"), "w") as f:
        json.dump(want, f, indent=0)
    u = unit(labels.astype(np.float64))
    mean = unit(np.stack([u[0], u[1] + u[2], u[3], u[4]]))
    names = ["dog", "bird", "cat", "h\u00f6rnchen"]
    logits = 10 * unit(q.astype(np.float64)) @ mean.T
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    with open(os.path.join(HERE, "zeroshot.json"), "w") as f:
        json.dump([{names[j]: round(p[i, j], 6) for j in np.argsort(-p[i])} for i in range(25)], f, indent=0)


if __name__ == "__main__":
    main()
