#!/usr/bin/env python3
"""Many requests through mm-decode --records | three encoders, each answer compared with the one that the request gets alone;
then the same with either side killed half way.

    client.py [-n REQUESTS] [--different N] [SCENE]...

Requests are up to four files (texts of 10 B to 10 kB, pictures of 10 kB to 5 MB, sounds of 10 ms to 10 s, broken files) and a mark.
Scenes; none: all of them
    wide, narrow   with the pipes that the tools make, and with pipes of 64 KiB throughout; 64 requests in flight
    cut            the client closes its end in the middle of a record
    client         the client is killed
    decode, image, text, audio   that stage is killed"""
import argparse
import os
import random
import signal
import sys
import tempfile
import time
from statistics import median

from wire import LETTERS, Client, Pipeline, file_record, mark, png, sentence, wav

TINY = os.path.abspath(os.path.dirname(os.path.abspath(__file__)) + "/../goldens/encode")
STAGES = ("decode", "image", "text", "audio")
SOON = 30  # seconds in which everything ends that has lost its neighbour
GROWN = 24  # MiB that a stage may grow from the second third of the requests to the last: the first fills what is kept


def commands(text_model):
    models = {"image": f"{TINY}/vit", "text": text_model, "audio": f"{TINY}/wav2vec2"}
    return [["mm-decode", "-q", "--records", "--flush"]] + [[f"mm-encode-{m}", "-q", "-m", models[m]] for m in STAGES[1:]]


def make_text_model(where):
    """the tiny BERT with a vocabulary of letters"""
    os.mkdir(where)
    for f in ("config.json", "model.safetensors"):
        os.symlink(f"{TINY}/bert/{f}", f"{where}/{f}")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{c}" for c in LETTERS)]
    with open(f"{where}/vocab.txt", "w") as f:
        f.write("\n".join(words + [f"[unused{i}]" for i in range(40 - len(words))]) + "\n")
    return where


# ---- requests ----

def some_file(rng, i):
    """sizes are drawn so that each order of magnitude is as likely"""
    what = rng.choices(("text", "picture", "sound", "broken"), (6, 4, 4, 1))[0]
    if what == "text":
        return f"t{i}.txt", sentence(rng, int(10 ** rng.uniform(1, 4)))
    if what == "picture":
        side = int((10 ** rng.uniform(4, 6.7) / 3) ** 0.5)
        return f"p{i}.png", png(rng, side, side, noisy=True)
    if what == "sound":
        return f"s{i}.wav", wav(rng, 10 ** rng.uniform(-2, 1))
    return f"b{i}.png", b"\x89PNG\r\n\x1a\n" + rng.randbytes(int(10 ** rng.uniform(1, 5)))


def pool_of(different, seed):
    """[bytes of a request without its mark]"""
    rng, made = random.Random(seed), [b""]
    while len(made) < different:
        files = [some_file(rng, 10 * len(made) + k) for k in range(rng.choice((1, 1, 2, 4)))]
        made.append(b"".join(file_record(name[:-4], name, data) for name, data in files))
    return made


def alone(argv, data):
    """the records that this request gets from a pipeline of its own"""
    p = Pipeline(argv)
    p.forget_ends()
    client = Client(p.write, p.read, 1)
    answer = next(client.run([("alone", data + mark("alone"))]))[1]
    p.close()
    p.wait(SOON)
    return answer


def requests(pool, n, seed):
    rng = random.Random(seed)
    for i in range(n):
        which = rng.randrange(len(pool))
        yield f"{i}:{which}", pool[which] + mark(f"{i}:{which}")


def check(right, name, answer):
    if answer != right[int(name.split(":")[1])]:
        raise AssertionError(f"the answer to {name} is not the one that it gets alone")


# ---- scenes ----

