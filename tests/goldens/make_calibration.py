#!/usr/bin/env python3
"""Logits, targets (−1: none) and the temperature at which their log loss against smoothed targets, as Platt's, is lowest, by
SciPy and scikit-learn, for tests/unit/test_calibrate.c: tests/goldens/calibration.json. In the last two cases no sample is
wrong.

    pip install scikit-learn; tests/goldens/make_calibration.py"""
import json
import os

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.metrics import log_loss

HERE = os.path.dirname(os.path.abspath(__file__))


def smoothed_loss(y, logits, t):
    """Each sample counts as one of each class: (n + 1) / (n + 2) of its own, the others share the rest."""
    n, classes = logits.shape
    sure = (n + 1) / (n + 2)
    weight = np.where(np.eye(classes, dtype=bool)[y], sure, (1 - sure) / (classes - 1))
    p = softmax(logits.astype(float) / np.exp(t), -1)
    return log_loss(np.tile(np.arange(classes), n), np.repeat(p, classes, 0), sample_weight=weight.ravel(), labels=range(classes))


def case(n, classes, scale, seed, apart=1.2):
    r = np.random.default_rng(seed)
    y = r.integers(0, classes, n)
    logits = (scale * (r.standard_normal((n, classes)) + apart * np.eye(classes)[y])).astype(np.float32)
    loss = lambda t: smoothed_loss(y, logits, t)
    best = np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-10}).x)
    gaps = r.random(n) < 0.1  # rows without a target, which must not count: appended
    return {"classes": classes, "logits": np.concatenate([logits, logits[gaps] * 9]).astype(float).tolist(),
            "target": y.tolist() + [-1] * int(gaps.sum()), "temperature": best}


with open(os.path.join(HERE, "calibration.json"), "w") as f:
    json.dump([case(60, 2, 3, 1), case(120, 5, 6, 2), case(80, 3, 0.4, 3), case(36, 6, 2, 4, 8), case(20, 2, 0.5, 5, 7)], f)
    f.write("\n")
