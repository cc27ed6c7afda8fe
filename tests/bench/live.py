#!/usr/bin/env python3
"""make bench-live: how long a live pipeline takes to answer, what marks cost, when windows of live inputs leave, and whether two
hours change anything. Prints tables; into build/bench/live.md as well.

    live.py [-n UTTERANCES] [-r ROUNDS] [--hours H] [SECTION]...     utterance, marks, windows, long; none: all, in less than 8 minutes

utterance  warm: the last byte of 3 s of speech, a picture, a sentence and a mark in → the label's line out, through
           mm-decode --records | mm-encode-image | mm-encode-text | mm-encode-audio | mm-label -m HEAD
marks      a mark after each record, 8 and 64 in flight, beside the same records with one mark at their end; ratios within a round
windows    a process writes at the pace of the clock; a window's delay is that since the write that completed it. The records are
           compared with those of the same bytes read at once
long       hours of sound and rows, faster than their clock, through an encoder and a join by time: memory and times

Environment: BUILD, MM_MODELS, BENCH_THREADS (2)."""
import argparse
import bisect
import io
import json
import os
import random
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from statistics import median

import msgpack

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../live")
sys.dont_write_bytecode = True
from wire import Client, Pipeline, file_record, mark, record, resident, sentence, wav, wav_head  # noqa: E402

BUILD = os.environ.get("BUILD", "build")
WORK = os.environ.get("BENCH_WORK", f"{BUILD}/bench")
THREADS = os.environ.get("BENCH_THREADS", "2")
ENV = dict(os.environ, MM_THREADS=THREADS, PATH=os.path.abspath(f"{BUILD}/bin") + ":" + os.environ["PATH"])
LINES = []


def say(text=""):
    print(text, flush=True)
    LINES.append(text)


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]


def load():
    return f"{os.getloadavg()[0]:.1f}"


def output(argv, data=None):
    return subprocess.run(argv, env=ENV, input=data, stdout=subprocess.PIPE, check=True).stdout


def records(data):
    unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, max_buffer_size=0)
    unpacker.feed(data)
    return list(unpacker)


def start(commands):
    p = Pipeline(commands, env=ENV, quiet=False)
    p.forget_ends()
    return p


def stop(p):
    p.close()
    for stage in p.stages:
        stage.wait()


def processor_ms(p):
    """of each stage so far, all its threads"""
    def threads(pid):
        return [int(open(f"/proc/{pid}/task/{t}/schedstat").read().split()[0]) for t in os.listdir(f"/proc/{pid}/task")]
    return [1e-6 * sum(threads(stage.pid)) for stage in p.stages]


# ---- utterance ----

DEFAULT = {"image": "imgfocus-vits14", "text": "minilm-l6", "audio": "whisper-base"}
BASE = {"image": "vit-base", "text": "bert-base", "audio": "wav2vec2-base"}


def base_models():
    """of the real sizes, random weights; BERT gets MiniLM's vocabulary, which is its own"""
    made = {}
    for of, name in BASE.items():
        made[of] = f"{WORK}/models/{name}"
        if not os.path.exists(f"{made[of]}/config.json"):
            os.makedirs(f"{WORK}/models", exist_ok=True)
            subprocess.run([sys.executable, f"{HERE}/../gpu/full.py", name, made[of]], check=True)
    listed = output(["mm-model", "list"]).decode().split()
    minilm = next(w for w in listed if w.endswith("/minilm-l6"))
    with open(f"{minilm}/vocab.txt", "rb") as f, open(f"{made['text']}/vocab.txt", "wb") as to:
        to.write(f.read())
    return made


def pictures(n, side=480):
    """JPEGs"""
    data = output(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size={side}x{side}:rate=10", "-frames:v", str(n), "-q:v", "4",
                   "-c:v", "mjpeg", "-f", "image2pipe", "-"])
    return [b"\xff\xd8\xff" + part for part in data.split(b"\xff\xd8\xff")[1:]]


def utterances(n, seed=1):
    """[(key, bytes, label)]"""
    rng, faces = random.Random(seed), pictures(n)
    for i in range(n):
        fields = {"label": "yes" if i % 2 else "no"}
        text = f"this is sentence number {i}, which says how one feels about it".encode()
        yield f"u{i}", (file_record(f"u{i}", f"u{i}.jpg", faces[i], **fields) + file_record(f"u{i}", f"u{i}.txt", text, **fields)
                        + file_record(f"u{i}", f"u{i}.wav", wav(rng, 3), **fields))


