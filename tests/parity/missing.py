#!/usr/bin/env python3
"""A modality that is missing at the test, where the one that is left says enough: spoken digits (fsdd600, Whisper) with their
written names (MiniLM). Of either alone a head could tell the digit; does modality dropout in training make it lose less
when one is gone? Accuracies are means over seeds, loss is what the missing modality costs, intervals are bootstraps over
the test's samples. Features by features.mk; the tools on PATH."""
import argparse
import io
import os
import re
import subprocess
import tempfile

import msgpack
import numpy as np

from classify import RECIPE, interval, records, write

METHODS = ("mlp", "gated", "attention", "routing", "dempster")
NAMES = "zero one two three four five six seven eight nine".split()
ABSENT = (None, "audio", "text")


def unpacked(stream):
    return msgpack.Unpacker(io.BytesIO(stream), raw=False)


def written(digits):
    """For each recording the text vector of its digit's name, under the recording's key"""
    out = subprocess.run("mm-decode -q --lines - | mm-encode-text -q -m minilm-l6", shell=True, check=True,
                         input="\n".join(NAMES).encode() + b"\n", stdout=subprocess.PIPE).stdout
    vectors = list(unpacked(out))
    return [{**vectors[int(r["label"])], "key": r["key"], "src": r["src"], "label": r["label"]} for r in digits]


def hits(head, files, absent, labels):
    out = subprocess.run(["mm-fuse", "-q", "-m", head, "--label", *(f for m, f in files.items() if m != absent)], check=True,
                         stdout=subprocess.PIPE).stdout
    said = {r["key"]: max(r["label"], key=r["label"].get) for r in unpacked(out) if r["kind"] == "label"}
    return np.array([said[k] == label for k, label in labels.items()], float)


def shown(x):
    low, high = interval(x, 2000)
    return f"{x.mean():+.4f} [{low:+.3f}, {high:+.3f}]"


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--features", default="build/features")
    p.add_argument("--seeds", type=int, default=5)
    a = p.parse_args()
    voice = records(f"{a.features}/fsdd.mm")
    both = {"audio": voice, "text": written(voice)}
    in_test = lambda r: int(re.search(r"_(\d+)$", r["key"])[1]) < 5  # the set's own rule
    labels = {r["key"]: str(r["label"]) for r in voice if in_test(r)}
    print("method\tabsent\tdropout 0\tdropout .3\tlost, dropout 0\tlost, dropout .3\tdropout saves")
    with tempfile.TemporaryDirectory() as tmp:
        train, test = ({m: os.path.join(tmp, f"{s}-{m}.mm") for m in both} for s in ("train", "test"))
        for m, recs in both.items():
            write(train[m], [r for r in recs if not in_test(r)])
            write(test[m], [r for r in recs if in_test(r)])
        for method in METHODS:
            got = {(x, dropout): [] for x in ABSENT for dropout in (0, 0.3)}
            for seed in range(1, a.seeds + 1):
                for dropout in (0, 0.3):
                    head = os.path.join(tmp, "head.safetensors")
                    subprocess.run(["mm-train", "classify", "-q", "--method", method, "-o", head, "--seed", str(seed),
                                    "--modality-dropout", str(dropout), *RECIPE, *train.values()], check=True)
                    for x in ABSENT:
                        got[x, dropout].append(hits(head, test, x, labels))
            mean = {k: np.mean(v, 0) for k, v in got.items()}
            for x in ABSENT[1:]:
                lost = [mean[None, d] - mean[x, d] for d in (0, 0.3)]
                print(method, x, f"{mean[x, 0].mean():.4f}", f"{mean[x, 0.3].mean():.4f}", *map(shown, lost), shown(lost[0] - lost[1]),
                      sep="\t", flush=True)


if __name__ == "__main__":
    main()
