#!/usr/bin/env python3
"""Our heads beside the same heads in PyTorch: CMU-MOSI and the alignment of photos and captions, the same architecture,
recipe, samples and seeds in one run. Prints TSV tables. The tools on PATH, features by features.mk.

    make -f tests/parity/features.mk && tests/parity/twins.py [--seeds 3] [mosi] [missing] [align] [speed]
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import msgpack
import msgpack_numpy
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

METHODS = ("linear", "mlp", "gated", "attention", "routing", "dempster")
H, CLASSES = 128, 2
missed = []  # the bars
RECIPE = dict(epochs=20, batch=64, lr=1e-3, weight_decay=0.01, warmup=0.1, clip=1.0)


# ---- data ----

def read(*paths):
    """{modality: {key: [vectors]}}, {key: label} of feature streams"""
    x, label = {}, {}
    for path in paths:
        with open(path, "rb") as f:
            for rec in msgpack.Unpacker(f, raw=False, max_buffer_size=1 << 30, strict_map_key=False):
                if rec["kind"] != "feature":
                    continue
                data = {k.encode() if isinstance(k, str) else k: v for k, v in rec["data"].items()}
                x.setdefault(rec["of"], {}).setdefault(rec["key"], []).append(msgpack_numpy.decode(data))
                if "label" in rec:
                    label[rec["key"]] = rec["label"]
    return x, label


def matrix(x, keys):
    return np.stack([x[k][0] for k in keys]).astype(np.float32)


def interval(hits, draws=1000):
    """percentile bootstrap of the mean of hits [n]"""
    r = np.random.default_rng(1)
    means = hits[r.integers(0, len(hits), (draws, len(hits)))].mean(1)
    return np.quantile(means, [0.025, 0.975])


# ---- the twins: x [B,D] a modality, there [B,M] 1 where it is present ----

def squash(x):
    n = x.norm(dim=-1, keepdim=True)
    return x * n / (1 + n * n)


class Twin(nn.Module):
    def __init__(self, method, widths):
        super().__init__()
        m, self.method = len(widths), method
        out = CLASSES if method in ("linear", "dempster") else H
        self.fc = nn.ModuleList(nn.Linear(d, out) for d in widths)
        if method == "gated":
            self.gate = nn.ModuleList(nn.Linear(m * H, 1) for _ in widths)
        if method == "routing":
            self.route = nn.ModuleList(nn.Linear(H, 128) for _ in widths)
        if method == "attention":
            self.kind = nn.Parameter(0.04 * torch.rand(m, H) - 0.02)
            self.layer = nn.TransformerEncoderLayer(H, 4, 2 * H, dropout=0, activation="gelu", norm_first=True,
                                                    batch_first=True)
        if method == "dempster":
            self.reliability = nn.Parameter(torch.full((m,), 2.0))
        if out == H:
            self.fc_out = nn.Linear(m * H if method == "mlp" else H, CLASSES)

    def forward(self, x, there):
        z = torch.stack([fc(v) for fc, v in zip(self.fc, x)], 1)  # [B,M,·]
        return getattr(self, self.method)(z, there[..., None])

    def linear(self, z, there):
        return (z * there).sum(1)

    def mlp(self, z, there):
        return self.fc_out((F.relu(z) * there).flatten(1))

    def gated(self, z, there):
        h = F.relu(z) * there
        g = torch.cat([gate(h.flatten(1)) for gate in self.gate], 1).masked_fill(there[..., 0] == 0, -torch.inf)
        return self.fc_out((torch.softmax(g, -1)[..., None] * h).sum(1))

    def routing(self, z, there):
        s = squash(F.relu(z) * there + 1e-20)
        u = torch.stack([route(s[:, i]) for i, route in enumerate(self.route)], 1) * there
        u = u.view(len(z), -1, 8, 16)
        b = torch.zeros(u.shape[:3])
        for _ in range(3):
            v = squash((torch.softmax(b, -1)[..., None] * u).sum(1))
            b = b + (u * v[:, None]).sum(-1)
        return self.fc_out(v.flatten(1))

    def attention(self, z, there):
        y = self.layer(z + self.kind, src_key_padding_mask=there[..., 0] == 0)
        return self.fc_out((y * there).sum(1) / there.sum(1))

    def dempster(self, z, there):
        r = torch.sigmoid(self.reliability)[:, None] * there
        q = torch.prod(r * torch.softmax(z, -1) + 1 - r, 1)
        return torch.log(q - torch.prod(1 - r, 1) * (1 - 1 / CLASSES))


def learning_rate(step, total, peak):
    warm = int(RECIPE["warmup"] * total)
    if step < warm:
        return peak * (step + 1) / warm
    return peak * 0.5 * (1 + np.cos(np.pi * (step - warm) / (total - warm)))


def fit_twin(net, x, y, seed, dropout=0.0, class_loss=F.cross_entropy):
    torch.manual_seed(seed)
    decay = [p for n, p in net.named_parameters() if p.dim() == 2 and n != "kind"]
    rest = [p for n, p in net.named_parameters() if p.dim() != 2 or n == "kind"]
    opt = torch.optim.AdamW([{"params": decay, "weight_decay": RECIPE["weight_decay"]},
                             {"params": rest, "weight_decay": 0.0}], lr=RECIPE["lr"])
    n, step = len(y), 0
    total = RECIPE["epochs"] * -(-n // RECIPE["batch"])
    for _ in range(RECIPE["epochs"]):
        for ids in torch.randperm(n).split(RECIPE["batch"]):
            there = torch.ones(len(ids), len(x))
            if dropout:
                there = (torch.rand_like(there) >= dropout).float()
                there[there.sum(1) == 0, torch.randint(len(x), ())] = 1
            for g in opt.param_groups:
                g["lr"] = learning_rate(step, total, RECIPE["lr"])
            opt.zero_grad()
            class_loss(net([v[ids] for v in x], there), y[ids]).backward()
            nn.utils.clip_grad_norm_(net.parameters(), RECIPE["clip"])
            opt.step()
            step += 1
    return net


# ---- ours ----

def run(*cmd, **kw):
    return subprocess.run([str(c) for c in cmd], check=True, stdout=subprocess.PIPE, **kw).stdout


def fit_ours(head, method, of, seed, files, *more):
    run("mm-train", "classify", "-q", "--method", method, "--of", ",".join(of), "--seed", seed, "--valid-fraction", 0,
        "--epochs", RECIPE["epochs"], "--batch", RECIPE["batch"], "--lr", RECIPE["lr"], "-o", head, *more, *files)


def predictions(head, files):
    """{key: label} that the head gives"""
    out = msgpack.Unpacker(raw=False, strict_map_key=False)
    out.feed(run("mm-fuse", "-m", head, "--label", *files))
    return {r["key"]: max(r["label"], key=r["label"].get) for r in out if r["kind"] == "label"}


# ---- tables ----

class Mosi:
    def __init__(self, folder):
        self.files = {s: {m: f"{folder}/mosi-{m}-{s}.mm" for m in ("text", "audio", "video")} for s in ("train", "test")}
        self.x, self.y = {}, {}
        for s, files in self.files.items():
            x, label = read(*files.values())
            keys = self.keys = list(x["text"])  # what stays are those of the test
            self.x[s] = {m: matrix(x[m], keys) for m in x}
            self.y[s] = torch.tensor([int(float(label[k])) for k in keys])
        for m, train in self.x["train"].items():
            mean, std = train.mean(0), train.std(0)
            std[std < 1e-6] = 1
            for s in self.x:
                self.x[s][m] = torch.tensor((self.x[s][m] - mean) / std)

    def twin_hits(self, method, of, seed, dropout=0.0, absents=((),)):
        torch.manual_seed(seed)
        net = fit_twin(Twin(method, [self.x["train"][m].shape[1] for m in of]), [self.x["train"][m] for m in of],
                       self.y["train"], seed, dropout).eval()
        hits = []
        for absent in absents:
            there = torch.tensor([[float(m not in absent) for m in of]]).expand(len(self.y["test"]), -1)
            with torch.no_grad():
                out = net([self.x["test"][m] for m in of], there)
            hits.append((out.argmax(1) == self.y["test"]).float().numpy())
        return np.array(hits)

    def our_hits(self, method, of, seed, dropout=0.0, absents=((),)):
        """for each set of modalities that are absent at the test: hits [n]"""
        with tempfile.TemporaryDirectory() as tmp:
            head = os.path.join(tmp, "head.safetensors")
            fit_ours(head, method, of, seed, [self.files["train"][m] for m in of], "--modality-dropout", dropout)
            said = [predictions(head, [self.files["test"][m] for m in of if m not in a]) for a in absents]
        return np.array([[float(g[k]) == y for k, y in zip(self.keys, self.y["test"].tolist())] for g in said], float)


def table_mosi(mosi, seeds):
    print("method\tmodalities\tours\ttwin\ttwin_low\ttwin_high\tinside", flush=True)
    for method in METHODS:
        for of in (("text",), ("audio",), ("video",), ("text", "audio", "video")):
            hits = np.mean([mosi.twin_hits(method, of, s)[0] for s in range(1, seeds + 1)], 0)
            ours = np.mean([mosi.our_hits(method, of, s)[0].mean() for s in range(1, seeds + 1)])
            low, high = interval(hits)
            missed.extend([(method, of)] if not low <= ours <= high else [])
            print(method, "+".join(of), f"{ours:.4f}\t{hits.mean():.4f}\t{low:.4f}\t{high:.4f}",
                  "yes" if low <= ours <= high else "NO", sep="\t", flush=True)


ABSENT = ((), ("audio",), ("text",))


def by_video(hits, keys, draws=2000):
    """95 % interval of the mean of hits [n] (or of differences of hits), drawing whole videos"""
    r = np.random.default_rng(1)
    video = np.unique([k.split("/")[0].rsplit("_", 1)[0] for k in keys], return_inverse=True)[1]
    total, count = np.bincount(video, hits), np.bincount(video)
    d = r.integers(0, len(count), (draws, len(count)))
    return np.quantile(total[d].sum(1) / count[d].sum(1), [0.025, 0.975])


def table_missing(mosi, seeds):
    """With everything, without audio and without text at the test, trained without and with modality dropout. What the
    dropout gains in accuracy, with the interval of the paired difference on the same samples."""
    of = ("text", "audio", "video")
    names = ["all" if not a else "no " + a[0] for a in ABSENT]
    print("method\twho", *(f"{n}, p=0\t{n}, p=.3\tgain" for n in names), sep="\t", flush=True)
    for method in METHODS:
        hits = {}
        for p in (0.0, 0.3):
            hits["ours", p] = np.mean([mosi.our_hits(method, of, s, p, ABSENT) for s in range(1, seeds + 1)], 0)
            hits["twin", p] = np.mean([mosi.twin_hits(method, of, s, p, ABSENT) for s in range(1, seeds + 1)], 0)
        for who in ("ours", "twin"):
            cells = []
            for a, b in zip(hits[who, 0.0], hits[who, 0.3]):
                low, high = by_video(b - a, mosi.keys)
                cells += [f"{a.mean():.4f}", f"{b.mean():.4f}", f"{b.mean() - a.mean():+.4f} [{low:+.3f}, {high:+.3f}]"]
            print(method, who, *cells, sep="\t", flush=True)


# ---- alignment ----

ALIGN = dict(epochs=120, batch=256, lr=2e-3, weight_decay=1.0, dropout=0.2, hidden=256)


def recall_at_10(images, texts, owner):
    """images [n,d], texts [m,d], owner [m]: the image of each text → image→text, text→image"""
    s = images @ texts.T
    to_text = np.mean([np.isin(np.where(owner == i)[0], np.argsort(-s[i])[:10]).any() for i in range(len(images))])
    to_image = np.mean([owner[j] in np.argsort(-s[:, j])[:10] for j in range(len(texts))])
    return to_text, to_image


def align_twin(train, test, seed):
    torch.manual_seed(seed)
    keys = [k for k in train["image"] if k in train["text"]]
    image = torch.tensor(matrix(train["image"], keys))
    text = torch.tensor(np.stack([np.stack((train["text"][k] * 5)[:5]) for k in keys]))  # [n,5,d]
    norm = [(t.reshape(-1, t.shape[-1]).mean(0), t.reshape(-1, t.shape[-1]).std(0) + 1e-6) for t in (image, text)]
    heads = nn.ModuleList(nn.Linear(len(m), ALIGN["hidden"]) for m, _ in norm)
    scale = nn.Parameter(torch.tensor(np.log(1 / 0.07), dtype=torch.float32))
    opt = torch.optim.AdamW([{"params": [t.weight for t in heads], "weight_decay": ALIGN["weight_decay"]},
                             {"params": [t.bias for t in heads] + [scale], "weight_decay": 0.0}], lr=ALIGN["lr"])
    n, step = len(keys), 0
    total = ALIGN["epochs"] * -(-n // ALIGN["batch"])

    def tower(i, x, p):
        return F.normalize(heads[i](F.dropout((x - norm[i][0]) / norm[i][1], p, training=p > 0)), dim=-1)

    for _ in range(ALIGN["epochs"]):
        for ids in torch.randperm(n).split(ALIGN["batch"]):
            for g in opt.param_groups:
                g["lr"] = learning_rate(step, total, ALIGN["lr"])
            a = tower(0, image[ids], ALIGN["dropout"])
            b = tower(1, text[ids, torch.randint(5, (len(ids),))], ALIGN["dropout"])
            logits, y = scale.exp() * a @ b.T, torch.arange(len(ids))
            opt.zero_grad()
            ((F.cross_entropy(logits, y) + F.cross_entropy(logits.T, y)) / 2).backward()
            nn.utils.clip_grad_norm_([*heads.parameters(), scale], 1.0)
            opt.step()
            step += 1
    keys = list(test["image"])
    owner = np.array([i for i, k in enumerate(keys) for _ in test["text"][k]])
    with torch.no_grad():
        a = tower(0, torch.tensor(matrix(test["image"], keys)), 0.0).numpy()
        b = tower(1, torch.tensor(np.stack([v for k in keys for v in test["text"][k]])), 0.0).numpy()
    return recall_at_10(a, b, owner)


def align_ours(train, test, seed):
    with tempfile.TemporaryDirectory() as tmp:
        head = os.path.join(tmp, "heads.safetensors")
        run("mm-train", "align", "-q", "--hidden", ALIGN["hidden"], "--batch", ALIGN["batch"], "--epochs", ALIGN["epochs"],
            "--patience", 0, "--valid-fraction", 0, "--lr", ALIGN["lr"], "--weight-decay", ALIGN["weight_decay"],
            "--dropout", ALIGN["dropout"], "--seed", seed, "-o", head, train)
        out = os.path.join(tmp, "test.mm")
        run("mm-fuse", "-m", head, "-o", out, test)
        report = json.loads(run("mm-eval", "--rounds", 0, "--retrieval", "image:text", "-f", "json", out))
        x, _ = read(out)
    keys = list(x["image"])
    owner = np.array([i for i, k in enumerate(keys) for _ in x["text"][k]])
    return recall_at_10(matrix(x["image"], keys), np.stack([v for k in keys for v in x["text"][k]]), owner), report


def table_align(folder, seeds):
    train, test = f"{folder}/flickr-train.mm", f"{folder}/flickr-test.mm"
    a, b = read(train)[0], read(test)[0]
    twin = np.array([align_twin(a, b, s) for s in range(1, seeds + 1)])
    ours = np.array([align_ours(train, test, s)[0] for s in range(1, seeds + 1)])
    print("R@10\tours\ttwin\tours_sd\ttwin_sd")
    for i, name in enumerate(("image→text", "text→image")):
        missed.extend([name] if ours[:, i].mean() < twin[:, i].mean() - 0.03 else [])
        print(name, *(f"{v:.4f}" for v in (ours[:, i].mean(), twin[:, i].mean(), ours[:, i].std(), twin[:, i].std())), sep="\t")


# ---- speed ----

SKLEARN = """
import sys
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
sys.path.insert(0, {here!r})
from classify import records, vector
parts = [{{r["key"]: r for r in records(p)}} for p in {files!r}]
x = np.concatenate([np.stack([vector(p[k]) for k in parts[0]]) for p in parts], 1)
make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(x, [str(p["label"]) for p in parts[0].values()])
"""


def measured(cmd):
    """wall and processor seconds of a whole process"""
    before, start = os.times(), time.perf_counter()
    run(*cmd)
    after = os.times()
    return time.perf_counter() - start, after.children_user + after.children_system - before.children_user - before.children_system


def table_speed(folder, rounds=5):
    """A whole process from streams to a fitted head: MOSI's three modalities; contenders take turns, medians."""
    files = [f"{folder}/mosi-{m}-train.mm" for m in ("text", "audio", "video")]
    here = os.path.dirname(os.path.abspath(__file__))
    recipe = ["--valid-fraction", 0, "--epochs", RECIPE["epochs"], "--batch", RECIPE["batch"], "-j", 1]
    with tempfile.TemporaryDirectory() as tmp:
        train = ["mm-train", "classify", "-q", "-o", os.path.join(tmp, "head"), *files]
        who = {"mm-train, mlp": [*train, *recipe],
               "PyTorch, mlp": [sys.executable, os.path.abspath(__file__), "--features", folder, "one"],
               "mm-train, linear, L-BFGS": [*train, "--method", "linear", "--solver", "lbfgs", "--weight-decay", 2,
                                            "--valid-fraction", 0, "-j", 1],
               "scikit-learn, logistic regression": [sys.executable, "-c", SKLEARN.format(here=here, files=files)]}
        took = {name: [] for name in who}
        for _ in range(rounds):
            for name, cmd in who.items():
                took[name].append(measured(cmd))
    median = {name: np.median(t, 0) for name, t in took.items()}
    print("whole process\twall s\tprocessor s\tfaster by\tless processor time by\tbar\tmet")
    for ours, theirs, bar in ((0, 1, 20), (2, 3, 3)):
        names = list(who)
        ratio = median[names[theirs]] / median[names[ours]]
        missed.extend([names[theirs]] if ratio[0] < bar else [])
        print(names[ours], *(f"{v:.3f}" for v in median[names[ours]]), *(f"{v:.1f}" for v in ratio), bar,
              "yes" if ratio[0] >= bar else "NO", sep="\t")
        print(names[theirs], *(f"{v:.3f}" for v in median[names[theirs]]), "", "", "", "", sep="\t")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("what", nargs="*", default=[])
    p.add_argument("--features", default="build/features")
    p.add_argument("--seeds", type=int, default=3)
    o = p.parse_args()
    torch.set_num_threads(1)
    what = o.what or ["mosi", "missing", "align"]
    start = time.time()
    if what == ["one"]:  # one training, for the clock
        Mosi(o.features).twin_hits("mlp", ("text", "audio", "video"), 1)
        return
    mosi = Mosi(o.features) if {"mosi", "missing"} & set(what) else None
    if "mosi" in what:
        table_mosi(mosi, o.seeds)
    if "missing" in what:
        table_missing(mosi, o.seeds)
    if "align" in what:
        table_align(o.features, o.seeds)
    if "speed" in what:
        table_speed(o.features)
    print(f"# {time.time() - start:.0f} s, {o.seeds} seeds")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
