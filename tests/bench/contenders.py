"""Who is measured: a mm tool or a pipeline (Ours, Cold) or a peer that stays warm in a process of its own (Warm), and the rounds
in which they take turns. Environment: BUILD, MM_PYTHON (python with the peers), MM_MODELS, MM_DATA, BENCH_THREADS (2)."""
import json
import os
import subprocess
import sys
import time
from statistics import median

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("BUILD", "build")
WORK = "build/bench"
PYTHON = os.environ["MM_PYTHON"]
MODELS = os.environ.get("MM_MODELS", os.path.expanduser("~/.local/share/mm/models")).split(":")[0]
DATA = os.environ.get("MM_DATA", "../shared/data")
THREADS = os.environ.get("BENCH_THREADS", "2")
BUSY = os.getloadavg()[1] > 0.5 * len(os.sched_getaffinity(0))
ENV = dict(os.environ, OMP_NUM_THREADS=THREADS, MM_THREADS=THREADS, MM_MODELS=MODELS, PATH=os.path.abspath(f"{BUILD}/bin") + ":" + os.environ["PATH"],
           HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", BENCH_ONNX=WORK)
# As peers like it best: pinned threads that spin where they are alone, sleeping threads where they are not (there, spinning
# made torch three times slower)
ENV.update({"OMP_WAIT_POLICY": "passive", "BENCH_SPIN": "0"} if BUSY else {"OMP_PROC_BIND": "true", "BENCH_SPIN": "1"})


def say(*text):
    print(time.strftime("%H:%M:%S"), *text, file=sys.stderr, flush=True)


def shell(command):
    subprocess.run(["bash", "-o", "pipefail", "-c", command], env=ENV, check=True)


def process(commands, out=None):
    """A pipeline as a whole: wall and CPU seconds, the sum of the peaks of its processes in MiB."""
    wall, previous, pids = time.monotonic(), None, []
    for i, argv in enumerate(commands):
        last = i == len(commands) - 1
        sink = (open(out, "wb") if out else open(os.devnull, "wb")) if last else subprocess.PIPE
        p = subprocess.Popen(argv, env=ENV, stdin=previous or subprocess.DEVNULL, stdout=sink, stderr=subprocess.DEVNULL)
        if previous:
            previous.close()
        previous = p.stdout
        pids.append((p, argv))
        if last:
            sink.close()
    cpu = peak = 0
    for p, argv in pids:
        _, status, use = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        if p.returncode:
            raise RuntimeError(f"{' '.join(argv)} ended with {p.returncode}")
        cpu += use.ru_utime + use.ru_stime
        peak += use.ru_maxrss / 1024
    return {"wall": time.monotonic() - wall, "cpu": cpu, "peak": peak}


class Cold:
    """Whole processes, started for every round."""

    def __init__(self, name, *commands, out=None):
        self.name, self.commands, self.out, self.note = name, commands, out, ""
        process(commands, out)  # page cache

    def go(self):
        return process(self.commands, self.out)

    def close(self):
        pass


class Ours:
    """An mm tool: the whole process over N items minus the same over a few."""

    def __init__(self, name, argv, many, few, items, taken=1):
        self.name, self.argv, self.many, self.few, self.items, self.taken, self.note = name, argv, many, few, items, taken, ""
        process([argv + [many]], f"{WORK}/ours.mm")

    def go(self):
        """A disturbance of the few outweighs the others at times: such a pair is measured again."""
        for _ in range(5):
            a, b = process([self.argv + [self.few]]), process([self.argv + [self.many]])
            if all(b[k] > 1.2 * a[k] for k in ("wall", "cpu")):
                return {k: (b[k] - a[k]) * self.items / (self.items - self.taken) for k in ("wall", "cpu")}
        raise RuntimeError(f"{self.name}: {self.items} items take no longer than {self.taken}")

    def close(self):
        pass


class Warm:
    """A peer that waits for its turn."""

    def __init__(self, name, argv):
        self.name = name
        self.p = subprocess.Popen([PYTHON] + argv, env=ENV, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(f"{WORK}/peer.log", "ab"), text=True)
        line = self.p.stdout.readline()
        while line and not line.startswith("{"):  # libraries talk, too
            line = self.p.stdout.readline()
        if not line:
            self.p.wait()
            raise RuntimeError(f"{name} did not start: see {WORK}/peer.log")
        ready = json.loads(line)
        self.note = f"batch {ready['batch']}" if "batch" in ready else ""

    def go(self):
        self.p.stdin.write("go\n")
        self.p.stdin.flush()
        return json.loads(self.p.stdout.readline())

    def close(self):
        self.p.stdin.close()
        self.p.wait()


def rounds(contenders, count):
    """Every contender once a round: their measurements by name."""
    got = {c.name: [] for c in contenders}
    for _ in range(count):
        for c in contenders:
            got[c.name].append(c.go())
    for c in contenders:
        c.close()
    return got


def spread(values, digits):
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def cosine(a, b):
    """Mean and lowest cosine of the rows of two NPY files."""
    code = "import numpy as np,sys; a,b=(np.float64(np.load(f)) for f in sys.argv[1:]); c=(np.sum(a*b,1)/np.linalg.norm(a,axis=1)/np.linalg.norm(b,axis=1)); print(c.mean(),c.min())"
    return [float(x) for x in subprocess.run([PYTHON, "-c", code, a, b], env=ENV, stdout=subprocess.PIPE, check=True, text=True).stdout.split()]
