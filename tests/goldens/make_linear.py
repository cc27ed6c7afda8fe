#!/usr/bin/env python3
"""Linear regression by scikit-learn of targets of any size, for tests/unit/test_lbfgs.c: tests/goldens/linear.json.

    pip install scikit-learn; tests/goldens/make_linear.py"""
import json
import os

import numpy as np
from sklearn.linear_model import LinearRegression

HERE = os.path.dirname(os.path.abspath(__file__))


def case(offset, scale, seed):
    r = np.random.default_rng(seed)
    x = (r.standard_normal((60, 3)) * [1, 20, 1e-3] + [0, 5, 1]).astype(np.float32)
    unit = x @ [8, 1, -2e4] + 3 * r.standard_normal(60)
    y = offset + scale * unit
    return {"x": x.astype(float).tolist(), "y": y.tolist(), "spread": scale * unit.std(),
            "said": LinearRegression().fit(x.astype(np.float64), y).predict(x.astype(np.float64)).tolist()}


with open(os.path.join(HERE, "linear.json"), "w") as f:
    json.dump([case(0, 1, 1), case(1.7e9, 1, 2), case(-4e10, 1e-2, 3), case(0, 1e-300, 4), case(0, 1e150, 5)], f)
    f.write("\n")
