#!/usr/bin/env python3
"""ViT-B/16 (two of its layers, random weights) through our Vulkan shaders beside ncnn's, on the same Vulkan device (the
first of the list; VK_DRIVER_FILES chooses), in turns. Needs torch, transformers, ncnn and pnnx. ncnn takes one image at a
time: for a batch it runs as often. For a machine without pnnx the network is made elsewhere: --make DIR, then --net DIR.

    beside_ncnn.py [-b 1,8] [-r ROUNDS] [-p fp32|fp16]
"""
import argparse
import os
import statistics
import subprocess
import tempfile
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import ncnn
import numpy as np
import torch
import transformers as T

T.logging.set_verbosity_error()
BENCH = os.path.join(os.environ.get("BUILD", "build"), "bench", "bench_encode")


class Last(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x).last_hidden_state


def load(path, precision):
    net = ncnn.Net()
    net.opt.use_vulkan_compute = True
    net.opt.num_threads = 2
    half = precision == "fp16"
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = half
    net.opt.use_bf16_storage = False
    net.load_param(f"{path}.ncnn.param")
    net.load_model(f"{path}.ncnn.bin")
    return net


def run(net, x):
    ex = net.create_extractor()
    ex.input("in0", ncnn.Mat(x).clone())
    return np.array(ex.extract("out0")[1])


def make(model, x, where):
    import pnnx

    with torch.no_grad():
        pnnx.export(Last(model).eval(), f"{where}/vit.pt", x)


def beside(net, x, model, batch, a):
    """Medians of seconds for a batch: ours, theirs."""
    ours, theirs = [], []
    for _ in range(a.r):
        start = time.perf_counter()
        for _ in range(batch):
            run(net, x[0].numpy())
        theirs.append(time.perf_counter() - start)
        out = subprocess.run([BENCH, "-m", model, "-d", "vulkan:0", "-p", a.p, "-b", str(batch), "-s", "0.1", "image"],
                             check=True, stdout=subprocess.PIPE, text=True).stdout
        ours.append(float(out.split()[1]) / 1e3)
    return statistics.median(ours), statistics.median(theirs)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("-b", default="1,8")
    p.add_argument("-r", type=int, default=3)
    p.add_argument("-p", default="fp32", choices=("fp32", "fp16"))
    p.add_argument("--make", metavar="DIR", help="only make ncnn's network there")
    p.add_argument("--net", metavar="DIR", help="take it from there")
    a = p.parse_args()
    torch.manual_seed(0)
    model = T.ViTModel(T.ViTConfig(num_hidden_layers=2), add_pooling_layer=False).eval()
    x = torch.randn(1, 3, 224, 224)
    if a.make:
        return make(model, x, a.make)
    with tempfile.TemporaryDirectory() as d:
        model.save_pretrained(f"{d}/model")
        if not a.net:
            make(model, x, d)
        net = load(f"{a.net or d}/vit", a.p)
        got, want = run(net, x[0].numpy()), model(x).last_hidden_state[0].detach().numpy()
        cosine = (got * want).sum() / np.linalg.norm(got) / np.linalg.norm(want)
        print(f"{a.p}, ncnn's cosine to torch: {cosine:.7f}\n\n| batch | ours, s | ncnn, s | ratio |\n|---|---|---|---|")
        for batch in map(int, a.b.split(",")):
            ours, theirs = beside(net, x, f"{d}/model", batch, a)
            print(f"| {batch} | {ours:.4f} | {theirs:.4f} | {theirs / ours:.2f} |", flush=True)


if __name__ == "__main__":
    main()
