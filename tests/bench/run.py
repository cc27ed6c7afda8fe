#!/usr/bin/env python3
"""make bench: the mm tools beside their peers on the same inputs. Writes tests/bench/RESULTS.md.

    run.py [-r ROUNDS] [SECTION]...        SECTION: a part of a row's name (imgfocus, minilm, whisper, cold, decode, gemm, threads …); none: all

Rules: a round measures every contender once, one after another, and a ratio is taken within a round; figures are medians over the
rounds, in brackets the lowest and highest. Peers stay warm in a process of their own and wait asleep. Ours is a whole
process over N items minus the same over one, or over a batch and one where batches have a size (weights of fp32 are laid out at the
second), divided by the difference. CPU seconds stand beside: on a busy machine they say more.
Environment: see contenders.py and inputs.py."""
import datetime
import glob
import os
import subprocess
import sys
from statistics import median

sys.dont_write_bytecode = True
from contenders import BUILD, BUSY, DATA, ENV, HERE, MODELS, PYTHON, THREADS, WORK, Cold, Ours, Warm, cosine, rounds, say, shell, spread
from inputs import count, has, has_module, inputs, llama_peers, packed, whisper_ct2

ROUNDS = 5
SECTIONS = {}  # title → lines


def rate(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def precision(name):
    return next((p for p in ("bf16", "int8") if name.endswith(p)), "fp32")


WARM_HEAD = ["| what | who | rate (lowest–highest) | CPU ms each | in that precision we are faster by | less CPU by | cosine to torch fp32, mean / lowest |", "|---|---|---|---|---|---|---|"]


def warm_rows(what, got, notes, cosines, amount):
    """amount: what one pass is worth (items, or seconds of audio). Peers are compared with our tool in their own precision."""
    for name, runs in got.items():
        ours = next((o for o in got if o.startswith("mm tools") and precision(o) == precision(name)), next(iter(got)))
        rates = [amount / r["wall"] for r in runs]
        ratio = "" if name == ours else spread([r["wall"] / o["wall"] for r, o in zip(runs, got[ours])], 2)
        cpu = "" if name == ours else f"{median([r['cpu'] / o['cpu'] for r, o in zip(runs, got[ours])]):.2f}"
        c = "{:.6f} / {:.6f}".format(*cosines[name]) if name in cosines else ""
        yield (f"| {what} | {name}{', ' + notes[name] if notes.get(name) else ''} | {rate(median(rates))} ({rate(min(rates))}–{rate(max(rates))}) "
               f"| {1000 * median([r['cpu'] for r in runs]) / amount:.2f} | {ratio} | {cpu} | {c} |")
        what = ""


def warm(what, family, model, stream, items, unit, peers, batch=None, each=1.0):
    if os.path.exists(f"{WORK}/models/{model}"):
        model = f"{WORK}/models/{model}"
    else:
        model = f"{MODELS}/{model}"
    if not (os.path.exists(model) and os.path.exists(stream)):
        return say("skipped, no model or input:", what)
    say(what)
    tool = {"dinov2": "image", "vit": "image", "clip": "image", "bert": "text", "whisper": "audio", "wav2vec2": "audio"}[family]
    taken = batch + 1 if batch and batch + 1 < items else 1
    few = f"{stream}.{taken}"
    shell(f"mm-cat -N {taken} {stream} > {few}")
    precisions = ["fp32"] + [p for p in ("bf16", "int8") if has(p)]
    contenders, cosines, notes = [], {}, {}
    for p in precisions:
        argv = [f"mm-encode-{tool}", "-q", "-m", model if p == "fp32" else packed(model, p), "--pool", "cls" if tool == "image" else "mean"]
        c = Ours("mm tools" + ("" if p == "fp32" else " " + p), argv + (["--batch", str(batch)] if batch else []), stream, few, items, taken)
        shell(f"mm-cat --npy {WORK}/{c.name.replace(' ', '-')}.npy {WORK}/ours.mm")
        notes[c.name] = f"batch {batch}" if batch else "default batch"
        contenders.append(c)
    for peer in peers:
        try:
            c = Warm(peer, [f"{HERE}/peers.py", peer, family, model, stream, f"{WORK}/{peer}.npy"] + ([str(batch)] if batch else []))
        except RuntimeError as e:
            say(e)
            continue
        notes[peer] = c.note
        contenders.append(c)
    got = rounds(contenders, ROUNDS)
    for c in contenders:
        if c.name != "torch" and "torch" in got:
            cosines[c.name] = cosine(f"{WORK}/{c.name.replace(' ', '-')}.npy", f"{WORK}/torch.npy")
    SECTIONS.setdefault(f"Warm: {unit} a second", list(WARM_HEAD)).extend(warm_rows(what, got, notes, cosines, items * each))


COLD_HEAD = ["| what | who | wall s (lowest–highest) | CPU s | peak MiB | we are faster by |", "|---|---|---|---|---|---|"]


def cold(what, contenders):
    say(what)
    got = rounds(contenders, ROUNDS)
    ours = next(iter(got))
    for name, runs in got.items():
        ratio = "" if name == ours else spread([r["wall"] / o["wall"] for r, o in zip(runs, got[ours])], 1)
        SECTIONS.setdefault("Cold: one process, one vector (page cache warm)", list(COLD_HEAD)).append(
            f"| {what} | {name} | {spread([r['wall'] for r in runs], 3)} | {median([r['cpu'] for r in runs]):.3f} | {median([r['peak'] for r in runs]):.0f} | {ratio} |")
        what = ""


def section_cold():
    photo = sorted(glob.glob(f"{DATA}/flickr8k150/images/*.jpg"))[0]
    text = "A man is playing a guitar on the stage."
    sentence = f"{WORK}/sentence.txt"
    with open(sentence, "w") as f:
        f.write(text)
    img, txt = f"{MODELS}/imgfocus-vits14", f"{MODELS}/minilm-l6"
    py = [PYTHON, f"{HERE}/cold.py"]
    shell(f"mm-decode -q {sentence} > {WORK}/sentence.mm")
    cold("JPEG → vector (imgfocus-vits14)", [
        *[Cold(f"mm-decode -m … \\| mm-encode-image -m …, packed {p}", ["mm-decode", "-q", "-m", img, photo], ["mm-encode-image", "-q", "-m", packed(img, p)]) for p in ("int8", "bf16")],
        Cold("mm-decode -m … \\| mm-encode-image -m …", ["mm-decode", "-q", "-m", img, photo], ["mm-encode-image", "-q", "-m", img]),
        Cold("onnxruntime int8 + Pillow", py + ["image-onnxruntime-int8", img, photo]),
        Cold("onnxruntime + Pillow", py + ["image-onnxruntime", img, photo]),
        Cold("openvino + Pillow", py + ["image-openvino", img, photo]),
        Cold("transformers", py + ["image-transformers", img, photo])])
    cold("sentence → vector (minilm-l6)", [
        Cold("mm-decode \\| mm-encode-text -m …, packed int8", ["mm-decode", "-q", sentence], ["mm-encode-text", "-q", "-m", packed(txt, "int8")]),
        Cold("mm-encode-text alone, packed int8", ["mm-encode-text", "-q", "-m", packed(txt, "int8"), f"{WORK}/sentence.mm"]),
        Cold("mm-encode-text alone, packed bf16", ["mm-encode-text", "-q", "-m", packed(txt, "bf16"), f"{WORK}/sentence.mm"]),
        Cold("mm-decode \\| mm-encode-text -m …", ["mm-decode", "-q", sentence], ["mm-encode-text", "-q", "-m", txt]),
        Cold("onnxruntime int8 + tokenizers", py + ["text-onnxruntime-int8", txt, text]),
        Cold("onnxruntime + tokenizers", py + ["text-onnxruntime", txt, text]),
        Cold("openvino + tokenizers", py + ["text-openvino", txt, text]),
        Cold("transformers", py + ["text-transformers", txt, text]),
        Cold("sentence-transformers", py + ["text-sentence-transformers", txt, text])])


PIPE_HEAD = ["| what | who | rate (lowest–highest) | CPU ms each | first of the rows is faster by |", "|---|---|---|---|---|"]


def pipe(what, contenders, amount, unit):
    say(what)
    got = rounds(contenders, ROUNDS)
    first = next(iter(got))
    for name, runs in got.items():
        ratio = "" if name == first else spread([r["wall"] / o["wall"] for r, o in zip(runs, got[first])], 2)
        rates = [amount / r["wall"] for r in runs]
        SECTIONS.setdefault("Pipelines", list(PIPE_HEAD)).append(
            f"| {what} | {name} | {rate(median(rates))} {unit} ({rate(min(rates))}–{rate(max(rates))}) | {1000 * median([r['cpu'] for r in runs]) / amount:.3f} | {ratio} |")
        what = ""


def section_decode():
    where, img = f"{DATA}/flickr8k150/images", f"{MODELS}/imgfocus-vits14"
    n = len(glob.glob(f"{where}/*.jpg"))
    for way, extra in (("JPEG → pixels", []), ("JPEG → 224 x 224", ["-m", img])):
        vips = [Warm(f"libvips, {p} process{'es' if p != '1' else ''}, warm", [f"{HERE}/pipes.py", "libvips", where, p, "prepare" if extra else "open"])
                for p in ("1", THREADS)] if has_module("pyvips") else []
        pipe(way, [Cold(f"mm-decode -j {THREADS}, whole process", ["mm-decode", "-q", "-j", THREADS, *extra, where]),
                   Cold("mm-decode -j 1, whole process", ["mm-decode", "-q", "-j", "1", *extra, where]),
                   Warm("Pillow, 1 process, warm", [f"{HERE}/pipes.py", "pillow", where, "1", "prepare" if extra else "open"]),
                   Warm(f"Pillow, {THREADS} processes, warm", [f"{HERE}/pipes.py", "pillow", where, THREADS, "prepare" if extra else "open"]), *vips], n, "images/s")


def table(title, head, row):
    SECTIONS.setdefault(title, [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]).append(f"| {' | '.join(row)} |")


def section_gemm():
    """Products of the sizes of ViT-B/16 and BERT-base beside what registers alone reach."""
    shapes = ["197x768x768", "197x768x2304", "197x768x3072", "197x3072x768", "128x768x3072", "128x3072x768", "1576x768x3072"]
    for p in ("fp32", "bf16", "int8"):
        for j in ("1", THREADS):
            say("gemm", p, j)
            best = {}
            for _ in range(ROUNDS):
                out = subprocess.run([f"{BUILD}/bench/bench_gemm", "-p", p, "-j", j, "-s", "0.4", *shapes], env=ENV, stdout=subprocess.PIPE, text=True, check=True).stdout
                for line in out.splitlines():
                    if not line.startswith("#"):
                        name, *numbers = line.split("\t")
                        best[name] = [max(a, float(b)) for a, b in zip(best.get(name, [0] * 5), numbers)]
            name = out.split("(")[1].split(")")[0]
            table("Products: GFLOP/s, best of all turns (M x K x N; weights packed; in brackets the share of the register peak)", ["", "peak", *shapes],
                  [name, f"{max(b[0] for b in best.values()):.0f}", *[f"{best[s][2]:.0f} ({best[s][2] / max(b[0] for b in best.values()):.2f})" for s in shapes]])


def section_threads():
    """One thread against two, in one process, without reading and writing."""
    for model, of, flops in (("vit-b16", "image", 35.13e9), ("bert-base", "text", 22.35e9)):
        for p in ("fp32", "bf16", "int8"):
            for b in ("1", "8"):
                say("threads", model, p, b)
                runs = {"1": [], THREADS: []}
                for _ in range(ROUNDS):
                    for j in runs:
                        out = subprocess.run([f"{BUILD}/bench/bench_encode", "-m", f"{WORK}/models/{model}", "-p", p, "-b", b, "-j", j, "-s", "1.5", of],
                                             env=ENV, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
                        runs[j].append((float(out[1]) / int(b), float(out[3]) / int(b)))
                one, two = ([m for m, _ in runs[j]] for j in runs)
                least = [min(m for _, m in runs[j]) for j in runs]
                table("Threads: one process, batches one after another, milliseconds an item", ["model", "precision, batch", "1 thread: median (shortest)", f"{THREADS} threads", "median faster by", "shortest faster by", "GFLOP/s, 1 thread, shortest"],
                      [model, f"{p}, {b}", f"{median(one):.1f} ({least[0]:.1f})", f"{median(two):.1f} ({least[1]:.1f})",
                       spread([a / c for a, c in zip(one, two)], 2), f"{least[0] / least[1]:.2f}", f"{flops / least[0] * 1e-6:.0f}"])


def section_pipeline():
    img, photos = f"{MODELS}/imgfocus-vits14", f"{WORK}/photos"
    n = len(os.listdir(photos))
    decode, encode = ["mm-decode", "-q", "-m", img, photos], ["mm-encode-image", "-q", "-m", img]
    pipe("photos → vectors", [Cold("mm-decode \\| mm-encode-image", decode, encode), Cold("mm-decode alone", decode), Cold("mm-encode-image alone", encode + [f"{WORK}/img.mm"])], n, "images/s")


def section_cat():
    big = f"{WORK}/pixels.mm"
    if not os.path.exists(big):
        shell(f"mm-decode -q {DATA}/flickr8k150/images > {big}.part && mv {big}.part {big}")
    mb = os.path.getsize(big) / 1e6
    pipe("a hop: cat FILE \\| X \\| cat", [
        Cold("mm-cat", ["cat", big], ["mm-cat"], ["cat"]), Cold("cat", ["cat", big], ["cat"], ["cat"])], mb, "MB/s")
    raw = f"{BUILD}/bench/bench_pipe"
    pipe("one hop: X FILE \\| X", [
        Cold("mm-cat", ["mm-cat", big], ["mm-cat"]), Cold("a pipe of 1 MiB, bytes dropped", [raw, big], [raw])], mb, "MB/s")


def section_knn():
    known, asked, one = f"{WORK}/known.mm", f"{WORK}/asked.mm", f"{WORK}/asked1.mm"
    for path, rows, seed in ((known, 20000, 1), (asked, 2000, 2)):
        if not os.path.exists(path):
            shell(f"{PYTHON} {HERE}/pipes.py vectors {path} {rows} 384 20 {seed}")
    shell(f"mm-cat -N 1 {asked} > {one}")
    pipe("k-NN, 2,000 queries of 20,000 x 384, k = 10", [
        Ours("mm-label --knn", ["mm-label", "-q", "--knn", known, "-k", "10", "--vote", "majority", "-j", THREADS], asked, one, 2000),
        Warm("scikit-learn, brute, warm", [f"{HERE}/pipes.py", "sklearn", known, asked, "10"])], 2000, "queries/s")


def section_warm(name, *args, **more):
    stream = args[2]
    warm(name, *args[:3], count(stream), *args[3:], **more)


def sections():
    w, all3 = WORK, ["torch", "onnxruntime", "openvino", "torch-bf16", "openvino-bf16", "onnxruntime-int8", "openvino-int8"]
    yield "cold", lambda n: section_cold()
    yield "gemm", lambda n: section_gemm()
    yield "threads", lambda n: section_threads()
    yield "decode", lambda n: section_decode()
    yield "pipeline", lambda n: section_pipeline()
    yield "cat", lambda n: section_cat()
    yield "knn", lambda n: section_knn()
    yield "imgfocus-vits14, 224 px", lambda n: section_warm(n, "dinov2", "imgfocus-vits14", f"{w}/img.mm", "images", all3)
    yield "minilm-l6, STS-B sentences", lambda n: section_warm(n, "bert", "minilm-l6", f"{w}/sts.mm", "sentences", all3)
    yield "minilm-l6, 128 tokens", lambda n: section_warm(n, "bert", "minilm-l6", f"{w}/long.mm", "sentences", all3)
    for b in (1, 8):
        yield f"ViT-B/16, batch {b}", lambda n, b=b: section_warm(n, "vit", "vit-b16", f"{w}/vit.mm", "images", all3, batch=b)
        yield f"CLIP ViT-B/32, vision, batch {b}", lambda n, b=b: section_warm(n, "clip", "clip-b32", f"{w}/clip.mm", "images", all3, batch=b)
        yield f"BERT-base, 128 tokens, batch {b}", lambda n, b=b: section_warm(n, "bert", "bert-base", f"{w}/long17.mm", "sentences", all3 + llama_peers("bert-base"), batch=b)
        yield f"Wav2Vec2-base, 10 s clips, batch {b}", lambda n, b=b: section_warm(n, "wav2vec2", "wav2vec2-base", f"{w}/clips10{'x17' if b > 1 else ''}.mm", "seconds of sound", all3, batch=b, each=10)
    yield "whisper-base encoder, 10 s clips", lambda n: section_warm(n, "whisper", "whisper-base", f"{w}/clips10.mm", "seconds of sound", all3, each=10)
    ENV["BENCH_CT2"] = whisper_ct2()
    peers = all3 + (["ctranslate2"] if ENV["BENCH_CT2"] else [])
    yield "whisper-base encoder, 30 s", lambda n: section_warm(n, "whisper", "whisper-base", f"{w}/clips30x3.mm", "seconds of sound", peers, each=30)


def machine():
    with open("/proc/cpuinfo") as f:
        cpu = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), "unknown")
    code = "from importlib.metadata import version as v; print(', '.join(p + ' ' + v(p) for p in ('torch','transformers','onnxruntime','openvino','nncf','ctranslate2','sentence-transformers','pillow','scikit-learn')))"
    versions = subprocess.run([PYTHON, "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], stdout=subprocess.PIPE, text=True).stdout.strip()
    return cpu, versions, commit


def write(out, before):
    cpu, versions, commit = machine()
    load = f"{before:.1f} before, {os.getloadavg()[1]:.1f} at the end"
    text = [
        "# The mm tools beside their peers", "",
        f"Written by `make bench` on {datetime.date.today()}, commit {commit}; {cpu}, {len(os.sched_getaffinity(0))} cores, {THREADS} threads each; {ROUNDS} rounds.",
        f"Peers: {versions}. Load of the machine: {load}" + (": **other work was running**, so absolute figures are low and spreads wide; ratios are taken "
        "within a round, and CPU time says more than the wall. Peers' threads sleep instead of spinning, which serves them best here." if BUSY else ". Peers' OpenMP threads are pinned."), "",
        "Contenders take turns; figures are medians over rounds, in brackets the lowest and the highest. Ours: a whole process over N items minus the same over one, or over a batch and one",
        "(reading, tokenizing, log-mel and writing are inside; models of reduced precision are packed). Peers: warm, tokens, mel and pixels computed before the clock starts, of batch sizes 1, 8, 32",
        "the one that suits them best unless a size is named. fp32 unless another precision is named."]
    for title, lines in SECTIONS.items():
        text += ["", f"## {title}", "", *lines]
    with open(f"{HERE}/BOUNDS.md") as f:
        text += ["", f.read().rstrip("\n")]
    with open(out, "w") as f:
        f.write("\n".join(text) + "\n")


def main():
    global ROUNDS
    args = sys.argv[1:]
    if args[:1] == ["-r"]:
        ROUNDS, args = int(args[1]), args[2:]
    before = os.getloadavg()[1]
    out = f"{HERE}/RESULTS.md" if not args else f"{WORK}/RESULTS.md"
    inputs()
    for name, run in sections():
        if not args or any(a.lower() in name.lower() for a in args):
            try:
                run(name)
            except (RuntimeError, subprocess.CalledProcessError) as e:
                say(f"{name} failed: {e}")
                SECTIONS.setdefault("Not measured", []).append(f"- {name}: {e}")
            write(out, before)
    say("written:", out)


main()
