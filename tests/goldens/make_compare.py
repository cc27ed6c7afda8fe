#!/usr/bin/env python3
"""Two sets of predictions and how far apart NumPy and SciPy find them, for tests/unit/test_compare.c:
tests/goldens/compare.json.

    pip install scipy; tests/goldens/make_compare.py"""
import json
import os

import numpy as np
from scipy import stats

HERE = os.path.dirname(os.path.abspath(__file__))
N, ROUNDS = 150, 20000
r = np.random.default_rng(3)
truth = r.standard_normal(N).round(4)
a, b = (truth + r.standard_normal(N)).round(4), (truth + 1.5 * r.standard_normal(N)).round(4)
right_a, right_b = r.random(N) < 0.7, r.random(N) < 0.6
rows = r.integers(0, N, (ROUNDS, N))


def mae(x, t):
    return np.abs(x - t).mean(-1)


def pearson(x, t):
    x, t = x - x.mean(-1, keepdims=True), t - t.mean(-1, keepdims=True)
    return (x * t).sum(-1) / np.sqrt((x * x).sum(-1) * (t * t).sum(-1))


def figure(value, draws):
    return {"value": float(value), "interval": np.quantile(draws, [0.025, 0.975]).tolist()}


only_a, only_b = int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())
with open(os.path.join(HERE, "compare.json"), "w") as f:
    json.dump({
        "truth": truth.tolist(), "a": a.tolist(), "b": b.tolist(), "right_a": right_a.tolist(), "right_b": right_b.tolist(),
        "MAE": figure(mae(a, truth) - mae(b, truth), mae(a[rows], truth[rows]) - mae(b[rows], truth[rows])),
        "Pearson": figure(stats.pearsonr(a, truth)[0] - stats.pearsonr(b, truth)[0],
                          pearson(a[rows], truth[rows]) - pearson(b[rows], truth[rows])),
        "accuracy": figure(right_a.mean() - right_b.mean(), (right_a[rows] * 1.0 - right_b[rows]).mean(-1)),
        "p": float(stats.binomtest(only_a, only_a + only_b).pvalue),
    }, f)
    f.write("\n")
