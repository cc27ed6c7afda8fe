#!/usr/bin/env python3
"""Writes sentences/: sentences and what sentence-transformers makes of them with all-MiniLM-L6-v2 (the model of `make models`)."""
import json
import os
import shutil
import tempfile

import numpy as np
from sentence_transformers import SentenceTransformer

TEXTS = ["The striker scored twice in the final minutes.", "A cat sits on the mat.", "Zwei Präsidenten trafen sich — endlich!",
         "naïve café, 東京, ½ 🙂", "word " * 200, ""]
out = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sentences")
model = SentenceTransformer(os.path.join(os.environ["MM_MODELS"], "minilm-l6"), device="cpu")
with open(os.path.join(out, "texts.txt"), "w", encoding="utf-8") as f:
    f.write("".join(t.strip() + "\n" for t in TEXTS))
np.save(os.path.join(out, "vectors.npy"), np.stack([model.encode(t.strip()) for t in TEXTS]).astype(np.float32))

# The same sentences after prompts: [default, default but left out of the mean, another by name and left out][6, 384]
PROMPTS = {"prompts": {"query": "query: ", "document": "Represent the passage: "}, "default_prompt_name": "query"}


def prompted(include, name=None):
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(os.path.join(os.environ["MM_MODELS"], "minilm-l6"), copy, dirs_exist_ok=True)
        for file, change in (("config_sentence_transformers.json", PROMPTS), ("1_Pooling/config.json", {"include_prompt": include})):
            path = os.path.join(copy, file)
            with open(path, encoding="utf-8") as f:
                members = json.load(f)
            with open(path, "w", encoding="utf-8") as f:
                json.dump({**members, **change}, f)
        m = SentenceTransformer(copy, device="cpu")
        return np.stack([m.encode(t.strip(), prompt_name=name) for t in TEXTS])


np.save(os.path.join(out, "prompts.npy"), np.stack([prompted(True), prompted(False), prompted(False, "document")]).astype(np.float32))
