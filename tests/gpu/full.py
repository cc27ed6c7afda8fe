#!/usr/bin/env python3
"""Writes a model of the real size with random weights: names, shapes and scales of the published ones.

usage: tests/gpu/full.py NAME DIR     vit-base, bert-base, wav2vec2-base or clip-base; needs numpy

Vectors of random weights mean nothing, but every operation has the size it has in the real model, and two devices must
agree about them. Weights are drawn as transformers initialises them (0.02, convolutions after He et al. 2015); gains
and biases vary about 1 and 0, so that none of them can be forgotten without a trace.
"""
import json
import pathlib
import struct
import sys
import wave

import numpy as np

WIDTH, INNER, LAYERS = 768, 3072, 12


def linear(name, outputs, inputs):
    return {f"{name}.weight": ([outputs, inputs], 0, 0.02), f"{name}.bias": ([outputs], 0, 0.02)}


def norm(name, width, gain="weight", bias="bias"):
    return {f"{name}.{gain}": ([width], 1, 0.1), f"{name}.{bias}": ([width], 0, 0.1)}


def convolution(name, outputs, inputs, *kernel):
    return {f"{name}.weight": ([outputs, inputs, *kernel], 0, (2 / (inputs * np.prod(kernel))) ** 0.5)}


def drawn(name, *shape):
    return {name: (list(shape), 0, 0.02)}


def layers(prefix, names, width, inner, count=LAYERS):
    """Transformer layers: names of query, key, value and output, of the two norms, of the two layers of the MLP."""
    tensors = {}
    for i in range(count):
        *square, norm1, norm2, fc1, fc2 = (f"{prefix}.{i}.{name}" for name in names)
        for name in square:
            tensors |= linear(name, width, width)
        tensors |= norm(norm1, width) | norm(norm2, width) | linear(fc1, inner, width) | linear(fc2, width, inner)
    return tensors


def vit_base():
    config = dict(model_type="vit", hidden_size=WIDTH, intermediate_size=INNER, num_hidden_layers=LAYERS, num_attention_heads=12,
                  image_size=224, patch_size=16, hidden_act="gelu", layer_norm_eps=1e-12)
    attention = "attention.attention"
    names = [f"{attention}.query", f"{attention}.key", f"{attention}.value", "attention.output.dense",
             "layernorm_before", "layernorm_after", "intermediate.dense", "output.dense"]
    embeddings = "vit.embeddings"
    patches = f"{embeddings}.patch_embeddings.projection"
    return config, {
        **drawn(f"{embeddings}.cls_token", 1, 1, WIDTH), **drawn(f"{embeddings}.position_embeddings", 1, 197, WIDTH),
        **convolution(patches, WIDTH, 3, 16, 16), **drawn(f"{patches}.bias", WIDTH),
        **layers("vit.encoder.layer", names, WIDTH, INNER), **norm("vit.layernorm", WIDTH)}, {}


def bert_base():
    config = dict(model_type="bert", hidden_size=WIDTH, intermediate_size=INNER, num_hidden_layers=LAYERS, num_attention_heads=12,
                  max_position_embeddings=512, type_vocab_size=2, vocab_size=30522, hidden_act="gelu", layer_norm_eps=1e-12)
    names = ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
             "attention.output.LayerNorm", "output.LayerNorm", "intermediate.dense", "output.dense"]
    embeddings = "bert.embeddings"
    letters = [chr(c) for c in range(33, 127)]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters)]
    vocabulary += [f"[unused{i}]" for i in range(30522 - len(vocabulary))]
    return config, {
        **drawn(f"{embeddings}.word_embeddings.weight", 30522, WIDTH), **drawn(f"{embeddings}.position_embeddings.weight", 512, WIDTH),
        **drawn(f"{embeddings}.token_type_embeddings.weight", 2, WIDTH), **norm(f"{embeddings}.LayerNorm", WIDTH),
        **layers("bert.encoder.layer", names, WIDTH, INNER)}, {"vocab.txt": "\n".join(vocabulary) + "\n"}


