#!/usr/bin/env python3
"""Resize, crop and orientation against Pillow and transformers' Pillow image processors: 0 differing bytes.

usage: tests/parity/resize.py [CASES]     needs `make probes`, pillow, numpy, transformers
"""
import os
import pathlib
import struct
import subprocess
import sys

import numpy as np
from PIL import Image, ImageOps

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROBE = pathlib.Path(os.environ.get("MM_BUILD", ROOT / "build")) / "parity" / "probe_image"
FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}


class Probe:
    def __init__(self):
        self.p = subprocess.Popen([PROBE], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, image, rows, cols, filter, mode):
        h, w, _ = image.shape
        self.p.stdin.write(struct.pack("<6i", h, w, rows, cols, filter, mode) + image.tobytes())
        self.p.stdin.flush()
        h, w = struct.unpack("<2i", self.p.stdout.read(8))
        return np.frombuffer(self.p.stdout.read(h * w * 3), np.uint8).reshape(h, w, 3)


def picture(rng, h, w):
    kind = rng.integers(3)
    if kind == 0:
        return rng.integers(0, 256, (h, w, 3), np.uint8)
    if kind == 1:  # extremes: every overshoot clips
        return (rng.integers(0, 2, (h, w, 3)) * 255).astype(np.uint8)
    y, x = np.mgrid[0:h, 0:w]
    return np.stack([(x * 7 + y) % 256, (x + y * 3) % 256, (x * y) % 256], -1).astype(np.uint8)


def compare(report, name, got, want):
    different = got.size if got.shape != want.shape else int((got != want).sum())
    count, bad = report.get(name, (0, 0))
    report[name] = (count + 1, bad + different)


def reference_crop(image, shortest, crop, resample):
    from transformers.image_transforms import center_crop, get_resize_output_image_size, resize
    from transformers.image_utils import ChannelDimension as C

    chw = np.moveaxis(image, -1, 0)
    size = get_resize_output_image_size(chw, shortest, default_to_square=False, input_data_format=C.FIRST)
    out = resize(chw, size, resample=resample, input_data_format=C.FIRST)
    return np.moveaxis(center_crop(out, (crop, crop), input_data_format=C.FIRST), 0, -1)


def main():
    cases = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    rng, probe, report = np.random.default_rng(1), Probe(), {}
    from transformers.image_transforms import center_crop
    from transformers.image_utils import ChannelDimension as C

    side = lambda top: int(rng.choice([1, 2, 3, rng.integers(1, top), rng.integers(1, top)]))
    for _ in range(cases):
        image = picture(rng, side(400), side(400))
        pil = Image.fromarray(image)
        rows, cols, filter = side(300), side(300), int(rng.integers(6))
        want = np.asarray(pil.resize((cols, rows), filter))
        compare(report, "resize " + FILTERS[filter], probe(image, rows, cols, filter, 0), want)
        want = np.moveaxis(center_crop(np.moveaxis(image, -1, 0), (rows, cols), input_data_format=C.FIRST), 0, -1)
        compare(report, "centre crop", probe(image, rows, cols, 0, 1), want)
        if max(image.shape) < 40 * min(image.shape[:2]):
            shortest, crop = int(rng.integers(1, 260)), int(rng.integers(1, 260))
            want = reference_crop(image, shortest, crop, filter)
            compare(report, "shortest edge + crop", probe(image, shortest, crop, filter, 2), want)
        orientation = int(rng.integers(1, 9))
        exif = pil.getexif()
        exif[0x0112] = orientation
        compare(report, "orientation", probe(image, 0, 0, orientation, 3), np.asarray(ImageOps.exif_transpose(pil)))
    for name, (count, bad) in sorted(report.items()):
        print(f"{name:24} {count:6} images, {bad} differing bytes")
    sys.exit(any(bad for _, bad in report.values()))


if __name__ == "__main__":
    main()
