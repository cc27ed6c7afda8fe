#!/usr/bin/env python3
"""A call to play: the utterances of a MOSI video as the customer's words and face, recordings of an Emo-DB speaker as the customer's
voice, of another one as the agent's. call.py OUT VIDEO EMODB: reads OUT/words.csv, OUT/face.csv, OUT/voices.csv and OUT/silence.wav,
writes OUT/call/: call.wav (agent left, customer right), words.csv and face.csv with times, and the moods in truth.csv.

What is made: times (2.5 words a second, a gap after each utterance, the agent after every fourth), and that these voices say these
words. Arousal changes with every fourth utterance."""
import csv
import random
import sys
import wave
from pathlib import Path

from samples import MOODS, TEST_SPEAKERS

CUSTOMER, AGENT = reversed(TEST_SPEAKERS)
GAP = 0.4  # seconds
rng = random.Random(2)


def frames(path):
    with wave.open(str(path), "rb") as w:
        return w.getframerate(), w.readframes(w.getnframes())


def table(name):
    with open(out / name, newline="") as f:
        return list(csv.reader(f))


out, video, emodb = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
words = sorted((r for r in table("words.csv")[1:] if r[0].rsplit("_", 1)[0] == video), key=lambda r: int(r[0].rsplit("_", 1)[1]))
faces = {r[0]: r[1:-1] for r in table("face.csv")}
voices = table("voices.csv")[1:]  # file, arousal
rate, silence = frames(out / "silence.wav")
call = out / "call"
call.mkdir(exist_ok=True)
left, right, rows, now = b"", b"", [], 0.0  # 16-bit samples; start, end, key, text, sentiment, arousal


def quiet(seconds):
    n = 2 * round(seconds * rate)
    return (silence * (n // len(silence) + 1))[:n]


def say(speaker, arousal, seconds):
    """recordings of this speaker, one after the other, cut to the seconds"""
    said, n = b"", 2 * round(seconds * rate)
    while len(said) < n:
        said += frames(emodb / rng.choice([f for f, a in voices if Path(f).name[:2] == speaker and a == arousal]))[1]
    return said[:n]


for i, (key, text, sentiment) in enumerate(words):
    arousal = "calm" if i // 4 % 2 else "excited"
    if i % 4 == 0:
        left, right, now = left + say(AGENT, "calm", 4) + quiet(GAP), right + quiet(4) + quiet(GAP), now + 4 + GAP
    seconds = max(2, round(len(text.split()) / 2.5))
    left, right = left + quiet(seconds + GAP), right + say(CUSTOMER, arousal, seconds) + quiet(GAP)
    rows.append((round(now, 3), round(now + seconds, 3), key, text, MOODS[sentiment, arousal]))
    now += seconds + GAP

with wave.open(str(call / "call.wav"), "wb") as w:
    w.setparams((2, 2, rate, 0, "NONE", ""))
    n = min(len(left), len(right))
    w.writeframes(b"".join(left[i:i + 2] + right[i:i + 2] for i in range(0, n, 2)))
columns = [f"f{i + 1}" for i in range(len(next(iter(faces.values()))))]
for name, head, row in (("words", ["text"], lambda r: [r[3]]), ("face", columns, lambda r: faces[r[2]]), ("truth", ["mood"], lambda r: [r[4]])):
    with open(call / f"{name}.csv", "w", newline="") as f:
        csv.writer(f, lineterminator="\n").writerows([["call", "start", "end", *head], *(["call", r[0], r[1], *row(r)] for r in rows)])
