#!/usr/bin/env python3
"""Tweets' sentiment (imgtext_sentiment300: three classes, picture and text, image vectors and MiniLM): do both together
beat each alone? Five folds over keys; every head evaluated on the same samples; differences with McNemar's exact test and
the paired bootstrap of mm-eval --compare. Then the same heads without the picture or without the text at the test, with
and without modality dropout. Features by features.mk; the tools on PATH.

    make -f tests/parity/features.mk build/features/tweets-{image,text}.mm && tests/parity/tweets.py"""
import argparse
import json
import os
import subprocess
import tempfile

from classify import folds, recipe, records, write

METHODS = ("linear", "mlp", "gated", "attention", "routing", "dempster")


def predict(path, splits, of, method, dropout=0, absent=None):
    """label records of all folds into path; `absent` is missing at the test, not in training"""
    more = [str(x) for x in recipe(method, 3)] if not dropout or method != "linear" else recipe("mlp", 3)
    with open(path, "wb") as out, tempfile.TemporaryDirectory() as tmp:
        for train, test in splits:
            files = {}
            for m in of:
                for s, lists in (("train", train), ("test", test)):
                    files[s, m] = os.path.join(tmp, f"{s}-{m}.mm")
                    write(files[s, m], lists[m])
            head = os.path.join(tmp, "head.safetensors")
            subprocess.run(["mm-train", "classify", "-q", "--method", method, "-o", head, "--modality-dropout", str(dropout),
                            *more, *(files["train", m] for m in of)], check=True)
            subprocess.run(["mm-fuse", "-m", head, "--label", *(files["test", m] for m in of if m != absent)], check=True,
                           stdout=out)
    return path


def judge(path, other=None):
    more = ["--compare", other] if other else []
    return json.loads(subprocess.run(["mm-eval", "-f", "json", *more, path], check=True, stdout=subprocess.PIPE).stdout)


def shown(report, name="accuracy"):
    f = report["figures"][name]
    return f"{f['value']:.4f} [{f['interval'][0]:.3f}, {f['interval'][1]:.3f}]"


def against(path, other):
    c = judge(path, other)["comparison"]
    d = c["difference"]["accuracy"]
    return f"{d['value']:+.4f} [{d['interval'][0]:+.3f}, {d['interval'][1]:+.3f}], p = {c['p']:.3f}"


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--features", default="build/features")
    d = p.parse_args().features
    tweets = [records(f"{d}/tweets-{m}.mm") for m in ("image", "text")]
    splits = [[dict(zip(("image", "text"), part)) for part in split] for split in folds(tweets)]
    with tempfile.TemporaryDirectory() as tmp:
        def file(*name):
            return os.path.join(tmp, "-".join(map(str, name)) + ".mm")

        print("method\timage\ttext\timage+text\tmacro F1\tagainst text alone\tagainst image alone")
        for method in METHODS:  # each modality alone goes through the same method by the same recipe
            alone = {m: predict(file(m, method), splits, (m,), method) for m in ("image", "text")}
            path = predict(file(method), splits, ("image", "text"), method)
            r = judge(path)
            print(method, *(shown(judge(alone[m])) for m in ("image", "text")), shown(r), shown(r, "macro F1"),
                  against(path, alone["text"]), against(path, alone["image"]), sep="\t", flush=True)
        print("\nmethod\tabsent\tdropout 0\tdropout .3\tgain")
        for method in METHODS[1:]:
            for absent in (None, "image", "text"):
                a, b = (predict(file(method, absent, x), splits, ("image", "text"), method, x, absent) for x in (0, 0.3))
                print(method, absent or "nothing", shown(judge(a)), shown(judge(b)), against(b, a), sep="\t", flush=True)


if __name__ == "__main__":
    main()
