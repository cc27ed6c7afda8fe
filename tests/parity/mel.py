#!/usr/bin/env python3
"""Log-mel spectrograms and waveform normalisation against transformers' feature extractors.

usage: tests/parity/mel.py     needs `make probes`, numpy, scipy, transformers; torch where it is there
"""
import os
import pathlib
import struct
import subprocess
import sys

import numpy as np
import scipy.io.wavfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROBE = pathlib.Path(os.environ.get("MM_BUILD", ROOT / "build")) / "parity" / "probe_audio"
DATA = pathlib.Path(os.environ.get("MM_DATA", ROOT / ".." / "shared" / "data"))
RATE = 16000


class Probe:
    def __init__(self):
        self.p = subprocess.Popen([PROBE], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, n, pad_to, n_mels, x=b"", dtype=np.float32):
        self.p.stdin.write(struct.pack("<3i", n, pad_to, n_mels) + x)
        self.p.stdin.flush()
        rows, columns = struct.unpack("<2i", self.p.stdout.read(8))
        size = max(rows * columns, 0) * np.dtype(dtype).itemsize
        return np.frombuffer(self.p.stdout.read(size), dtype).reshape(rows, columns)


def clips():
    rng = np.random.default_rng(2)
    t = np.arange(5 * RATE) / RATE
    yield "chirp", np.sin(2 * np.pi * (200 + 600 * t) * t) * 0.5
    yield "noise", rng.normal(0, 0.1, 3 * RATE + 77)
    yield "quiet noise", rng.normal(0, 1e-4, 2 * RATE + 1)
    yield "pulse", np.eye(1, RATE, 5000)[0]
    yield "silence", np.zeros(RATE)
    yield "tone and silence", np.concatenate([np.sin(880 * t[:RATE]), np.zeros(RATE)])
    yield "210 samples", rng.normal(0, 0.1, 210)
    yield "30 s", np.cumsum(rng.normal(0, 0.01, 30 * RATE)) % 1.0 - 0.5
    for path in sorted((DATA / "speech_transcribed").rglob("*.wav"))[:8]:
        try:
            rate, x = scipy.io.wavfile.read(path)
        except ValueError:
            continue
        if rate == RATE and x.ndim == 1 and x.dtype == np.int16:
            yield path.name, x[: 30 * RATE] / 32768


def main():
    from transformers import Wav2Vec2FeatureExtractor, WhisperFeatureExtractor
    from transformers.audio_utils import mel_filter_bank

    probe, bad = Probe(), False
    for bands in (80, 128):
        want = mel_filter_bank(201, bands, 0.0, 8000.0, RATE, norm="slaney", mel_scale="slaney").T
        error = np.abs(probe(bands, 0, -1, dtype=np.float64) - want).max()
        print(f"mel filters, {bands} bands: largest error {error:.1e}")
        bad |= error > 1e-12
    w2v = Wav2Vec2FeatureExtractor(do_normalize=True)
    print(f"{'clip':28} {'normalised':>11} | log-mel, largest error to the f64 and the f32 reference: as it is | padded")
    for name, x in clips():
        x = x.astype(np.float32)
        want = w2v(x, sampling_rate=RATE, return_tensors="np")["input_values"][0]
        different = int((probe(len(x), 0, 0, x.tobytes())[0] != want).sum())
        line = f"{name:28} {different:4} differ"
        bad |= different > 0
        for pad in (0, 30 * RATE):
            whisper = WhisperFeatureExtractor()
            padded = np.pad(x, (0, max(0, pad - len(x))))
            got = probe(len(x), pad, 80, x.tobytes())
            f64 = whisper._np_extract_fbank_features(padded[None].astype(np.float64), "cpu")[0].T
            error = np.abs(got - f64).max()
            bad |= error > 1e-5
            line += f" | {error:.1e}"
            try:
                f32 = whisper._torch_extract_fbank_features(padded[None], "cpu")[0].T
                line += f" {np.abs(got - f32).max():.1e} (mean {np.abs(got - f32).mean():.0e})"
            except NameError:  # without torch the f64 path is the reference
                pass
        print(line)
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