def answer_of(p, data, key):
    """milliseconds from the last byte in until the line with the label is out"""
    view = memoryview(data)
    while len(view) > 1:
        view = view[os.write(p.write, view[:-1]):]
    began, line = time.monotonic(), b""
    os.write(p.write, view)
    while b'"mark"' not in line:
        got = os.read(p.read, 1 << 16)
        if not got:
            raise SystemExit("live.py: the pipeline ended")
        line += got
    took = 1e3 * (time.monotonic() - began)
    first = json.loads(line.split(b"\n")[0])
    if first["key"] != key or "label" not in first:
        raise SystemExit(f"live.py: not the answer to {key}: {first}")
    return took


def utterance(name, models, precision, n, warm=5):
    encoders = [[f"mm-encode-{of}", "-q", "--precision", precision, "-m", models[of]] for of in ("image", "text", "audio")]
    commands = [["mm-decode", "-q", "--records", "--flush"]] + encoders
    asked = list(utterances(n + warm))
    with tempfile.TemporaryDirectory() as tmp:
        head, made = f"{tmp}/head.safetensors", f"{tmp}/made.mm"
        p = start(commands)
        client = Client(p.write, p.read, 8)
        with open(made, "wb") as f:
            for _, answer in client.run((key, data + mark(key)) for key, data in asked[:8]):
                f.writelines(msgpack.packb(r) for r in answer)
        stop(p)
        output(["mm-train", "classify", "-q", "--method", "gated", "--epochs", "2", "--valid-fraction", "0", "-o", head, made])
        p = start(commands + [["mm-label", "-q", "-m", head, "-f", "jsonl"]])
        times = []
        for i, (key, data) in enumerate(asked):
            if i == warm:
                before = processor_ms(p)
            times.append(answer_of(p, data + mark(key), key))
        cpu = [(b - a) / n for a, b in zip(before, processor_ms(p))]
        stop(p)
    times = times[warm:]
    say(f"| {name} | {precision} | {median(times):.0f} | {quantile(times, .95):.0f} | {max(times):.0f} | {sum(cpu):.0f} | {' '.join(f'{c:.0f}' for c in cpu)} | {load()} |")


def section_utterance(o):
    say(f"## Utterance: 3 s of speech, a picture, a sentence → label; milliseconds, {o.n} utterances, {THREADS} threads\n")
    say("| models | precision | p50 | p95 | longest | processor time | of decode, image, text, audio, label | load |\n|---|---|---|---|---|---|---|---|")
    base = base_models()
    for precision in ("auto", "fp32"):
        utterance("default", DEFAULT, precision, o.n)
        utterance("base", base, precision, o.n)
    say()


# ---- marks ----

def texts(n):
    rng = random.Random(2)
    return [record("text", f"t{i}", data=sentence(rng, rng.randint(20, 120)).decode()) for i in range(n)]


def pass_through(p, parts, flight):
    """seconds until all are answered; flight None: one mark at the end"""
    client = Client(p.write, p.read, flight or 1)
    asked = [(f"m{i}", part + mark(f"m{i}")) for i, part in enumerate(parts)] if flight else [("m", b"".join(parts) + mark("m"))]
    began, got = time.monotonic(), 0
    for _, answer in client.run(asked):
        got += len(answer)
    if got < len(parts):
        raise SystemExit(f"live.py: {got} answers to {len(parts)} records")
    return time.monotonic() - began


def section_marks(o):
    say(f"## Marks: rate with a mark after each record beside the same stream without, {o.r} rounds in turns (lowest–highest)\n")
    say("| what | records a second, without | 8 in flight | 64 in flight | load |\n|---|---|---|---|---|")
    jpegs = [file_record(f"p{i}", f"p{i}.jpg", data) for i, data in enumerate(pictures(64, 224))]
    images = output(["mm-decode", "-q", "--records"], b"".join(jpegs))
    images = [msgpack.packb(r) for r in records(images)]
    cases = [("sentences, mm-encode-text -m minilm-l6", [["mm-encode-text", "-q", "-m", "minilm-l6"]], texts(400)),
             ("pictures, mm-encode-image -m imgfocus-vits14", [["mm-encode-image", "-q", "-m", "imgfocus-vits14"]], images),
             ("JPEGs, mm-decode --records", [["mm-decode", "-q", "--records", "--flush"]], jpegs * 8)]
    for name, commands, parts in cases:
        p = start(commands)
        pass_through(p, parts[:64], None)
        rates, eight, many = [], [], []
        for _ in range(o.r):
            plain = pass_through(p, parts, None)
            rates.append(len(parts) / plain)
            eight.append(plain / pass_through(p, parts, 8))
            many.append(plain / pass_through(p, parts, 64))
        stop(p)
        say(f"| {name} | {median(rates):.0f} | " + " | ".join(f"{median(x):.3f} ({min(x):.2f}–{max(x):.2f})" for x in (eight, many)) + f" | {load()} |")
    say()