def pipe_scene(argv, pool, right, n, small):
    p, got, memory = Pipeline(argv), 0, []
    client = Client(p.write, p.read, 64)
    for name, answer in client.run(requests(pool, n, 1)):
        check(right, name, answer)
        got += 1
        if got == 1:
            (p.narrow if small else p.forget_ends)()
        if got % max(1, n // 30) == 0:
            memory.append(p.memory())
    p.close()
    ends = p.wait(SOON)
    third = len(memory) // 3
    grown = [median(late) - median(early) for early, late in zip(zip(*memory[third:2 * third]), zip(*memory[-third:]))] if third else []
    if got != n or any(status not in (0, 1) for status, _ in ends):  # 1: broken files were among them
        raise AssertionError(f"{got} answers to {n} requests; {ends}")
    if n >= 300 and max(grown) > GROWN:
        raise AssertionError(f"the stages grew by {grown} MiB")
    return f"{got} answers right; MiB: {' '.join(f'{m:.0f}' for m in memory[-1])}, grown by {' '.join(f'{g:.1f}' for g in grown)}"


def cut_scene(argv, pool, right, n):
    """Whole requests before the cut are answered; what follows is half a record, which is said."""
    p, got, half = Pipeline(argv), 0, n // 2
    p.forget_ends()
    whole = list(requests(pool, half, 2))
    broken = file_record("cut", "cut.txt", b"x" * 5000)[:2500]
    client = Client(p.write, p.read, 10 ** 6)
    answers = client.run(whole + [("cut", broken)])
    for name, answer in answers:
        check(right, name, answer)
        got += 1
        if "cut" in client.when:
            break
    while "cut" not in client.when:
        raise AssertionError("everything was answered before it was sent")
    os.close(p.write)
    client.write = None
    for name, answer in client.run([]):
        check(right, name, answer)
        got += 1
    p.write = None
    p.close()
    ends = p.wait(SOON)
    if got != half or client.left():
        raise AssertionError(f"{got} answers of {half}, {client.left()} bytes of another record; {ends}")
    if ends[0][0] not in (1, 2) or "ends inside a record" not in ends[0][1] or any(status not in (0, 1) for status, _ in ends[1:]):
        raise AssertionError(f"the ends are {ends}")
    return f"{got} answers right; {ends[0][1].strip().splitlines()[-1]}"


def client_scene(argv, pool, right, n):
    """The client is a process of its own, killed; the stages end by themselves."""
    p = Pipeline(argv)
    p.forget_ends()
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        for name, answer in Client(p.write, p.read, 8).run(requests(pool, n, 3)):
            check(right, name, answer)
            os.write(tell, b".")
        os._exit(0)
    os.close(tell)
    p.close()
    seen = 0
    while seen < n // 2:
        came = os.read(told, n // 2 - seen)
        if not came:
            raise AssertionError("the client ended by itself")
        seen += len(came)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    ends = p.wait(SOON)
    if any(status not in (0, 1, 2, -signal.SIGPIPE) for status, _ in ends):
        raise AssertionError(f"the ends are {ends}")
    return f"{seen} answers right; ends: {' '.join(str(status) for status, _ in ends)}"


def stage_scene(argv, pool, right, n, which):
    """Those before it meet a closed pipe, those behind it the end of the stream; nothing that came out is half a record."""
    p, got = Pipeline(argv), 0
    p.forget_ends()
    client = Client(p.write, p.read, 8)  # so few that most of what follows is not sent yet
    for name, answer in client.run(requests(pool, n, 4)):
        check(right, name, answer)
        got += 1
        if got == n // 2:
            p.stages[which].send_signal(signal.SIGKILL)
    p.close()
    ends = p.wait(SOON)
    last = len(argv) - 1
    if got == n:
        raise AssertionError("everything had been answered before")
    if which != last and client.left():
        raise AssertionError(f"{client.left()} bytes of half a record")
    for i, (status, text) in enumerate(ends):
        fine = {-signal.SIGKILL} if i == which else {0, 1, -signal.SIGPIPE} if i < which else {0, 1, 2}
        if status not in fine or (status == 2 and not text):
            raise AssertionError(f"the ends are {ends}")
    return f"{got} answers right; ends: {' '.join(str(status) for status, _ in ends)}"


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("-n", type=int, default=1000)
    a.add_argument("--different", type=int, default=40)
    a.add_argument("scene", nargs="*")
    o = a.parse_args()
    tmp = tempfile.TemporaryDirectory()
    argv, pool = commands(make_text_model(f"{tmp.name}/text")), pool_of(o.different, 5)
    right = [alone(argv, data) for data in pool]
    scenes = {"wide": lambda: pipe_scene(argv, pool, right, o.n, False), "narrow": lambda: pipe_scene(argv, pool, right, o.n, True),
              "cut": lambda: cut_scene(argv, pool, right, o.n), "client": lambda: client_scene(argv, pool, right, o.n)}
    scenes.update({name: lambda i=i: stage_scene(argv, pool, right, o.n, i) for i, name in enumerate(STAGES)})
    bad = 0
    for name in o.scene or scenes:
        began = time.monotonic()
        try:
            print(f"{name}: {scenes[name]()} ({time.monotonic() - began:.1f} s)", flush=True)
        except (AssertionError, TimeoutError) as e:
            print(f"{name}: FAILED: {e}", flush=True)
            bad = 1
    sys.exit(bad)


main()
