#!/usr/bin/env python3
"""Sound from file to samples to vector: mm-decode beside soundfile, the mean of the channels, and librosa's soxr_hq. Files of every rate
and layout are made with ffmpeg from speech of 16 kHz and more; the vectors of both sides come from Whisper-base through the same
encoder (whose own parity is encoders.py's business). Bars: as many samples, all of them finite and not all of them silent, vectors'
cosine ≥ .9999 for 16 kHz and ≥ .999 where resampled. The signal-to-noise ratio of the samples stands beside it; it is infinite where
every sample is equal."""
import io
import os
import subprocess
import sys
import tempfile

import librosa
import msgpack
import msgpack_numpy
import numpy as np
import soundfile

DATA = os.environ.get("MM_DATA", "../shared/data")
bad = 0


def run(command, data=b""):
    out = subprocess.run(["bash", "-c", command], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return list(msgpack.Unpacker(io.BytesIO(out), object_hook=msgpack_numpy.decode, max_buffer_size=0))


def vector(samples):
    rec = {"mm": 1, "kind": "audio", "key": "x", "src": "x", "data": msgpack_numpy.encode(samples.astype(np.float32)), "rate": 16000}
    return run("mm-encode-audio -m whisper-base", msgpack.packb(rec))[0]["data"]


def check(name, paths):
    global bad
    low, snr, n, native, sound = 1.0, np.inf, 0, True, True
    for path in paths:
        x, rate = soundfile.read(path, dtype="float32", always_2d=True)
        x = x.mean(1)
        want = x if rate == 16000 else librosa.resample(x, orig_sr=rate, target_sr=16000, res_type="soxr_hq")
        native &= rate == 16000
        got = run(f"mm-decode --only audio '{path}'")[0]["data"]
        n += 1
        if len(got) != len(want) or not np.isfinite(got).all() or not want.any():
            sound = False
            print(f"{path}: {len(got)} samples where the reference has {len(want)}, or none that counts", file=sys.stderr)
            continue
        noise, power = (float((v.astype(float) ** 2).sum()) for v in (got - want, want))
        snr = np.minimum(snr, 10 * np.log10(power / noise) if noise else np.inf)
        a, b = vector(got).astype(float), vector(want).astype(float)
        low = np.minimum(low, a @ b / np.linalg.norm(a) / np.linalg.norm(b))  # unlike min(), keeps a NaN
    bar = 0.9999 if native else 0.999
    ok = n > 0 and sound and low >= bar
    bad += not ok
    print(f"| {name} | {n} | lowest cosine {low:.7f}, lowest SNR {snr:.1f} dB | ≥ {bar} | {'yes' if ok else '**no**'} |", flush=True)


print("| what | n | measured | bar | met |\n|---|---|---|---|---|")
sources = [f"{DATA}/speech_transcribed/{p}" for p in ("jfk.wav", "test_speech.wav", "cards/001.wav", "cards/003.wav")]
with tempfile.TemporaryDirectory() as d:
    check("16 kHz, as they are", sources)
    for name, options, ending in (("8 kHz mono", "-ar 8000 -ac 1", "wav"), ("22.05 kHz mono", "-ar 22050 -ac 1", "wav"),
                                  ("44.1 kHz mono, FLAC", "-ar 44100 -ac 1", "flac"), ("48 kHz stereo", "-ar 48000 -ac 2", "wav"),
                                  ("48 kHz 5.1", "-af aresample=48000,pan=5.1|c0=c0|c1=0.5*c0|c2=0.8*c0|c3=0.1*c0|c4=0.3*c0|c5=0.6*c0", "wav"),
                                  ("16 kHz 5.1", "-af pan=5.1|c0=c0|c1=0.5*c0|c2=0.8*c0|c3=0.1*c0|c4=0.3*c0|c5=0.6*c0", "wav")):
        made = []
        for i, source in enumerate(sources):
            made.append(f"{d}/{name.replace(' ', '-')}-{i}.{ending}")
            subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", source, *options.split(" "), made[-1]], check=True)
        check(name, made)
sys.exit(bad > 0)
