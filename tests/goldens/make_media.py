#!/usr/bin/env python3
"""Writes tests/goldens/media/*.json: what Pillow and transformers make of made-up pictures and sounds.

Inputs come from a generator that tests/unit/golden.h has, too; large results are kept as a hash (FNV-1a, 64 bits).
usage: tests/goldens/make_media.py     needs pillow, numpy, transformers
"""
import json
import pathlib

import numpy as np
from PIL import Image, ImageOps

OUT = pathlib.Path(__file__).parent / "media"
RATE = 16000


def noise(seed, n):
    """Byte n of the generator x ← 6364136223846793005 x + 1442695040888963407, its upper half."""
    out, x = np.empty(n, np.uint32), seed
    for i in range(n):
        x = (x * 6364136223846793005 + 1442695040888963407) & (1 << 64) - 1
        out[i] = x >> 32
    return out


def picture(seed, h, w):
    return (noise(seed, h * w * 3) >> 24).astype(np.uint8).reshape(h, w, 3)


def sound(seed, n):
    return ((noise(seed, n) >> 8).astype(np.float32) / np.float32(1 << 23) - np.float32(1)).astype(np.float32)


def fnv(data):
    h = 0xCBF29CE484222325
    for b in data:
        h = (h ^ b) * 0x100000001B3 & (1 << 64) - 1
    return f"{h:016x}"


def image_cases():
    sizes = [(1, 1, 5, 4), (1, 9, 7, 1), (40, 1, 3, 3), (13, 29, 13, 8), (17, 31, 5, 31), (31, 17, 60, 50), (50, 61, 7, 9)]
    sizes += [(64, 20, 9, 18), (20, 64, 33, 10), (90, 40, 3, 41), (7, 5, 41, 37), (48, 48, 48, 48)]
    for i, (h, w, rows, cols) in enumerate(sizes):
        image = Image.fromarray(picture(i + 1, h, w))
        for filter in range(6):
            yield dict(seed=i + 1, h=h, w=w, rows=rows, cols=cols, filter=filter, fnv=fnv(image.resize((cols, rows), filter).tobytes()))


def orient_cases():
    for o in range(1, 9):
        image = Image.fromarray(picture(99, 6, 11))
        image.getexif()[0x0112] = o
        turned = ImageOps.exif_transpose(image)
        yield dict(orientation=o, h=turned.height, w=turned.width, fnv=fnv(turned.tobytes()))


PREPS = [
    ("vit", {"image_processor_type": "ViTImageProcessor", "size": {"height": 24, "width": 24}}),
    ("vit", {"feature_extractor_type": "ViTFeatureExtractor", "size": 30, "resample": 2, "do_resize": True, "do_normalize": True, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}),
    ("deit", {"image_processor_type": "DeiTImageProcessor", "size": {"height": 29, "width": 31}, "crop_size": {"height": 24, "width": 20}, "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}),
    ("dinov2", {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 25}, "crop_size": {"height": 22, "width": 22}, "do_convert_rgb": True, "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "rescale_factor": 0.00392156862745098, "resample": 3}),
    ("clip", {"image_processor_type": "CLIPImageProcessor", "size": 23, "crop_size": 23}),
    ("clip", {"feature_extractor_type": "CLIPFeatureExtractor", "size": {"shortest_edge": 19}, "crop_size": {"height": 40, "width": 21}, "resample": 1}),
    ("clip", {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 19, "longest_edge": 24}, "do_center_crop": False}),
    ("siglip", {"image_processor_type": "SiglipImageProcessor", "size": {"height": 26, "width": 26}, "do_normalize": False}),
    ("siglip", {"image_processor_type": "SiglipImageProcessor", "size": {"height": 16, "width": 20}, "do_rescale": False, "image_mean": [127.5] * 3, "image_std": [127.5] * 3}),
    ("convnext", {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 24}, "crop_pct": 0.875}),
    ("convnext", {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 384}}),
    ("vit", {"image_processor_type": "ViTImageProcessor", "do_resize": False, "image_mean": 0.4, "image_std": 0.3}),
]


def prep_cases():
    import transformers

    for model_type, config in PREPS:
        name = config.get("image_processor_type", config.get("feature_extractor_type", "")).replace("FeatureExtractor", "ImageProcessor")
        reference = getattr(transformers, name + "Pil")(**{k: v for k, v in config.items() if not k.endswith("_type")})
        shapes = [(37, 52), (52, 37), (24, 24)] + ([] if config.get("size") == {"shortest_edge": 384} else [(9, 90), (15, 16)])
        for seed, (h, w) in enumerate(shapes, 1):
            got = reference(Image.fromarray(picture(seed, h, w)), return_tensors="np")["pixel_values"][0]
            got = np.ascontiguousarray(np.moveaxis(got, 0, -1)).astype("<f4")
            yield dict(model_type=model_type, config=config, seed=seed, h=h, w=w, rows=got.shape[0], cols=got.shape[1], fnv=fnv(got.tobytes()))


def mel_cases():
    from transformers import WhisperFeatureExtractor

    for seed, (n, pad, bands) in enumerate([(1600, 0, 80), (5000, 0, 80), (201, 8000, 80), (3210, 4000, 128), (12345, 0, 40)], 1):
        extractor = WhisperFeatureExtractor(feature_size=bands)
        x = sound(seed, n) * np.linspace(0, 0.5, n, dtype=np.float32) ** 3
        x = np.pad(x.astype(np.float32), (0, max(0, pad - n)))
        mel = extractor._np_extract_fbank_features(x[None].astype(np.float64), "cpu")[0].T
        picks = [(f, m) for f in range(0, mel.shape[0], max(1, mel.shape[0] // 6)) for m in range(0, bands, bands // 8)]
        yield dict(seed=seed, n=n, pad=pad, bands=bands, frames=mel.shape[0], picks=[[f, m, round(float(mel[f, m]), 7)] for f, m in picks], mean=float(mel.mean()))


def normalize_cases():
    from transformers import Wav2Vec2FeatureExtractor

    for seed, n in enumerate([1, 7, 8, 127, 128, 129, 1000, 4097, 30011], 1):
        x = sound(seed, n) * np.float32(0.3) + np.float32(0.1)
        y = Wav2Vec2FeatureExtractor(do_normalize=True)(x, sampling_rate=RATE, return_tensors="np")["input_values"][0]
        yield dict(seed=seed, n=n, fnv=fnv(y.astype("<f4").tobytes()))


def filter_cases():
    from transformers.audio_utils import mel_filter_bank

    for bands in (40, 80, 128):
        f = mel_filter_bank(201, bands, 0.0, 8000.0, RATE, norm="slaney", mel_scale="slaney").T
        yield dict(bands=bands, sums=[float(v) for v in f.sum(1)[:: bands // 8]], peaks=[int(v) for v in f.argmax(1)[:: bands // 8]])


def main():
    OUT.mkdir(exist_ok=True)
    tables = dict(resize=image_cases, orient=orient_cases, prep=prep_cases, mel=mel_cases, normalize=normalize_cases, filters=filter_cases)
    for name, cases in tables.items():
        rows = ",\n".join(json.dumps(c) for c in cases())
        (OUT / f"{name}.json").write_text(f"[\n{rows}\n]\n")


if __name__ == "__main__":
    main()
