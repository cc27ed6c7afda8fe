#!/usr/bin/env python3
"""Compares every picture that mm-decode gives with Pillow's: open, exif_transpose, convert("RGB").

    tests/parity/pixels.py [--all] FILE-or-DIRECTORY ...

Prints one line for each picture that differs (--all: for every picture) and one with the totals: how many are equal to
the bit, and the largest and mean difference of the others. Exits 1 when a picture is outside the tolerance of its
format (lossless and JPEG: none; what goes through YUV or a wavelet that Pillow decodes with another library: a mean of
0.6 steps), or when Pillow alone decodes it and it is not one of the refused ones below, with the error named there.
"""
import os
import subprocess
import sys
import warnings

import msgpack
import msgpack_numpy
import numpy as np
from PIL import Image, ImageOps

warnings.simplefilter("ignore")

# mean difference in steps of 1/255 that is let pass, by Pillow's name of the format
TOLERANCE = {"AVIF": 0.3, "JPEG2000": 0.6, "DDS": 0.5}

# what mm-decode refuses and Pillow reads: the code of the error record that it must give, and why
REFUSED = {
    "png-truncated.png": ("truncated", "no end chunk: an error here, whatever the pixels"),
    "issue412.jp2": ("corrupt", "libav does not map its palette"),
}


def files(operands):
    for x in operands:
        if os.path.isdir(x):
            for d, _, names in sorted(os.walk(x)):
                yield from (os.path.join(d, n) for n in sorted(names))
        else:
            yield x


def pillow(path):
    try:
        im = Image.open(path)
        fmt = im.format
        return np.asarray(ImageOps.exif_transpose(im).convert("RGB")), fmt
    except Exception as e:  # noqa: BLE001 - any failure of the reference counts as "does not decode"
        return None, str(e)[:80]


def ours(paths):
    """The first image record of each path, or its error's text."""
    out = {}
    p = subprocess.Popen([os.environ.get("MM_DECODE", "mm-decode"), *paths], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL)
    for r in msgpack.Unpacker(p.stdout, object_hook=msgpack_numpy.decode, max_buffer_size=1 << 31):
        if r["kind"] == "image":
            out.setdefault(r["src"], r["data"])
        elif r["kind"] == "error":
            out.setdefault(r["src"], r["error"]["code"] + ": " + r["error"]["text"])
    p.wait()
    return out


def batches(items, n=200):
    for i in range(0, len(items), n):
        yield items[i:i + n]


def main():
    args = sys.argv[1:]
    show_all = "--all" in args
    paths = list(files(a for a in args if a != "--all"))
    count = dict(equal=0, close=0, differ=0, neither=0, refused=0, ours_alone=0, pillow_alone=0)
    for batch in batches(paths):
        got = ours(batch)
        for path in batch:
            base = os.path.basename(path)
            want, fmt = pillow(path)
            have = got.get(path)
            verdict, note = "", ""
            if want is None and not isinstance(have, np.ndarray):
                verdict = "neither"
            elif want is None or not isinstance(have, np.ndarray):
                code, why = REFUSED.get(base, (None, None))
                refused = isinstance(have, str) and code and have.startswith(code + ":")
                verdict = "ours_alone" if want is None else "refused" if refused else "pillow_alone"
                note = f"{why}: {have}" if refused else str(fmt if want is None else have)
            elif have.shape != want.shape:
                verdict, note = "differ", f"{have.shape} instead of {want.shape}"
            elif np.array_equal(have, want):
                verdict = "equal"
            else:
                d = np.abs(have.astype(int) - want.astype(int))
                verdict = "close" if d.mean() <= TOLERANCE.get(fmt, 0) else "differ"
                note = f"{fmt}: mean {d.mean():.4f}, largest {d.max()}, {np.mean(d > 0) * 100:.1f} % of values"
            count[verdict] += 1
            if show_all or verdict not in ("equal", "neither"):
                print(f"{verdict:12} {path}: {note}")
    print(", ".join(f"{v} {k}" for k, v in count.items()))
    return 1 if count["differ"] or count["pillow_alone"] or not count["equal"] else 0


if __name__ == "__main__":
    sys.exit(main())