# ---- windows ----

FRAME = 0.1  # seconds that a frame of the videos below is shown, after which it has been seen

class Paced(threading.Thread):
    """Writes pieces [(seconds at which it is due, bytes)], notes when each was written."""

    def __init__(self, fd, pieces):
        super().__init__(daemon=True)
        self.fd, self.pieces, self.done = fd, pieces, []

    def run(self):
        began = time.monotonic()
        for due, data in self.pieces:
            time.sleep(max(0, began + due - time.monotonic()))
            view = memoryview(data)
            while view:
                view = view[os.write(self.fd, view):]
            self.done.append(time.monotonic())
        os.close(self.fd)


def live(argv, pieces):
    """[(record, when it came)], [when each piece was written]"""
    p = start([argv])
    writer = Paced(p.write, pieces)
    p.write = None
    writer.start()
    unpacker, came = msgpack.Unpacker(raw=False, strict_map_key=False, max_buffer_size=0), []
    while data := os.read(p.read, 1 << 20):
        now = time.monotonic()
        unpacker.feed(data)
        came += [(r, now) for r in unpacker]
    writer.join()
    stop(p)
    return came, writer.done


def paced_by_clock(data, head, each, rate):
    """sound without a container: pieces of 20 ms; [(due, bytes)], [end of each in seconds]"""
    size = int(rate * 0.02) * each
    pieces = [data[at:at + size] for at in range(head, len(data), size)]
    ends = [(i + 1) * 0.02 for i in range(len(pieces))]
    return list(zip(ends, [data[:head] + pieces[0]] + pieces[1:])), ends


def paced_by_packets(data, path):
    """a container: each packet is due when its last sample or frame has been seen, and not before those in front of it;
    the ends are those of kinds: {kind: [end of the last one so far, for each piece]}"""
    shown = json.loads(output(["ffprobe", "-v", "error", "-show_packets", "-show_entries", "packet=codec_type,pts_time,duration_time,pos", "-of", "json", path]))
    packets = sorted((int(x["pos"]), float(x["pts_time"]), float(x.get("duration_time", 0)), x["codec_type"]) for x in shown["packets"] if "pos" in x and "pts_time" in x)
    origin = min(pts for _, pts, _, _ in packets)
    pieces, ends, due, at = [], {"audio": [], "image": []}, 0.0, 0
    latest = {"audio": 0.0, "image": 0.0}
    for i, (_, pts, duration, of) in enumerate(packets):
        due = max(due, pts + duration - origin)
        kind = "audio" if of == "audio" else "image"
        latest[kind] = max(latest[kind], pts + duration - origin)
        after = packets[i + 1][0] if i + 1 < len(packets) else len(data)
        if after > at:  # else the next one lies in the same bytes
            pieces.append((due, data[at:after]))
            for k in ends:
                ends[k].append(latest[k])
            at = after
    return pieces, ends


def strip(r):
    return {k: v for k, v in r.items() if k not in ("src",)}


def in_order(rs):
    return sorted(map(strip, rs), key=lambda r: (r["kind"], r.get("time") or [r.get("part", 0)], r["key"]))


def window_case(name, argv, pieces, ends, timed):
    """timed: a window is complete with its end in the media's clock; else the k-th record with the k-th piece"""
    whole = b"".join(data for _, data in pieces)
    try:
        at_once = records(output([a for a in argv if a != "--flush"], whole))
        came, done = live(argv, pieces)
    except subprocess.CalledProcessError as e:
        return say(f"| {name} | not measured: {e} | | | | | |")
    same = "yes" if in_order(r for r, _ in came) == in_order(at_once) else f"NO ({len(came)} beside {len(at_once)})"
    for kind in dict.fromkeys(r["kind"] for r, _ in came):
        delays = []
        for i, (r, now) in enumerate(came):
            if r["kind"] != kind:
                continue
            if timed and "time" not in r:
                return say(f"| {name} | no times | | | | | |")
            end = r["time"][0] + FRAME if timed and kind == "image" else r["time"][1] if timed else 0
            known = ends[kind] if isinstance(ends, dict) else ends
            at = min(bisect.bisect_left(known, end - 1e-6) if timed else i, len(done) - 1)
            delays.append(1e3 * (now - done[at]))
        first, rest = delays[0], delays[1:] or delays
        say(f"| {name}: {kind} | {len(delays)} | {first:.1f} | {median(rest):.1f} | {quantile(rest, .95):.1f} | {max(rest):.1f} | {same} | {load()} |")
    if not came:
        say(f"| {name} | no record | | | | {same} | {load()} |")


