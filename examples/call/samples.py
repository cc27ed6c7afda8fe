#!/usr/bin/env python3
"""Samples to train and to test the live head on, out of features that exist: the text and the face of one MOSI utterance, the voice
of an Emo-DB recording. samples.py DIRECTORY: reads text.mm, face.mm, voices.mm and silence.mm there, writes train.mm and test.mm.

A sample's label is its mood: the utterance's sentiment and the recording's arousal, drawn independently of each other. Tests are
every third video of MOSI's test part and two speakers of Emo-DB; neither trains. Keys are SPEAKER/UTTERANCE."""
import random
import sys

import msgpack

MOODS = {("positive", "excited"): "happy", ("positive", "calm"): "content",
         ("negative", "excited"): "angry", ("negative", "calm"): "sad"}
TEST_SPEAKERS = ("14", "16")  # of ten
SILENT = 200                  # samples in which the agent alone speaks

rng = random.Random(1)


def read(name):
    with open(f"{sys.argv[1]}/{name}.mm", "rb") as f:
        return [r for r in msgpack.Unpacker(f, max_buffer_size=2**30) if r["kind"] == "feature"]


def video(key):
    return key.rsplit("_", 1)[0]


def put(out, key, mood, **features):
    for modality, r in features.items():
        if r:
            out.write(msgpack.packb({"mm": 1, "kind": "feature", "key": key, "data": r["data"], "of": modality,
                                     "space": r["space"], "label": mood}))


def main():
    # face.mm holds MOSI's test part only: the features of its training part were fitted to the labels
    texts, voices, silence, faces = read("text"), read("voices"), read("silence"), {r["key"]: r for r in read("face")}
    test_videos = sorted({video(key) for key in faces})[::3]
    speakers = {tests: [r for r in voices if (r["key"][:2] in TEST_SPEAKERS) == tests] for tests in (False, True)}
    with open(f"{sys.argv[1]}/train.mm", "wb") as train, open(f"{sys.argv[1]}/test.mm", "wb") as test:
        for text in texts:
            tests = video(text["key"]) in test_videos
            arousal = rng.choice(("calm", "excited"))
            customer = rng.choice([r for r in speakers[tests] if r["label"] == arousal])
            agent = rng.choice(silence) if rng.random() < 0.8 else rng.choice(speakers[tests])
            put(test if tests else train, f"{customer['key'][:2]}/{text['key']}", MOODS[text["label"], arousal],
                text=text, face=faces.get(text["key"]), customer=customer, agent=agent)
        for i in range(SILENT):
            agent = rng.choice(speakers[False])
            put(train, f"{agent['key'][:2]}/silent{i}", "silent", customer=rng.choice(silence), agent=agent)


if __name__ == "__main__":
    main()
