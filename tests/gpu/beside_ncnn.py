#!/usr/bin/env python3
"""ViT-B/16 (two of its layers, random weights) through our Vulkan shaders beside ncnn's, fp32, on the same Vulkan device (the
first of the list; VK_DRIVER_FILES chooses), in turns. Needs torch, transformers, ncnn and pnnx. ncnn takes one image at a
time: for a batch it runs as often.

    beside_ncnn.py [-b 1,8] [-r ROUNDS]
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
import pnnx
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


def load(path):
    net = ncnn.Net()
    net.opt.use_vulkan_compute = True
    net.opt.num_threads = 2
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = net.opt.use_bf16_storage = False
    net.load_param(f"{path}.ncnn.param")
    net.load_model(f"{path}.ncnn.bin")
    return net


def run(net, x):
    ex = net.create_extractor()
    ex.input("in0", ncnn.Mat(x).clone())
    return np.array(ex.extract("out0")[1])


def main():
    p = argparse.ArgumentParser()
    p.add_argument("-b", default="1,8")
    p.add_argument("-r", type=int, default=3)
    a = p.parse_args()
    torch.manual_seed(0)
    model = T.ViTModel(T.ViTConfig(num_hidden_layers=2), add_pooling_layer=False).eval()
    x = torch.randn(1, 3, 224, 224)
    with tempfile.TemporaryDirectory() as d:
        model.save_pretrained(f"{d}/model")
        with torch.no_grad():
            pnnx.export(Last(model).eval(), f"{d}/vit.pt", x)
            want = model(x).last_hidden_state[0].numpy()
        net = load(f"{d}/vit")
        got = run(net, x[0].numpy())
        cosine = (got * want).sum() / np.linalg.norm(got) / np.linalg.norm(want)
        print(f"ncnn's cosine to torch: {cosine:.7f}\n\n| batch | ours, s | ncnn, s | ratio |\n|---|---|---|---|")
        for batch in map(int, a.b.split(",")):
            ours, theirs = [], []
            for _ in range(a.r):
                start = time.perf_counter()
                for _ in range(batch):
                    run(net, x[0].numpy())
                theirs.append(time.perf_counter() - start)
                out = subprocess.run([BENCH, "-m", f"{d}/model", "-d", "vulkan:0", "-b", str(batch), "-s", "0.1", "image"],
                                     check=True, stdout=subprocess.PIPE, text=True).stdout
                ours.append(float(out.split()[1]) / 1e3)
            o, t = statistics.median(ours), statistics.median(theirs)
            print(f"| {batch} | {o:.2f} | {t:.2f} | {t / o:.2f} |", flush=True)


if __name__ == "__main__":
    main()
