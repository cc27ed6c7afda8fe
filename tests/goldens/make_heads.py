#!/usr/bin/env python3
"""Writes heads/: every fusion method as a PyTorch module (mm-heads(5)), its state_dict, a stream of samples, and what the
module makes of them. A sample may lack modalities; the modules below say what that means."""
import json
import os

import msgpack
import msgpack_numpy
import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

WIDTH = {"image": 6, "text": 5, "audio": 4}
NAMES = list(WIDTH)
H, C, HEADS, N = 16, 3, 4, 6


class Base(nn.Module):
    def __init__(self, width=H):
        super().__init__()
        for name, d in WIDTH.items():
            setattr(self, f"fc_{name}", nn.Linear(d, width))

    def fc(self, name):
        return getattr(self, f"fc_{name}")

    def hidden(self, s):  # ReLU(fc(mean of rows)), zeros where the modality is missing
        return torch.stack([F.relu(self.fc(m)(s[m].mean(0))) if m in s else torch.zeros(H) for m in NAMES])


class Mlp(Base):
    def __init__(self):
        super().__init__()
        self.fc_out = nn.Linear(len(NAMES) * H, C)

    def forward(self, s):
        return self.fc_out(self.hidden(s).flatten())


class Gated(Base):
    def __init__(self):
        super().__init__()
        for m in NAMES:
            setattr(self, f"gate_{m}", nn.Linear(len(NAMES) * H, 1))
        self.fc_out = nn.Linear(H, C)

    def forward(self, s):
        h = self.hidden(s)
        g = torch.cat([getattr(self, f"gate_{m}")(h.flatten()) if m in s else torch.tensor([-torch.inf]) for m in NAMES])
        self.weights = torch.softmax(g, -1)
        return self.fc_out(self.weights @ h)


def squash(x):
    n = x.norm(dim=-1, keepdim=True)
    return x * n / (1 + n * n)


class Routing(Base):
    def __init__(self):
        super().__init__()
        for m in NAMES:
            setattr(self, f"route_{m}", nn.Linear(H, 128))
        self.fc_out = nn.Linear(128, C)

    def forward(self, s):
        h = self.hidden(s)
        u = torch.stack([getattr(self, f"route_{m}")(squash(h[i])).view(8, 16) * (m in s) for i, m in enumerate(NAMES)])
        b = torch.zeros(len(NAMES), 8)
        for _ in range(3):
            c = torch.softmax(b, -1)
            v = squash((c[..., None] * u).sum(0))
            b = b + (u * v).sum(-1)
        return self.fc_out(v.flatten())


class Attention(Base):
    def __init__(self):
        super().__init__()
        self.type_embedding = nn.Embedding(len(NAMES), H)
        self.layer = nn.TransformerEncoderLayer(H, HEADS, 2 * H, dropout=0, activation="gelu", norm_first=True, batch_first=True)
        self.fc_out = nn.Linear(H, C)

    def token(self, s, m):
        return self.fc(m)(s[m]) + self.type_embedding.weight[NAMES.index(m)]

    def forward(self, s):
        x = torch.stack([self.token({m: s[m].mean(0)}, m) for m in NAMES if m in s])
        return self.fc_out(self.layer(x[None])[0].mean(0))


class Cross(Attention):
    def __init__(self):
        super().__init__()
        self.cross = self.layer
        del self.layer
        self.query = nn.Parameter(torch.randn(1, H))

    def forward(self, s):
        first, layer = NAMES[0], self.cross
        q = self.token(s, first) if first in s else self.query
        k = [self.token(s, m) for m in NAMES[1:] if m in s]
        k = layer.norm1(torch.cat(k))[None] if k else torch.zeros(1, 0, H)
        a = layer.norm1(q)[None]
        seen = layer.self_attn(a, k, k, need_weights=False)[0][0] if k.shape[1] else layer.self_attn.out_proj.bias.expand(len(q), H)
        x = q + seen
        x = x + layer.linear2(F.gelu(layer.linear1(layer.norm2(x))))
        return self.fc_out(x.mean(0))


class Dempster(Base):
    def __init__(self):
        super().__init__(C)
        self.reliability = nn.Parameter(torch.randn(len(NAMES)))

    def forward(self, s):
        q, unknown = torch.ones(C), torch.ones(1)
        for i, m in enumerate(NAMES):
            r = torch.sigmoid(self.reliability[i]) * (m in s)
            p = torch.softmax(self.fc(m)(s[m].mean(0)), -1) if m in s else torch.ones(C) / C
            q, unknown = q * (r * p + 1 - r), unknown * (1 - r)
        return torch.log(q - unknown * (1 - 1 / C))


class Linear(Base):
    def __init__(self):
        super().__init__(C)

    def forward(self, s):
        return torch.stack([self.fc(m)(s[m].mean(0)) for m in NAMES if m in s]).sum(0)


class Align(nn.Module):
    def __init__(self):
        super().__init__()
        for m in NAMES:
            setattr(self, f"tower_{m}", nn.Linear(WIDTH[m], H))
        self.logit_scale = nn.Parameter(torch.tensor([2.0]))
        self.logit_bias = nn.Parameter(torch.tensor([0.5]))

    def forward(self, s):  # the parts one after another, zeros where a modality is missing
        return torch.cat([F.normalize(getattr(self, f"tower_{m}")(s[m].mean(0)), dim=-1) if m in s else torch.zeros(H)
                          for m in NAMES])


def main():
    out = os.path.join(os.path.dirname(os.path.abspath(__file__)), "heads")
    os.makedirs(os.path.join(out, "gradients"), exist_ok=True)
    torch.manual_seed(1)
    lacks = [set(), {"image"}, {"text"}, {"audio"}, {"text", "audio"}, set()]
    rows = {"image": [1, 1, 3, 1, 2, 1], "text": [1, 4, 1, 2, 1, 1], "audio": [2, 1, 1, 1, 1, 3]}
    samples = [{m: torch.randn(rows[m][i], WIDTH[m]) for m in NAMES if m not in lacks[i]} for i in range(N)]
    with open(os.path.join(out, "samples.mm"), "wb") as f:
        for i, s in enumerate(samples):
            for m, x in s.items():
                x = x.numpy().astype(np.float32)
                f.write(msgpack.packb({"mm": 1, "kind": "feature", "key": f"s{i}", "src": f"s{i}",
                                       "data": msgpack_numpy.encode(x if len(x) > 1 else x[0]), "of": m, "space": f"test/{m}"}))
    expected = {}
    for module in (Mlp, Gated, Routing, Attention, Cross, Dempster, Align, Linear):  # new ones at the end: the others stay
        name = module.__name__.lower()
        net = module().eval()
        with torch.no_grad():
            for p in net.parameters():
                p.normal_(0, 0.4)  # away from the starting values, biases and gains included
            expected[name] = [net(s).tolist() for s in samples]
        # gradients of the mean squared distance from an arbitrary target, by autograd
        out_all = torch.stack([net(s) for s in samples])
        target = torch.tensor([[(7 * i + 3 * c) % 5 / 5 for c in range(out_all.shape[1])] for i in range(N)])
        F.mse_loss(out_all, target).backward()
        save_file({k: v.grad for k, v in net.named_parameters() if v.grad is not None},
                  os.path.join(out, "gradients", name + ".safetensors"))
        save_file({k: v.contiguous() for k, v in net.state_dict().items()}, os.path.join(out, name + ".safetensors"))
    with open(os.path.join(out, "expected.json"), "w") as f:
        json.dump(expected, f)
        f.write("\n")


if __name__ == "__main__":
    main()
