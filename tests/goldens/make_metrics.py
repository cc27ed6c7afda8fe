#!/usr/bin/env python3
"""Writes metrics.json: random predictions with the figures that scikit-learn and SciPy give for them."""
import json
import os

import numpy as np
from scipy import stats
from sklearn import metrics


def classification(rng, n, classes, skew):
    truth = rng.choice(classes, n, p=skew)
    logits = rng.normal(size=(n, classes)) + 1.5 * np.eye(classes)[truth]
    prob = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    prob = np.round(prob, 2) + 1e-4  # ties, and rows that do not sum to one exactly
    guess = prob.argmax(1)
    norm = prob / prob.sum(1, keepdims=True)
    p, r, f, s = metrics.precision_recall_fscore_support(truth, guess, labels=range(classes), zero_division=np.nan)
    auc = (metrics.roc_auc_score(truth, prob[:, 1]) if classes == 2
           else metrics.roc_auc_score(truth, norm, multi_class="ovr"))
    return {
        "classes": classes, "truth": truth.tolist(), "guess": guess.tolist(), "prob": prob.ravel().tolist(),
        "confusion": metrics.confusion_matrix(truth, guess, labels=range(classes)).ravel().tolist(),
        "accuracy": metrics.accuracy_score(truth, guess),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, guess),
        "f1_macro": metrics.f1_score(truth, guess, average="macro", zero_division=0),
        "f1_weighted": metrics.f1_score(truth, guess, average="weighted", zero_division=0),
        "precision": p.tolist(), "recall": r.tolist(),
        "log_loss": metrics.log_loss(truth, norm, labels=range(classes)), "auroc": auc,
    }


def regression(rng, n, digits):
    truth = np.round(rng.normal(size=n), digits)
    guess = np.round(0.7 * truth + rng.normal(size=n), digits)
    return {
        "truth": truth.tolist(), "guess": guess.tolist(),
        "mae": metrics.mean_absolute_error(truth, guess), "rmse": metrics.mean_squared_error(truth, guess) ** 0.5,
        "r2": metrics.r2_score(truth, guess), "pearson": stats.pearsonr(truth, guess)[0],
        "spearman": stats.spearmanr(truth, guess)[0], "ranks": stats.rankdata(guess).tolist(),
    }


rng = np.random.default_rng(20)
out = {
    "classification": [classification(rng, 60, 2, [0.7, 0.3]), classification(rng, 80, 4, [0.4, 0.3, 0.2, 0.1])],
    "regression": [regression(rng, 50, 6), regression(rng, 50, 0)],
    "mcnemar": [[a, b, stats.binomtest(min(a, b), a + b, 0.5).pvalue]
                for a, b in [(3, 11), (7, 7), (0, 5), (120, 161), (1, 0)]],
    "quantile": [[q, float(np.quantile([1, 2, 4, 8, 16.5], q))] for q in (0, 0.025, 0.3, 0.5, 0.975, 1)],
}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "metrics.json"), "w") as f:
    json.dump(out, f)
    f.write("\n")
