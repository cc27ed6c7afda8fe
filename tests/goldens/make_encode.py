#!/usr/bin/env python3
"""Writes tests/goldens/encode/*: tiny models of every architecture with random weights, saved by transformers, and what
the reference computes with them.

    python3 tests/goldens/make_encode.py      (transformers 5.24, torch 2.9.1, safetensors, numpy)

Each directory is a model (config.json, model.safetensors) with a golden.safetensors:
    in.I           I-th input: image f32 [H,W,3], text i32 [T], audio f32 [N], log-mel f32 [frames,mels]
    hidden.I.K     its hidden state K, f32 [T,W]; the highest K is last_hidden_state
    pooled.I       what the model calls its pooled output (CLIP: the joint space), where it has one
    logits.I       classification logits, where the model has a head
CLIP has two modalities: its inputs for the text tower are in a second file, golden_text.safetensors.
tests/parity/encoders.py does the same at full size."""
import json
import os
import shutil

import numpy as np
import torch
from safetensors.torch import load_file, save_file
import transformers as t

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "encode")


# ---- the reference: input tensor of one item -> named outputs ----

def vision(model, x):
    """x [H,W,3]; model: a *Model, *ForImageClassification or CLIPModel."""
    pixels = torch.from_numpy(x).permute(2, 0, 1)[None]
    kind = type(model).__name__
    extra = {} if "Dinov2" in kind else {"interpolate_pos_encoding": True}
    if kind == "CLIPModel":
        o = model.vision_model(pixels, output_hidden_states=True, **extra)
        out = {"pooled": model.get_image_features(pixels, **extra).pooler_output[0]}
        return states(o.hidden_states[:-1] + (o.last_hidden_state,), out)
    base = getattr(model, model.base_model_prefix, model)
    o = base(pixels, output_hidden_states=True, **extra)
    out = {}
    if base is not model:
        out["logits"] = model(pixels, **extra).logits[0]
    return states(o.hidden_states[:-1] + (o.last_hidden_state,), out)


def text(model, x):
    ids = torch.from_numpy(x.astype(np.int64))[None]
    kind = type(model).__name__
    out = {}
    if kind == "CLIPModel":
        out["pooled"] = model.get_text_features(ids).pooler_output[0]
        o = model.text_model(ids, output_hidden_states=True)
    elif kind == "CLIPTextModelWithProjection":
        out["pooled"] = model(ids).text_embeds[0]
        o = model.text_model(ids, output_hidden_states=True)
    else:
        o = model(ids, output_hidden_states=True)
    return states(o.hidden_states[:-1] + (o.last_hidden_state,), out)


def speech(model, x):
    o = model(torch.from_numpy(x)[None], output_hidden_states=True)
    return states(o.hidden_states[:-1] + (o.last_hidden_state,), {})


def whisper(model, x):
    """x [frames, mels], any even number of frames: the reference insists on the length that its table of positions
    has, so it gets a shorter table."""
    encoder = model.get_encoder() if hasattr(model, "get_encoder") else model
    table, most = encoder.embed_positions, encoder.config.max_source_positions
    rows = x.shape[0] // 2
    encoder.config.max_source_positions = rows
    encoder.embed_positions = torch.nn.Embedding.from_pretrained(table.weight[:rows])
    o = encoder(torch.from_numpy(x).T[None], output_hidden_states=True)
    encoder.embed_positions, encoder.config.max_source_positions = table, most
    return states(o.hidden_states[:-1] + (o.last_hidden_state,), {})


def states(hidden, out):
    return {**{f"hidden.{k}": h[0] for k, h in enumerate(hidden)}, **out}


def golden(reference, model, inputs):
    """All named tensors of golden.safetensors."""
    named = {}
    with torch.no_grad():
        for i, x in enumerate(inputs):
            named[f"in.{i}"] = torch.from_numpy(x)
            for name, value in reference(model, x).items():
                head, _, k = name.partition(".")
                named[f"{head}.{i}" + (f".{k}" if k else "")] = value
    return {k: v.clone().contiguous() for k, v in named.items()}


