#!/usr/bin/env python3
"""Logits, targets (−1: none) and the temperature at which their log loss is lowest, by SciPy and scikit-learn, for
tests/unit/test_calibrate.c: tests/goldens/calibration.json.

    pip install scikit-learn; tests/goldens/make_calibration.py"""
import json
import os

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.metrics import log_loss

HERE = os.path.dirname(os.path.abspath(__file__))


def case(n, classes, scale, seed):
    r = np.random.default_rng(seed)
    y = r.integers(0, classes, n)
    logits = (scale * (r.standard_normal((n, classes)) + 1.2 * np.eye(classes)[y])).astype(np.float32)
    loss = lambda t: log_loss(y, softmax(logits.astype(float) / np.exp(t), -1), labels=range(classes))
    best = np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-10}).x)
    gaps = r.random(n) < 0.1  # rows without a target, which must not count: added behind
    return {"classes": classes, "logits": np.concatenate([logits, logits[gaps] * 9]).astype(float).tolist(),
            "target": y.tolist() + [-1] * int(gaps.sum()), "temperature": best}


with open(os.path.join(HERE, "calibration.json"), "w") as f:
    json.dump([case(60, 2, 3, 1), case(120, 5, 6, 2), case(80, 3, 0.4, 3)], f)
    f.write("\n")
