#!/usr/bin/env python3
"""check.py BUILD: the parity test of the encoder that `apply` adds: a small I-JEPA of random weights in the reference's layout
(transformers' IJepaModel), every hidden state of BUILD/parity/probe_encode beside a forward pass in numpy."""
import json
import math
import subprocess
import sys
import tempfile

import numpy as np

WIDTH, INNER, LAYERS, HEADS, PATCH, SIDE, EPS = 16, 48, 2, 2, 4, 5, 1e-6
BAR = 0.999999  # cosine: the tools' own


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, t in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [at, at + t.nbytes]}
        at += t.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text + b"".join(t.tobytes() for t in tensors.values()))


def random_model(rng):
    shapes = {"embeddings.patch_embeddings.projection": (WIDTH, 3, PATCH, PATCH), "layernorm": (WIDTH,)}
    for i in range(LAYERS):
        layer = f"encoder.layer.{i}."
        for name in ("query", "key", "value"):
            shapes[f"{layer}attention.attention.{name}"] = (WIDTH, WIDTH)
        shapes[layer + "attention.output.dense"] = (WIDTH, WIDTH)
        shapes[layer + "intermediate.dense"] = (INNER, WIDTH)
        shapes[layer + "output.dense"] = (WIDTH, INNER)
        shapes[layer + "layernorm_before"] = shapes[layer + "layernorm_after"] = (WIDTH,)
    w = {"embeddings.position_embeddings": rng.normal(size=(1, SIDE * SIDE, WIDTH)).astype(np.float32)}
    for name, shape in shapes.items():
        fan = math.prod(shape[1:])
        w[name + ".weight"] = (rng.normal(size=shape) / math.sqrt(fan) + (len(shape) == 1)).astype(np.float32)
        w[name + ".bias"] = rng.normal(scale=0.1, size=shape[0]).astype(np.float32)
    return w


def hidden_states(w, image):
    """[T, (LAYERS + 1) · WIDTH] of an image [H,W,3], in double."""
    def linear(x, name):
        return x @ w[name + ".weight"].astype(float).T + w[name + ".bias"]

    def norm(x, name):
        x = x - x.mean(-1, keepdims=True)
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPS) * w[name + ".weight"] + w[name + ".bias"]

    def attention(x, name):
        q, k, v = (linear(x, f"{name}.attention.{n}").reshape(len(x), HEADS, -1).swapaxes(0, 1) for n in ("query", "key", "value"))
        a = np.exp(q @ k.swapaxes(1, 2) / math.sqrt(q.shape[2]))
        a /= a.sum(-1, keepdims=True)
        return linear((a @ v).swapaxes(0, 1).reshape(len(x), -1), name + ".output.dense")

    gelu = np.vectorize(lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2)
    grid = image.reshape(SIDE, PATCH, SIDE, PATCH, 3).transpose(0, 2, 4, 1, 3).reshape(SIDE * SIDE, -1)
    conv = "embeddings.patch_embeddings.projection"
    x = grid @ w[conv + ".weight"].reshape(WIDTH, -1).astype(float).T + w[conv + ".bias"] + w["embeddings.position_embeddings"][0]
    states = [x]
    for i in range(LAYERS):
        layer = f"encoder.layer.{i}."
        x = x + attention(norm(x, layer + "layernorm_before"), layer + "attention")
        inner = gelu(linear(norm(x, layer + "layernorm_after"), layer + "intermediate.dense"))
        x = x + linear(inner, layer + "output.dense")
        states.append(norm(x, "layernorm") if i + 1 == LAYERS else x)
    return np.concatenate(states, axis=1)


def main():
    rng = np.random.default_rng(5)
    w, image = random_model(rng), rng.normal(size=(SIDE * PATCH, SIDE * PATCH, 3)).astype(np.float32)
    with tempfile.TemporaryDirectory() as tmp:
        write_safetensors(f"{tmp}/model.safetensors", w)
        with open(f"{tmp}/config.json", "w") as f:
            json.dump({"model_type": "ijepa", "hidden_size": WIDTH, "intermediate_size": INNER, "num_hidden_layers": LAYERS,
                       "num_attention_heads": HEADS, "patch_size": PATCH, "image_size": SIDE * PATCH, "layer_norm_eps": EPS}, f)
        with open(f"{tmp}/in", "wb") as f:
            f.write(np.array([3, *image.shape], np.int64).tobytes() + image.tobytes())
        subprocess.run([f"{sys.argv[1]}/parity/probe_encode", tmp, "image", str(LAYERS), f"{tmp}/in", f"{tmp}/out"],
                       check=True, stdout=subprocess.DEVNULL)
        got = np.fromfile(f"{tmp}/out", np.float32).astype(float).reshape(SIDE * SIDE, -1)
    want = hidden_states(w, image)
    cosine = (got * want).sum(1) / np.linalg.norm(got, axis=1) / np.linalg.norm(want, axis=1)
    print(f"I-JEPA: {len(got)} positions, {LAYERS + 1} hidden states, lowest cosine {cosine.min():.9f}")
    sys.exit(0 if cosine.min() >= BAR and np.abs(got - want).max() < 1e-4 else 1)


if __name__ == "__main__":
    main()
