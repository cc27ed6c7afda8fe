#!/usr/bin/env python3
"""mm-label --distance on bearings (normal sounds against faults) and steel (each defect as the normal class, the others as
odd), beside scikit-learn's exact neighbours on the same vectors: AUROC. Features by features.mk; the tools on PATH."""
import argparse
import json
import os
import subprocess
import tempfile

import numpy as np
from classify import fold_of, records, vector, write
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

K = 5


def judge(name, normal, test, odd):
    with tempfile.TemporaryDirectory() as tmp:
        a, b = os.path.join(tmp, "normal.mm"), os.path.join(tmp, "test.mm")
        write(a, normal)
        write(b, test)
        out = subprocess.run(["mm-label", "--knn", a, "-k", str(K), "--distance", "-f", "jsonl", b], check=True,
                             stdout=subprocess.PIPE).stdout.splitlines()
    rows = [json.loads(line) for line in out]
    unit = [np.stack([v / np.linalg.norm(v) for v in map(vector, r)]) for r in (normal, test)]
    k = min(K, len(normal))
    theirs = NearestNeighbors(n_neighbors=k, metric="cosine").fit(unit[0]).kneighbors(unit[1])[0].mean(1)
    flagged = np.array([r["label"] == "anomaly" for r in rows])
    odd = np.array(odd)
    print(f"{name}\t{len(normal)}\t{len(test)}\t{roc_auc_score(odd, [r['score'] for r in rows]):.4f}"
          f"\t{roc_auc_score(odd, theirs):.4f}\t{flagged[odd].mean():.3f}\t{flagged[~odd].mean():.3f}")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--features", default="build/features")
    d = p.parse_args().features
    print("data\tnormal\ttest\tAUROC\tscikit-learn\tfaults found\tfalse alarms")
    bearing = records(f"{d}/bearing.mm")
    normal = [r for r in bearing if r["label"] == "normal"]
    rest = [r for r in bearing if r["label"] != "normal"]
    judge("bearing", normal[:7], normal[7:] + rest, [False] * len(normal[7:]) + [True] * len(rest))
    steel = records(f"{d}/steel.mm")
    for label in sorted({r["label"] for r in steel}):
        good = [r for r in steel if r["label"] == label and fold_of(r["key"]) >= 2]
        test = [r for r in steel if r["label"] != label or fold_of(r["key"]) < 2]
        judge(f"steel {label}", good, test, [r["label"] != label for r in test])


if __name__ == "__main__":
    main()
