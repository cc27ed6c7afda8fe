#!/usr/bin/env python3
"""The encoders on a GPU beside PyTorch on the same GPU: same architectures, same sizes, random weights, from host memory to
vectors in host memory, in turns. Prints a table: items per second, and the ratio. Needs torch with CUDA (or ROCm).

    bench.py [-d vulkan] [-b 1,8,32] [-s SECONDS] [MODEL ...]        MODEL: vit bert wav2vec2 clip
"""
import argparse
import os
import statistics
import subprocess
import tempfile
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
import transformers as T

T.logging.set_verbosity_error()
BENCH = os.path.join(os.environ.get("BUILD", "build"), "bench", "bench_encode")

MODELS = {
    "vit": ("ViT-B/16", "image", lambda: T.ViTModel(T.ViTConfig()), lambda b: {"pixel_values": torch.randn(b, 3, 224, 224)}),
    "bert": ("BERT-base, 128 tokens", "text", lambda: T.BertModel(T.BertConfig()), lambda b: {"input_ids": torch.randint(1000, 20000, (b, 128))}),
    "wav2vec2": ("Wav2Vec2-base, 10 s", "audio", lambda: T.Wav2Vec2Model(T.Wav2Vec2Config()), lambda b: {"input_values": torch.randn(b, 160000)}),
    "clip": ("CLIP B/32, image", "image", lambda: T.CLIPVisionModel(T.CLIPVisionConfig()), lambda b: {"pixel_values": torch.randn(b, 3, 224, 224)}),
}


def torch_rate(model, inputs, batch, dtype, seconds):
    """Median over runs; floating inputs are converted on the device, as one would."""
    def once():
        on = {k: v.cuda(non_blocking=True) for k, v in inputs.items()}
        on = {k: v.to(dtype) if v.is_floating_point() else v for k, v in on.items()}
        return model(**on).last_hidden_state.float().mean(1).cpu()

    with torch.inference_mode():
        for _ in range(5):
            once()
        took, start = [], time.perf_counter()
        while time.perf_counter() - start < seconds:
            t = time.perf_counter()
            once()
            took.append(time.perf_counter() - t)
    return batch / statistics.median(took)


def our_rate(path, kind, device, precision, batch, seconds):
    out = subprocess.run([BENCH, "-m", path, "-d", device, "-p", precision, "-b", str(batch), "-s", str(seconds), kind],
                         check=True, stdout=subprocess.PIPE, text=True).stdout
    return float(out.split()[2])


def main():
    p = argparse.ArgumentParser()
    p.add_argument("-d", default="vulkan")
    p.add_argument("-b", default="1,8,32")
    p.add_argument("-s", type=float, default=1.0)
    p.add_argument("models", nargs="*", default=list(MODELS))
    a = p.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, transformers {T.__version__}\n")
    print("| model | batch | precision | ours, items/s | torch, items/s | ratio |\n|---|---|---|---|---|---|")
    for name in a.models:
        title, kind, make, inputs = MODELS[name]
        torch.manual_seed(1)
        model = make().eval()
        with tempfile.TemporaryDirectory() as d:
            model.save_pretrained(d)
            for precision, dtype in (("fp32", torch.float32), ("fp16", torch.float16)):
                on = model.cuda().to(dtype)
                for batch in map(int, a.b.split(",")):
                    ours = [our_rate(d, kind, a.d, precision, batch, a.s)]
                    theirs = torch_rate(on, inputs(batch), batch, dtype, a.s)
                    ours.append(our_rate(d, kind, a.d, precision, batch, a.s))
                    print(f"| {title} | {batch} | {precision} | {max(ours):.0f} | {theirs:.0f} | {max(ours) / theirs:.2f} |", flush=True)


if __name__ == "__main__":
    main()
