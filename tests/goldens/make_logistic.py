#!/usr/bin/env python3
"""Logistic regression by scikit-learn, to the minimum, for tests/unit/test_lbfgs.c: tests/goldens/logistic.json.

    pip install scikit-learn; tests/goldens/make_logistic.py"""
import json
import os

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

HERE = os.path.dirname(os.path.abspath(__file__))


def case(classes, samples, width, seed):
    r = np.random.default_rng(seed)
    y = r.integers(0, classes, samples)
    x = (r.standard_normal((samples, width)) + 0.8 * r.standard_normal((classes, width))[y]) * r.uniform(0.5, 3, width) + 1
    x = x.astype(np.float32)
    net = LogisticRegression(C=0.5, tol=1e-10, max_iter=10000).fit(StandardScaler().fit_transform(x.astype(np.float64)), y)
    proba = net.predict_proba(StandardScaler().fit_transform(x.astype(np.float64)))
    return {"classes": classes, "x": x.astype(float).tolist(), "y": y.tolist(), "C": 0.5, "proba": proba.round(9).tolist()}


with open(os.path.join(HERE, "logistic.json"), "w") as f:
    json.dump([case(2, 50, 4, 1), case(4, 90, 12, 2)], f)
    f.write("\n")
