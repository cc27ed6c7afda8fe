#!/usr/bin/env python3
"""Compares every picture that mm-decode gives with Pillow's: open, exif_transpose, convert("RGB"); grey of more than 8 bits, which that
clips, sample by sample.

    tests/parity/pixels.py [--all] [--corpus] FILE-or-DIRECTORY ...

--corpus adds the pictures of Pillow's own tests, from its source package, which pip downloads. Prints one line for each picture that differs (--all: for every picture) and one with the totals: how many are equal to
the bit, and the largest and mean difference of the others. Exits 1 when a picture is outside the tolerance of its
format (lossless and JPEG: none; what goes through YUV or a wavelet that Pillow decodes with another library: a mean of
0.6 steps), or when Pillow alone decodes it and it is neither of a format that is not read, nor refused as "unsupported", nor
one of those below with the error named there.
"""
import os
import subprocess
import sys
import tarfile
import tempfile
import warnings

import msgpack
import msgpack_numpy
import numpy as np
import PIL
from PIL import Image, ImageOps

warnings.simplefilter("ignore")

# mean difference in steps of 1/255 that is let pass, by Pillow's name of the format
TOLERANCE = {"AVIF": 0.3, "JPEG2000": 0.6, "DDS": 0.5}

# what mm-decode refuses and Pillow reads: the code of the error record that it must give, and why
REFUSED = {
    "png-truncated.png": ("truncated", "no end chunk: an error here, whatever the pixels"),
    "issue412.jp2": ("corrupt", "libav does not map its palette"),
    "icc_profile_none.png": ("corrupt", "a profile that cannot be unpacked"),
    "mask_1.cur": ("corrupt", "a cursor of another make"),
    "mask_L.cur": ("corrupt", "a cursor of another make"),
    "no_palette.gif": ("corrupt", "no colours"),
    "op_index.qoi": ("corrupt", "no end mark"),
    "rgba.psd": ("corrupt", "libav wants another number of channels"),
    "badplanes.bmp": ("corrupt", "a broken header"),
    "rgba32.bmp": ("corrupt", "a BMP with masks that libav does not know"),
    "rgba32h56.bmp": ("corrupt", "a BMP with masks that libav does not know"),
}
# broken files of which either side makes something else
BROKEN = {"badrle.bmp", "mmap_error.bmp", "hopper_rle8_row_overflow.bmp"}
# of which Pillow has other values than the file: 12 bits that it does not scale, signed bytes taken as unsigned, and 16-bit colours
# that are divided by their alpha in 8 bits
OTHERWISE = {"12bit.cropped.tif", "8bit.s.tif", "separate_planar_extra_samples.tiff", "tiff_16bit_RGBa.tiff",
             "tiff_strip_planar_16bit_RGBa.tiff", "tiff_tiled_planar_16bit_RGBa.tiff"}
# what Pillow knows beside the formats that mm-decode's manual names: no medium here
NOT_READ = set("BLP DCX DIB FITS FLI FTEX GBR ICNS IM IMT MCIDAS MSP PCD PIXAR SPIDER XBM XPM XVThumb".split())


def files(operands):
    for x in operands:
        if os.path.isdir(x):
            for d, _, names in sorted(os.walk(x)):
                yield from (os.path.join(d, n) for n in sorted(names))
        else:
            yield x


def corpus():
    """The pictures of Pillow's tests, below the cache."""
    home = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "mm", f"pillow-{PIL.__version__}")
    if not os.path.isdir(home):
        with tempfile.TemporaryDirectory() as d:
            subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "--no-binary", ":all:",
                            "-d", d, f"pillow=={PIL.__version__}"], check=True)
            with tarfile.open(os.path.join(d, os.listdir(d)[0])) as t:
                t.extractall(home, [m for m in t.getmembers() if "/Tests/images/" in m.name])
    return home


def pillow(path):
    try:
        im = Image.open(path)
        fmt = im.format
        im = ImageOps.exif_transpose(im)
        if im.mode[0] in "IF":  # 16-bit, 32-bit and float grey, which convert("RGB") clips at 255: the samples themselves
            return np.asarray(im)[..., None].repeat(3, -1), fmt
        return np.asarray(im.convert("RGB")), fmt
    except Exception as e:  # noqa: BLE001 - any failure of the reference counts as "does not decode"
        return None, str(e)[:80]


def ours(paths):
    """The first image record of each path, or its error's text."""
    out = {}
    p = subprocess.Popen([os.environ.get("MM_DECODE", "mm-decode"), "--key", "file", *paths], stdout=subprocess.PIPE,
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
    paths = [a for a in args if not a.startswith("--")] + ([corpus()] if "--corpus" in args else [])
    paths = list(files(paths))
    count = dict(equal=0, close=0, differ=0, neither=0, broken=0, otherwise=0, refused=0, ours_alone=0, pillow_alone=0)
    for batch in batches(paths):
        got = ours(batch)
        for path in batch:
            base = os.path.basename(path)
            want, fmt = pillow(path)
            have = got.get(path)
            verdict, note = "", ""
            if isinstance(have, np.ndarray) and isinstance(want, np.ndarray) and have.itemsize == 2 and want.itemsize == 1:
                have = have >> 8  # Pillow's colours have 8 bits
            if want is None and not isinstance(have, np.ndarray):
                verdict = "neither"
            elif want is None or not isinstance(have, np.ndarray):
                code, why = REFUSED.get(base, ("unsupported", fmt))
                refused = fmt in NOT_READ or (isinstance(have, str) and have.startswith(code + ":"))
                verdict = "ours_alone" if want is None else "refused" if refused else "pillow_alone"
                note = f"{why}: {have}" if refused else str(fmt if want is None else have)
            elif have.shape != want.shape:
                verdict, note = "differ", f"{have.shape} instead of {want.shape}"
            elif np.array_equal(have, want):
                verdict = "equal"
            else:
                d = np.abs(have.astype(float) - want.astype(float))
                verdict = "close" if d.mean() <= TOLERANCE.get(fmt, 0) else "broken" if base in BROKEN else "otherwise" if base in OTHERWISE else "differ"
                note = f"{fmt}: mean {d.mean():.4f}, largest {d.max()}, {np.mean(d > 0) * 100:.1f} % of values"
            count[verdict] += 1
            if show_all or verdict in ("differ", "pillow_alone", "close", "broken") or (verdict == "refused" and base in REFUSED):
                print(f"{verdict:12} {'/'.join(path.split('/')[-2:])}: {note}")
    print(", ".join(f"{v} {k}" for k, v in count.items()))
    return 1 if count["differ"] or count["pillow_alone"] or not count["equal"] else 0


if __name__ == "__main__":
    sys.exit(main())