def section_windows(o):
    say("## Windows: milliseconds from the write that completed one until its record is out\n")
    say("| input | windows | first | p50 of the others | p95 | longest | equal to the file at once | load |\n|---|---|---|---|---|---|---|---|")
    rng, seconds = random.Random(3), 8
    sound = wav(rng, seconds)
    endless = wav_head(0xffffffff - 44) + sound[44:]
    window = ["mm-decode", "-q", "--flush", "--window", "0.5"]
    window_case("WAV", window + ["-"], *paced_by_clock(sound, 44, 2, 16000), True)
    window_case("WAV without a length", window + ["-"], *paced_by_clock(endless, 44, 2, 16000), True)
    with tempfile.TemporaryDirectory() as tmp:
        source = ["-f", "lavfi", "-i", f"testsrc2=size=160x120:rate=10:duration={seconds}", "-f", "lavfi", "-i", f"sine=frequency=300:duration={seconds}:sample_rate=16000"]
        for name, options in (("Matroska, sound and frames", ["-c:v", "mjpeg", "-c:a", "pcm_s16le", "-f", "matroska", "-live", "1"]),
                              ("MPEG-TS, sound and frames", ["-c:v", "mpeg2video", "-g", "5", "-bf", "0", "-c:a", "mp2", "-f", "mpegts"])):
            path = f"{tmp}/x"
            subprocess.run(["ffmpeg", "-v", "error", "-y", *source, *options, path], check=True)
            data = open(path, "rb").read()
            window_case(name, window + ["--fps", "2", "-"], *paced_by_packets(data, path), True)
    pieces = []
    for i in range(20):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as t:
            info = tarfile.TarInfo(f"m{i}.txt")
            info.size = 1000
            t.addfile(info, io.BytesIO(sentence(rng, 1100)[:1000]))
        pieces.append((0.1 * i, out.getvalue()[:1536]))
    window_case("tar, a text every 0.1 s", ["mm-decode", "-q", "--flush", "-"], pieces + [(2, bytes(1024))], [], False)
    lines = [(0.1 * i, sentence(rng, 60) + b"\n") for i in range(40)]
    window_case("lines", ["mm-decode", "-q", "--flush", "--lines", "-"], lines, [], False)
    rows = [(0.02 * (i + 1), b"".join(b"%d,%.4f,%.4f\n" % (10 * i + k, rng.random(), rng.random()) for k in range(2))) for i in range(400)]
    rows[0] = (rows[0][0], b"n,x,y\n" + rows[0][1])
    window_case("CSV, 100 rows a second, windows of 1 s", ["mm-decode", "-q", "--flush", "--as", "series", "--rate", "100", "--window", "1", "-"],
                rows, [0.02 * (i + 1) for i in range(400)], True)
    say()


# ---- two hours ----

def feed_sound(fd, seconds):
    """16-bit PCM in a WAV of unknown length, as fast as it is taken"""
    second = wav(random.Random(4), 1)[44:]
    with os.fdopen(fd, "wb") as f:
        try:
            f.write(wav_head(0xffffffff - 44))
            for _ in range(seconds):
                f.write(second)
        except BrokenPipeError:
            pass


def feed_rows(fd, seconds):
    second = b"".join(b"%.3f,%.3f\n" % (i / 50, 1 - i / 50) for i in range(50))
    with os.fdopen(fd, "wb") as f:
        try:
            f.write(b"x,y\n")
            for _ in range(seconds):
                f.write(second)
        except BrokenPipeError:
            pass


def watch(pids, samples, over):
    while not over.wait(0.25):
        try:
            samples.append([resident(pid) for pid in pids])
        except (OSError, ValueError):
            return


