#!/usr/bin/env python3
"""kill.py [KILLS]: every tool with -o is killed at random moments, by SIGKILL and SIGTERM in turns, and run again, with
--resume where it has that: the result is the same, byte for byte, as without the interruption, and FILE is never there
before it is whole. The programs are those of $PATH, the models the tiny ones of tests/goldens. Without an argument 200."""
import os, random, shutil, signal, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.path.join(HERE, "goldens/encode")
sys.path.insert(0, os.path.join(HERE, "bats"))
sys.dont_write_bytecode = True
import media


def run(*words, out=None):
    p = subprocess.run(words, stdout=out or subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if p.returncode not in (0, 1):
        sys.exit(f"{' '.join(words)}: status {p.returncode}")


def make_inputs():
    for folder in "a", "b":
        for i in range(30):
            media.write("png", f"t/{folder}/{i}.png", i + 50 * (folder == "b"), 64, 48)
        for i in range(5):
            media.write("wav", f"t/{folder}/s{i}.wav", i + 2, 16000)
    with open("table.csv", "w") as f:
        f.write("text\n" + "".join(f"row {i} of a long table\n" for i in range(60000)))
    with open("t/a/broken.png", "wb") as f:
        f.write(open("t/a/1.png", "rb").read()[:90])
    media.write("tarred", "t.tgz", "t", "w:gz")
    run("mm-decode", "--label", "dir", "t", "t.tgz", "-o", "in.mm")
    run("mm-encode-image", "-m", f"{MODELS}/vit", "in.mm", "-o", "f.mm")
    run("mm-cat", "-w", "kind=feature", "-o", "vectors.mm", "f.mm")
    shutil.copytree(f"{MODELS}/bert", "bert")
    words = "[PAD] [UNK] [CLS] [SEP] [MASK] row of a long table".split() + [c + str(i) for c in ("", "##") for i in range(10)]
    with open("bert/vocab.txt", "w") as f:
        f.write("".join(f"{word}\n" for word in words))
    run("mm-decode", "--column", "text", "table.csv", "-o", "texts.mm")
    run("mm-label", "--knn", "vectors.mm", "-f", "stream", "-o", "labels.mm", "vectors.mm")


TRAIN = ["mm-train", "classify", "-q", "-j", "1", "--epochs", "3000", "--patience", "0"]
COMMANDS = {  # name: command, whether it has --resume
    "decode": (["mm-decode", "-q", "-j", "3", "t", "t.tgz", "t/a"], True),
    "decode, a table": (["mm-decode", "-q", "--column", "text", "table.csv"], True),
    "encode-image": (["mm-encode-image", "-q", "-m", f"{MODELS}/vit", "in.mm", "in.mm", "in.mm"], True),
    "encode-image, --keep": (["mm-encode-image", "-q", "--keep", "--batch", "3", "-m", f"{MODELS}/deit", "in.mm"], True),
    "encode-audio": (["mm-encode-audio", "-q", "-m", f"{MODELS}/wav2vec2", "--window", "0.5", "in.mm"], True),
    "encode-text": (["mm-encode-text", "-q", "-m", "bert", "texts.mm"], True),
    "train": (TRAIN + ["vectors.mm"], True),
    "train, a search": (TRAIN + ["--grid", "lr=1e-3|1e-2,batch=8|16", "vectors.mm"], True),
    "cat": (["mm-cat", "-q", "in.mm", "in.mm"], False),
    "fuse": (["mm-fuse", "-q", "--method", "mean", "vectors.mm"], False),
    "label": (["mm-label", "-q", "--knn", "vectors.mm", "vectors.mm"], False),
    "eval": (["mm-eval", "-q", "--rounds", "200000", "--truth", "vectors.mm", "labels.mm"], False),
}


def clean(name):
    subprocess.run(["rm", "-rf", name] + [name + end for end in (".part", ".checkpoint", ".search")])


def interrupt(command, seconds, how):
    """The command's status, or None when it was over before."""
    p = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        p.wait(seconds)
        return None
    except subprocess.TimeoutExpired:
        p.send_signal(how)
        p.wait()
        return p.returncode


def same(a, b):
    return open(a, "rb").read() == open(b, "rb").read()


def once(name, command, resumes, took, how):
    """Killed once or several times, then finished; whether a kill met it."""
    clean("out")
    killed, options = False, []
    while True:
        status = interrupt(command + options + ["-o", "out"], random.uniform(0, took), how)
        killed |= status is not None
        if os.path.exists("out"):
            break
        begun = any(os.path.exists("out" + end) for end in (".part", ".checkpoint", ".search"))
        options = ["--resume"] if resumes and begun else []
        if status is not None and random.random() < 0.7:
            run(*command, *options, "-o", "out")
            break
    if not same("out", f"want.{name}"):
        sys.exit(f"{name}: the result differs after {how.name}; see {os.getcwd()}")
    left = [end for end in (".part", ".checkpoint", ".search") if os.path.exists("out" + end)]
    if left:
        sys.exit(f"{name}: {left} remains")
    return killed


def main():
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    folder = tempfile.mkdtemp(prefix="mm-kill.")
    os.chdir(folder)
    make_inputs()
    took = {}
    for name, (command, _) in COMMANDS.items():
        start = time.monotonic()
        run(*command, "-o", f"want.{name}")
        took[name] = time.monotonic() - start
    done = dict.fromkeys(COMMANDS, 0)
    names = list(COMMANDS)
    tries = 0
    while sum(done.values()) < kills and tries < 20 * kills:
        name = names[tries % len(names)]
        how = (signal.SIGKILL, signal.SIGTERM)[tries // len(names) % 2]
        tries += 1
        done[name] += once(name, *COMMANDS[name], took[name], how)
    print(", ".join(f"{name}: {n}" for name, n in done.items()))
    print(f"{sum(done.values())} kills, every result the same")
    os.chdir("/")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