# ---- tiny models ----

def shake(model, seed):
    """Weights with enough life in them that a mistake shows: initial ones are nearly zero, gains are all one."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=g)
            if p.ndim < 2 and ("norm" in name.lower() and name.endswith("weight") or "lambda" in name):
                p.copy_(1 + 0.2 * noise)
            elif p.ndim < 2:
                p.copy_(0.2 * noise)
            elif "original0" in name or "weight_g" in name:
                p.copy_(0.5 + 0.2 * noise.abs())
            elif "embed" in name or "token" in name:
                p.copy_(0.5 * noise)
            else:
                fan = p.shape[1:].numel()
                p.copy_(1.5 * noise / fan ** 0.5)
    return model.eval()


def image(h, w, seed):
    return np.random.default_rng(seed).standard_normal((h, w, 3)).astype(np.float32)


def sound(n, seed):
    return np.random.default_rng(seed).standard_normal(n).astype(np.float32)


def write(name, model, dtype, reference, inputs, rename=None, files=None, config=None):
    """Saves the model in `dtype`, reads it back so that the reference computes (in f32) with the same weights."""
    path = os.path.join(HERE, name)
    shutil.rmtree(path, ignore_errors=True)
    model.to(dtype).save_pretrained(path)
    model = type(model).from_pretrained(path, dtype=torch.float32).eval()
    weights = os.path.join(path, "model.safetensors")
    if rename:
        save_file({rename(k): v.contiguous() for k, v in load_file(weights).items()}, weights, {"format": "pt"})
    with open(os.path.join(path, "config.json")) as f:
        c = json.load(f)
    c.update(config or {})
    with open(os.path.join(path, "config.json"), "w") as f:
        json.dump({k: v for k, v in c.items() if k not in ("transformers_version",)}, f, indent=1, sort_keys=True)
        f.write("\n")
    for file, content in (files or {}).items():
        os.makedirs(os.path.dirname(os.path.join(path, file)), exist_ok=True)
        with open(os.path.join(path, file), "w") as f:
            json.dump(content, f, indent=1)
            f.write("\n")
    save_file(golden(reference, model, inputs), os.path.join(path, "golden.safetensors"))
    return model, path


W = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2)
V = dict(**W, intermediate_size=24, image_size=24, patch_size=8)
LABELS = dict(id2label={0: "cat", 1: "dog", 2: "a red car"}, label2id={"cat": 0, "dog": 1, "a red car": 2})
F16, BF16, F32 = torch.float16, torch.bfloat16, torch.float32


def images():
    write("vit", shake(t.ViTForImageClassification(t.ViTConfig(**V, **LABELS, hidden_act="gelu")), 1), F16, vision,
          [image(24, 24, 1), image(24, 24, 2)])
    write("vit_bare", shake(t.ViTModel(t.ViTConfig(**V, qkv_bias=False), add_pooling_layer=False), 2), F32, vision,
          [image(24, 24, 3), image(40, 24, 4)])
    write("deit", shake(t.DeiTForImageClassificationWithTeacher(t.DeiTConfig(**V, **LABELS)), 3), F16, vision,
          [image(24, 24, 5)])
    d = {**V, "mlp_ratio": 2}
    del d["intermediate_size"]
    write("dinov2", shake(t.Dinov2Model(t.Dinov2Config(**d)), 4), BF16, vision,
          [image(24, 24, 6), image(16, 24, 7), image(27, 21, 8)])
    write("dinov2_registers", shake(t.Dinov2WithRegistersForImageClassification(t.Dinov2WithRegistersConfig(
        **d, **LABELS, num_register_tokens=3)), 5), F16, vision, [image(24, 24, 9), image(16, 24, 10), image(27, 21, 11)])


def ids(*v):
    return np.array(v, np.int32)


CLIP_TEXT = dict(**W, intermediate_size=24, vocab_size=40, max_position_embeddings=12, bos_token_id=38, pad_token_id=0)


def texts():
    c = t.BertConfig(**W, intermediate_size=24, vocab_size=40, max_position_embeddings=12)
    pooling = {"word_embedding_dimension": 16, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True,
               "pooling_mode_max_tokens": False}
    modules = [{"idx": i, "name": str(i), "path": p, "type": "sentence_transformers.models." + k}
               for i, (p, k) in enumerate([("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")])]
    write("bert", shake(t.BertModel(c, add_pooling_layer=False), 6), F32, text,
          [ids(2, 17, 5, 39, 3), ids(2, 3), ids(2, *range(4, 14), 3)],
          rename=lambda k: "bert." + k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias",
                                                                                             "LayerNorm.beta"),
          files={"modules.json": modules, "1_Pooling/config.json": pooling,
                 "sentence_bert_config.json": {"max_seq_length": 9, "do_lower_case": False}})
    c = t.DistilBertConfig(dim=16, n_layers=2, n_heads=2, hidden_dim=24, vocab_size=40, max_position_embeddings=12)
    write("distilbert", shake(t.DistilBertModel(c), 7), F16, text, [ids(2, 17, 5, 39, 3), ids(2, 9, 3)])
    c = t.CLIPTextConfig(**CLIP_TEXT, projection_dim=8, eos_token_id=37, hidden_act="gelu")
    write("clip_text", shake(t.CLIPTextModelWithProjection(c), 8), F16, text, [ids(38, 4, 39, 6, 37), ids(38, 37, 37)])


def clip():
    c = t.CLIPConfig(text_config=dict(**CLIP_TEXT, eos_token_id=2), vision_config=V, projection_dim=8)
    model, path = write("clip", shake(t.CLIPModel(c), 9), F16, vision, [image(24, 24, 12), image(24, 40, 13)])
    save_file(golden(text, model, [ids(38, 4, 5, 6, 39), ids(38, 39, 0, 0)]), os.path.join(path, "golden_text.safetensors"))


def sounds():
    a = dict(**W, intermediate_size=24, vocab_size=8, num_conv_pos_embedding_groups=4)
    clips = [sound(400, 14), sound(57, 15)]
    old = lambda k: k.replace("parametrizations.weight.original0", "weight_g").replace(
        "parametrizations.weight.original1", "weight_v")
    convs = dict(conv_dim=(8, 12, 8), conv_kernel=(10, 3, 2), conv_stride=(5, 2, 2), num_feat_extract_layers=3)
    c = t.Wav2Vec2Config(**a, **convs, num_conv_pos_embeddings=5)
    write("wav2vec2", shake(t.Wav2Vec2Model(c), 10), F32, speech, clips, rename=lambda k: "wav2vec2." + old(k))
    c = t.Wav2Vec2Config(**a, **convs, num_conv_pos_embeddings=8, feat_extract_norm="layer", do_stable_layer_norm=True,
                         conv_bias=True)
    write("wav2vec2_large", shake(t.Wav2Vec2Model(c), 11), F16, speech, clips)
    c = t.HubertConfig(**a, **convs, num_conv_pos_embeddings=8, feat_proj_layer_norm=False)
    write("hubert", shake(t.HubertModel(c), 12), F16, speech, clips)
    c = t.WhisperConfig(d_model=16, encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=24, num_mel_bins=6,
                        max_source_positions=20, decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=8,
                        vocab_size=12, max_target_positions=4, pad_token_id=0, bos_token_id=1, eos_token_id=2,
                        decoder_start_token_id=3)
    mel = lambda n, seed: np.random.default_rng(seed).standard_normal((n, 6)).astype(np.float32)
    write("whisper", shake(t.WhisperModel(c), 13), F16, whisper, [mel(40, 16), mel(14, 17)])


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    images()
    texts()
    clip()
    sounds()