def tools_below(pid):
    """(pids, names) of the tools that a shell started"""
    above, named = {}, {}
    for other in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{other}/stat") as f:
                name, rest = f.read().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        above[int(other)], named[int(other)] = int(rest.split()[1]), name
    found = []
    for p in sorted(named):
        at = p
        while at in above and at != pid:
            at = above[at]
        if at == pid and named[p].startswith("mm-"):
            found.append(p)
    return found, [named[p] for p in found]


def long_case(name, script, feeds, expected, seconds):
    """script: a bash pipeline that reads the FIFOs {0}, {1}"""
    with tempfile.TemporaryDirectory() as tmp:
        fifos = []
        for i, feed in enumerate(feeds):
            os.mkdir(f"{tmp}/{i}")
            os.mkfifo(f"{tmp}/{i}/in")
            fifos.append(f"{tmp}/{i}/in")
        p = subprocess.Popen(["bash", "-c", script.format(*fifos)], env=ENV, stdout=subprocess.PIPE)
        writers = []
        for feed, fifo in zip(feeds, fifos):
            t = threading.Thread(target=lambda feed=feed, fifo=fifo: feed(os.open(fifo, os.O_WRONLY), seconds), daemon=True)
            t.start()
            writers.append(t)
        time.sleep(1)
        tools, names = tools_below(p.pid)
        samples, over = [], threading.Event()
        watcher = threading.Thread(target=watch, args=(tools, samples, over), daemon=True)
        watcher.start()
        began, count, worst, unpacker = time.monotonic(), 0, 0.0, msgpack.Unpacker(raw=False, strict_map_key=False, max_buffer_size=0)
        while data := os.read(p.stdout.fileno(), 1 << 18):
            unpacker.feed(data)
            for r in unpacker:
                if "time" in r:
                    worst = max(worst, abs(r["time"][0] - expected(count)))
                    count += 1
        took = time.monotonic() - began
        over.set()
        watcher.join()
        status = p.wait()
    third = max(1, len(samples) // 3)
    columns = list(zip(*samples))
    first, last = [max(c[:third]) for c in columns], [max(c[-third:]) for c in columns]
    grown = ", ".join(f"{n} {a:.1f} → {b:.1f}" for n, a, b in zip(names, first, last))
    say(f"| {name} | {seconds / 3600:.2f} h in {took:.0f} s | {count} | {worst:.6f} s | {grown} | {status} | {load()} |")


def section_long(o):
    seconds = int(3600 * o.hours)
    say("## Long: faster than its clock; most MiB in the first third → in the last\n")
    say("| what | media | windows | furthest from its time | memory | status | load |\n|---|---|---|---|---|---|---|")
    tiny = os.path.abspath(f"{HERE}/../goldens/encode/wav2vec2")
    sound = "mm-decode -q --flush --window 2 --key base --of mic{0} {{{0}}} | mm-encode-audio -q --flush -m " + tiny
    rows = "mm-decode -q --flush --as series --rate 50 --window 2 {0}"
    long_case("WAV → mm-encode-audio", sound.format(0), [feed_sound], lambda k: 2.0 * k, seconds)
    long_case("two WAV → mm-encode-audio → mm-fuse --join time", f"mm-fuse -q --method concat --join time --window 2 --lateness 60 <({sound.format(0)}) <({sound.format(1)})",
              [feed_sound, feed_sound], lambda k: 2.0 * k, seconds)
    long_case("CSV", rows, [feed_rows], lambda k: 2.0 * k, seconds)
    say()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("-n", type=int, default=60, help="utterances of each kind")
    p.add_argument("-r", type=int, default=5, help="rounds")
    p.add_argument("--hours", type=float, default=2)
    p.add_argument("section", nargs="*")
    o = p.parse_args()
    os.makedirs(WORK, exist_ok=True)
    os.environ.update(ENV)
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    commit = subprocess.run(["git", "-C", HERE, "rev-parse", "--short", "HEAD"], stdout=subprocess.PIPE, text=True).stdout.strip()
    say(f"# Live, {time.strftime('%Y-%m-%d %H:%M')}, commit {commit}, {cpu}, {len(os.sched_getaffinity(0))} processors, load {load()}\n")
    sections = {"utterance": section_utterance, "marks": section_marks, "windows": section_windows, "long": section_long}
    for name in o.section or sections:
        sections[name](o)
    with open(f"{WORK}/live.md", "w") as f:
        f.write("\n".join(LINES) + "\n")


main()
