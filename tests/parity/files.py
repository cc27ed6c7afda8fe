#!/usr/bin/env python3
"""Real files through the tools beside the reference: image files → vectors, audio files → vectors, sentences → vectors.

References: transformers with its Pillow image processors, librosa's soxr_hq resampling of the channel mean, sentence-transformers.
Reads MM_DATA (../shared/data) and the default models of MM_MODELS; prints one row a set and fails below the bars."""
import io
import os
import subprocess
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
import librosa
import msgpack
import msgpack_numpy
import numpy as np
import soundfile
import torch
import transformers
from PIL import Image, ImageOps
from scipy.stats import spearmanr

transformers.logging.set_verbosity_error()
torch.set_num_threads(2)
DATA = os.environ.get("MM_DATA", "../shared/data")
MODELS = os.environ.get("MM_MODELS", os.path.expanduser("~/.local/share/mm/models")).split(":")[0]
bad = 0


def pipeline(command):
    out = subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return list(msgpack.Unpacker(io.BytesIO(out), object_hook=msgpack_numpy.decode, max_buffer_size=0))


def row(what, n, figure, bar, ok):
    global bad
    bad += not ok
    print(f"| {what} | {n} | {figure} | {bar} | {'yes' if ok else '**no**'} |", flush=True)


def cosine(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    return (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


def images():
    path = f"{MODELS}/imgfocus-vits14"
    net = transformers.AutoModel.from_pretrained(path).eval()
    proc = transformers.AutoImageProcessor.from_pretrained(path, backend="pil")
    for name, where in (("imagenet100", f"{DATA}/imagenet100/images"), ("flickr8k150 (40 of them)", f"{DATA}/flickr8k150/images"),
                        ("EXIF orientations 1–8", f"{DATA}/odd_images_libvips/rotation"), ("odd images", f"{DATA}/odd_images_libvips")):
        limit = 40 if "40" in name else 1000
        got = {r["src"]: r["data"] for r in pipeline(f"mm-decode --only image --key file --max-pixels 100M -m {path} {where} | "
                                                     f"mm-encode-image -m {path}") if r["kind"] == "feature"}
        low, n = 1.0, 0
        for src in sorted(got)[:limit]:
            try:
                im = Image.open(src)
                # turning an animation first would read its later frames
                im = im.convert("RGB") if im.format == "GIF" else ImageOps.exif_transpose(im).convert("RGB")
            except Exception:
                continue
            im = Image.fromarray(np.asarray(im))  # a GIF's note of transparency would make the processor take it for RGBA
            with torch.no_grad():
                ref = net(**proc(im, return_tensors="pt")).last_hidden_state[0, 0].numpy()
            c = float(cosine(got[src], ref))
            if c < 0.9999:
                print(f"  {src}: {c:.6f}", file=sys.stderr)
            low, n = np.minimum(low, c), n + 1  # unlike min(), keeps a NaN
        row(f"image file → vector: {name}", n, f"lowest cosine {low:.7f}", "≥ .9999", low >= 0.9999 and n > 0)


def reference_audio(path):
    x, rate = soundfile.read(path, dtype="float32", always_2d=True)
    x = x.mean(1)
    return librosa.resample(x, orig_sr=rate, target_sr=16000, res_type="soxr_hq") if rate != 16000 else x, rate


def audio():
    path = f"{MODELS}/whisper-base"
    net = transformers.WhisperModel.from_pretrained(path).float().eval()
    fe = transformers.WhisperFeatureExtractor.from_pretrained(path)
    for name, where, limit in (("speech_transcribed", f"{DATA}/speech_transcribed", 100), ("fsdd600 (8 kHz, 40)", f"{DATA}/fsdd600", 40),
                               ("emodb84 (22.05 kHz, 20)", f"{DATA}/emodb84", 20)):
        got = {r["src"]: r for r in pipeline(f"find {where} -name '*.wav' | sort | head -n {limit} | mm-decode --files-from - | "
                                             f"mm-encode-audio --pad -m {path}") if r["kind"] == "feature"}
        low, n, native = 1.0, 0, True
        for src in sorted(got):
            x, rate = reference_audio(src)
            if len(x) > 480000:
                continue
            native &= rate == 16000
            f = fe(x, sampling_rate=16000, return_tensors="pt").input_features
            with torch.no_grad():
                h = net.encoder(f).last_hidden_state[0].numpy()
            frames = -(-len(x) // 160)
            c = float(cosine(got[src]["data"], h[: (frames + 1) // 2].mean(0)))
            low, n = np.minimum(low, c), n + 1  # unlike min(), keeps a NaN
        bar = 0.9999 if native else 0.999
        row(f"audio file → vector, padded: {name}", n, f"lowest cosine {low:.7f}", f"≥ {bar}", low >= bar and n > 0)


def text():
    from sentence_transformers import SentenceTransformer
    path = f"{MODELS}/minilm-l6"
    rows = [l.rstrip("\n").split("\t") for l in open(f"{DATA}/stsb/sts-test.csv", encoding="utf-8")]
    ref = SentenceTransformer(path, device="cpu")
    gold = np.array([float(r[4]) for r in rows])
    ours = [np.stack([r["data"] for r in pipeline(f"mm-decode --column {c} {DATA}/stsb/sts-test.csv | mm-encode-text -m {path}")])
            for c in (6, 7)]
    theirs = [ref.encode([r[c] for r in rows], batch_size=64) for c in (5, 6)]
    low = np.min([cosine(a, b).min() for a, b in zip(ours, theirs)])
    a, b = spearmanr(cosine(*ours), gold)[0], spearmanr(cosine(*theirs), gold)[0]
    row("sentence → vector: STS-B test, both sides", 2 * len(rows), f"lowest cosine {low:.7f}", "≥ .999999", low >= 0.999999)
    row("STS-B test, Spearman", len(rows), f"{a:.5f} (sentence-transformers {b:.5f})", "within .001", abs(a - b) <= 0.001)


print("| what | n | measured | bar | met |\n|---|---|---|---|---|")
for part in sys.argv[1:] or ("text", "audio", "images"):
    {"text": text, "audio": audio, "images": images}[part]()
sys.exit(bad > 0)
