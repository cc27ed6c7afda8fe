#!/usr/bin/env python3
"""Every architecture at full size, random weights written by transformers (the default models: real ones), the same input tensor:
the lowest cosine of any position of any hidden state. Bar: .999999, or BAR (.9995 for MM_DEVICE=vulkan
MM_PRECISION=fp16). Builds on tests/parity/probe_encode.c (make probes)."""
import os
import subprocess
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import numpy as np
import torch
import transformers as T

T.logging.set_verbosity_error()
torch.manual_seed(3)
PROBE = os.path.join(os.environ.get("BUILD", "build"), "parity", "probe_encode")
MODELS = os.environ.get("MM_MODELS", os.path.expanduser("~/.local/share/mm/models")).split(":")[0]
BAR = float(os.environ.get("BAR", "0.999999"))
bad = 0


def shake(model):
    """Random values for what starts at zeros or ones, so that no parameter can be left out unseen."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim == 1 or "position" in name or "token" in name:
                p.add_(0.1 * torch.randn_like(p))
    return model.float().eval()


def ours(path, of, layers, x):
    with tempfile.TemporaryDirectory() as d:
        x = np.ascontiguousarray(x)
        with open(f"{d}/in", "wb") as f:
            f.write(np.array([x.ndim, *x.shape], np.int64).tobytes() + x.tobytes())
        t = int(subprocess.run([PROBE, path, of, str(layers), f"{d}/in", f"{d}/out"], check=True, stdout=subprocess.PIPE).stdout)
        return np.fromfile(f"{d}/out", np.float32).reshape(t, layers + 1, -1).transpose(1, 0, 2)


def check(name, path, of, x, reference):
    global bad
    hidden, last = reference
    ref = np.stack([h[0].float().numpy() for h in [*hidden[:-1], last]]).astype(np.float64)
    got = ours(path, of, len(hidden) - 1, x).astype(np.float64)
    cosine = (got * ref).sum(-1) / np.linalg.norm(got, axis=-1) / np.linalg.norm(ref, axis=-1)
    ok = got.shape == ref.shape and cosine.min() >= BAR
    bad += not ok
    print(f"| {name} | {ref.shape[0]} × {ref.shape[1]} × {ref.shape[2]} | {cosine.min():.8f} | ≥ {BAR} | {'yes' if ok else '**no**'} |",
          flush=True)


def saved(model, d):
    model.save_pretrained(d)
    return d


def image(name, model, size, path=None, inner=lambda m: m, of="image", interpolate=None):
    with tempfile.TemporaryDirectory() as d:
        path = path or saved(model, d)
        x = torch.randn(1, 3, *size)
        kw = {} if interpolate is None else {"interpolate_pos_encoding": interpolate}
        with torch.no_grad():
            r = inner(model)(pixel_values=x, output_hidden_states=True, **kw)
        check(name, path, of, x[0].permute(1, 2, 0).numpy(), (r.hidden_states, r.last_hidden_state))


def text(name, model, length, path=None, vocabulary=30000, ids=None, inner=lambda m: m):
    with tempfile.TemporaryDirectory() as d:
        path = path or saved(model, d)
        ids = ids if ids is not None else torch.randint(1000, vocabulary, (1, length))
        with torch.no_grad():
            r = inner(model)(input_ids=ids, output_hidden_states=True)
        check(name, path, "text", ids[0].numpy().astype(np.int32), (r.hidden_states, r.last_hidden_state))


def wave(name, model, samples):
    with tempfile.TemporaryDirectory() as d:
        path = saved(model, d)
        x = torch.randn(1, samples)
        with torch.no_grad():
            r = model(x, output_hidden_states=True)
        check(name, path, "audio", x[0].numpy(), (r.hidden_states, r.last_hidden_state))


def whisper(name, model, frames, path=None):
    with tempfile.TemporaryDirectory() as d:
        path = path or saved(model, d)
        x = 0.5 * torch.randn(1, model.config.num_mel_bins, 3000)
        with torch.no_grad():
            r = model.encoder(x, output_hidden_states=True)
        check(name, path, "audio", x[0].T.numpy(), (r.hidden_states, r.last_hidden_state))


def main():
    print("| architecture | hidden states × positions × width | lowest cosine | bar | met |\n|---|---|---|---|---|")
    image("ViT-B/16, 224 px", shake(T.ViTModel(T.ViTConfig())), (224, 224))
    image("ViT-B/16, 224 px, in a classifier's file", shake(T.ViTForImageClassification(T.ViTConfig())), (224, 224), inner=lambda m: m.vit)
    image("ViT-B/16 at 160 × 288 px (positions interpolated)", shake(T.ViTModel(T.ViTConfig())), (160, 288), interpolate=True)
    image("DeiT-B/16 (distillation token)", shake(T.DeiTModel(T.DeiTConfig())), (224, 224))
    small = dict(hidden_size=384, num_attention_heads=6, image_size=518, patch_size=14)
    image("DINOv2-small, 224 px (positions interpolated)", shake(T.Dinov2Model(T.Dinov2Config(**small))), (224, 224))
    image("DINOv2-base, 518 px", shake(T.Dinov2Model(T.Dinov2Config(image_size=518, patch_size=14))), (518, 518))
    image("DINOv2-small with registers, 252 × 308 px", shake(T.Dinov2WithRegistersModel(T.Dinov2WithRegistersConfig(**small))), (252, 308))
    clip = shake(T.CLIPModel(T.CLIPConfig()))  # ViT-B/32 and its text tower
    image("CLIP B/32, image tower", clip, (224, 224), inner=lambda m: m.vision_model)
    ids = torch.cat([torch.tensor([[49406]]), torch.randint(100, 49000, (1, 60)), torch.tensor([[49407]])], 1)
    text("CLIP B/32, text tower", clip, 62, ids=ids, inner=lambda m: m.text_model)
    text("BERT-base, 128 tokens", shake(T.BertModel(T.BertConfig())), 128)
    text("BERT-base, 512 tokens", shake(T.BertModel(T.BertConfig())), 512)
    text("DistilBERT-base, 200 tokens", shake(T.DistilBertModel(T.DistilBertConfig())), 200)
    wave("Wav2Vec2-base (group norm), 10 s", shake(T.Wav2Vec2Model(T.Wav2Vec2Config())), 160000)
    large = dict(hidden_size=1024, num_attention_heads=16, intermediate_size=4096, num_hidden_layers=8, feat_extract_norm="layer",
                 do_stable_layer_norm=True, conv_bias=True)
    wave("Wav2Vec2-large (layer norm, stable), 8 of 24 layers, 5.3 s", shake(T.Wav2Vec2Model(T.Wav2Vec2Config(**large))), 84800)
    wave("HuBERT-base, 7 s", shake(T.HubertModel(T.HubertConfig())), 112000)
    if os.path.isdir(MODELS):
        for name in ("minilm-l6", "imgfocus-vits14", "whisper-base"):
            path = os.path.join(MODELS, name)
            if not os.path.isdir(path):
                continue
            model = T.AutoModel.from_pretrained(path).float().eval()
            if name == "minilm-l6":
                text("MiniLM-L6, real weights, 100 tokens", model, 100, path)
            elif name == "whisper-base":
                whisper("Whisper-base encoder, real weights, 30 s", model, 3000, path)
            else:
                image("imgfocus-vits14, real weights, 224 px", model, (224, 224), path)
    whisper("Whisper-tiny encoder", shake(T.WhisperModel(T.WhisperConfig(d_model=384, encoder_layers=4, decoder_layers=1,
            encoder_attention_heads=6, decoder_attention_heads=6, encoder_ffn_dim=1536, decoder_ffn_dim=1536))), 3000)
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
