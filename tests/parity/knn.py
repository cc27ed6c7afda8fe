#!/usr/bin/env python3
"""k-NN accuracy through the tools beside scikit-learn on the reference's own vectors: AG News with MiniLM against sentence-transformers.
The bar: within 0.5 points."""
import io
import os
import subprocess
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import json

import numpy as np
from sentence_transformers import SentenceTransformer
from sklearn.neighbors import KNeighborsClassifier

DATA = os.environ.get("MM_DATA", "../shared/data")
MODELS = os.environ.get("MM_MODELS", os.path.expanduser("~/.local/share/mm/models")).split(":")[0]
K = 10


def run(command):
    return subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, check=True).stdout


def ours():
    for part in ("train_4000", "test"):
        run(f"mm-decode --column 1 --label-column 2 {DATA}/agnews/{part}.tsv | mm-encode-text -m {MODELS}/minilm-l6 > build/ag-{part}.mm")
    out = run(f"mm-label --knn build/ag-train_4000.mm -k {K} --vote majority -f stream build/ag-test.mm | mm-eval --rounds 0 -f json")
    return json.load(io.BytesIO(out))["figures"]["accuracy"]["value"]


def theirs():
    model = SentenceTransformer(f"{MODELS}/minilm-l6", device="cpu")
    rows = {p: [l.rstrip("\n").split("\t") for l in open(f"{DATA}/agnews/{p}.tsv", encoding="utf-8") if l.strip()] for p in ("train_4000", "test")}
    x = {p: model.encode([r[0] for r in rows[p]], batch_size=128) for p in rows}
    knn = KNeighborsClassifier(K, metric="cosine").fit(x["train_4000"], [r[1] for r in rows["train_4000"]])
    return float(np.mean(knn.predict(x["test"]) == [r[1] for r in rows["test"]])), len(rows["test"])


a = ours()
b, n = theirs()
ok = abs(a - b) <= 0.005
print("| what | n | measured | bar | met |\n|---|---|---|---|---|")
print(f"| k-NN (k = {K}, cosine) of AG News on MiniLM | {n} | {a:.4f} (scikit-learn on sentence-transformers' vectors {b:.4f}) | within .005 | {'yes' if ok else '**no**'} |")
sys.exit(not ok)