def wav2vec2_base():
    kernels, strides = [10, 3, 3, 3, 3, 2, 2], [5, 2, 2, 2, 2, 2, 2]
    config = dict(model_type="wav2vec2", hidden_size=WIDTH, intermediate_size=INNER, num_hidden_layers=LAYERS, num_attention_heads=12,
                  conv_dim=[512] * 7, conv_kernel=kernels, conv_stride=strides, conv_bias=False, feat_extract_norm="group",
                  feat_extract_activation="gelu", num_conv_pos_embeddings=128, num_conv_pos_embedding_groups=16,
                  do_stable_layer_norm=False, hidden_act="gelu", layer_norm_eps=1e-5)
    names = [f"attention.{x}_proj" for x in ("q", "k", "v", "out")]
    names += ["layer_norm", "final_layer_norm", "feed_forward.intermediate_dense", "feed_forward.output_dense"]
    tensors, inputs = {}, 1
    for i, kernel in enumerate(kernels):
        tensors |= convolution(f"wav2vec2.feature_extractor.conv_layers.{i}.conv", 512, inputs, kernel)
        inputs = 512
    positional = "wav2vec2.encoder.pos_conv_embed.conv"
    return config, {
        **tensors, **norm("wav2vec2.feature_extractor.conv_layers.0.layer_norm", 512),
        **norm("wav2vec2.feature_projection.layer_norm", 512), **linear("wav2vec2.feature_projection.projection", WIDTH, 512),
        f"{positional}.weight_g": ([1, 1, 128], 3, 0.3), **drawn(f"{positional}.weight_v", WIDTH, WIDTH // 16, 128),
        **drawn(f"{positional}.bias", WIDTH), **norm("wav2vec2.encoder.layer_norm", WIDTH),
        **layers("wav2vec2.encoder.layers", names, WIDTH, INNER)}, {}


def clip_base():
    """ViT-B/32 beside a text tower of width 512."""
    vision = dict(hidden_size=WIDTH, intermediate_size=INNER, num_hidden_layers=LAYERS, num_attention_heads=12, image_size=224,
                  patch_size=32, hidden_act="quick_gelu")
    text = dict(hidden_size=512, intermediate_size=2048, num_hidden_layers=LAYERS, num_attention_heads=8, vocab_size=49408,
                max_position_embeddings=77, hidden_act="quick_gelu", eos_token_id=49407)
    config = dict(model_type="clip", projection_dim=512, vision_config=vision, text_config=text)
    names = [f"self_attn.{x}_proj" for x in ("q", "k", "v", "out")] + ["layer_norm1", "layer_norm2", "mlp.fc1", "mlp.fc2"]
    seen, read = "vision_model.embeddings", "text_model.embeddings"
    letters = [chr(c) for c in range(33, 127)]
    vocabulary = [*letters, *(f"{c}</w>" for c in letters), "th", "the</w>"]
    vocabulary += [f"unused{i}" for i in range(49406 - len(vocabulary))] + ["<|startoftext|>", "<|endoftext|>"]
    files = {"vocab.json": json.dumps({token: i for i, token in enumerate(vocabulary)}), "merges.txt": "#version: 0.2\nt h\nth e</w>\n"}
    return config, {
        **drawn(f"{seen}.class_embedding", WIDTH), **drawn(f"{seen}.position_embedding.weight", 50, WIDTH),
        **convolution(f"{seen}.patch_embedding", WIDTH, 3, 32, 32), **norm("vision_model.pre_layrnorm", WIDTH),
        **layers("vision_model.encoder.layers", names, WIDTH, INNER), **norm("vision_model.post_layernorm", WIDTH),
        **drawn("visual_projection.weight", 512, WIDTH), **drawn(f"{read}.token_embedding.weight", 49408, 512),
        **drawn(f"{read}.position_embedding.weight", 77, 512), **layers("text_model.encoder.layers", names, 512, 2048),
        **norm("text_model.final_layer_norm", 512), **drawn("text_projection.weight", 512, 512),
        "logit_scale": ([], 4.6, 0)}, files


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, (shape, _, _) in tensors.items():
        size = 4 * int(np.prod(shape, dtype=np.int64))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    random = np.random.default_rng(1)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for shape, mean, std in tensors.values():
            values = random.standard_normal(int(np.prod(shape, dtype=np.int64)), np.float32)
            f.write((values * np.float32(std) + np.float32(mean)).astype("<f4").tobytes())


def write_sound(path, rate=16000):
    """One second: a tone that rises from 200 to 600 Hz with its overtones, and a little noise."""
    t = np.arange(rate) / rate
    phase = 2 * np.pi * (200 * t + 200 * t * t)
    tone = sum(np.sin(k * phase) / k for k in range(1, 9)) * np.sin(np.pi * t)
    samples = 0.2 * tone + 0.01 * np.random.default_rng(2).standard_normal(rate)
    with wave.open(str(path), "wb") as f:
        f.setparams((1, 2, rate, rate, "NONE", ""))
        f.writeframes((samples * 32767).astype("<i2").tobytes())


MODELS = {"vit-base": vit_base, "bert-base": bert_base, "wav2vec2-base": wav2vec2_base, "clip-base": clip_base}

if __name__ == "__main__":
    name, to = sys.argv[1], pathlib.Path(sys.argv[2])
    to.mkdir(parents=True, exist_ok=True)
    config, tensors, files = MODELS[name]()
    (to / "config.json").write_text(json.dumps(config, indent=1))
    for file, text in files.items():
        (to / file).write_text(text)
    write_safetensors(to / "model.safetensors", tensors)
    if name == "wav2vec2-base":
        write_sound(to / "second.wav")
