#!/usr/bin/env python3
"""Writes sentences/: sentences and what sentence-transformers makes of them with all-MiniLM-L6-v2 (the model of `make models`)."""
import os

import numpy as np
from sentence_transformers import SentenceTransformer

TEXTS = ["The striker scored twice in the final minutes.", "A cat sits on the mat.", "Zwei Präsidenten trafen sich — endlich!",
         "naïve café, 東京, ½ 🙂", "word " * 200, ""]
out = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sentences")
model = SentenceTransformer(os.path.join(os.environ["MM_MODELS"], "minilm-l6"), device="cpu")
with open(os.path.join(out, "texts.txt"), "w", encoding="utf-8") as f:
    f.write("".join(t.strip() + "\n" for t in TEXTS))
np.save(os.path.join(out, "vectors.npy"), np.stack([model.encode(t.strip()) for t in TEXTS]).astype(np.float32))
