#!/usr/bin/env python3
"""llama.cpp as a peer: its sources out of the source package of llama-cpp-python, compiled for this processor.

    llama.py prepare MODEL      downloads, compiles and converts the model; says why it cannot, with status 1

Everything goes to build/bench/llama. LLAMA_SDIST names a package that is already here. Needs cmake and a C++ compiler."""
import glob
import os
import shutil
import subprocess
import sys
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
WHERE = "build/bench/llama"
VERSION = "0.3.36"
KINDS = {"llama.cpp": "f32", "llama.cpp-bf16": "bf16", "llama.cpp-int8": "q8_0"}  # peers → llama.cpp's names
OFF = ["LLAMA_BUILD_COMMON", "LLAMA_BUILD_TESTS", "LLAMA_BUILD_TOOLS", "LLAMA_BUILD_EXAMPLES", "LLAMA_BUILD_SERVER", "LLAMA_BUILD_APP", "LLAMA_OPENSSL", "GGML_CCACHE"]


def run(*argv, **more):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv[:4])} …: {done.stdout.strip().splitlines()[-1:]}")


def source():
    """The directory of llama.cpp's sources."""
    at = f"{WHERE}/llama_cpp_python-{VERSION}/vendor/llama.cpp"
    if not os.path.exists(f"{at}/include/llama.h"):
        package = os.environ.get("LLAMA_SDIST")
        if not package:
            run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", WHERE, f"llama-cpp-python=={VERSION}")
            package = glob.glob(f"{WHERE}/llama_cpp_python-{VERSION}.tar.gz")[0]
        with tarfile.open(package) as t:
            t.extractall(WHERE)
    return at


def library():
    """libllama, by its own defaults for speed (GGML_NATIVE: all that this processor has; OpenMP) → its directory."""
    out = f"{WHERE}/build/bin"
    if not os.path.exists(f"{out}/libllama.so"):
        if not shutil.which("cmake"):
            raise RuntimeError("there is no cmake")
        run("cmake", "-S", source(), "-B", f"{WHERE}/build", "-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON", *[f"-D{o}=OFF" for o in OFF],
            # gcc 12's _tile_loadconfig says that it reads 8 bytes of the 64: stores to the others would be left out, and tiles trap
            "-DCMAKE_CXX_FLAGS=-fno-tree-dse -fno-dse")
        run("cmake", "--build", f"{WHERE}/build", "-j", str(len(os.sched_getaffinity(0))), "--target", "llama")
    return out


def program():
    out, lib, c = f"{WHERE}/llama_peer", os.path.abspath(library()), f"{HERE}/llama_peer.c"
    if not os.path.exists(out) or os.path.getmtime(out) < os.path.getmtime(c):
        run("cc", "-std=c17", "-D_GNU_SOURCE", "-O2", f"-I{source()}/include", f"-I{source()}/ggml/include", "-o", out, c, f"-L{lib}", "-lllama", f"-Wl,-rpath,{lib}", f"-Wl,-rpath-link,{lib}")
    return out


def converted(model, kind):
    out = f"{WHERE}/{os.path.basename(model)}-{kind}.gguf"
    if not os.path.exists(out):
        run(sys.executable, f"{source()}/convert_hf_to_gguf.py", "--outtype", kind, "--outfile", out + ".part", model, env=dict(os.environ, HF_HUB_OFFLINE="1"))
        os.rename(out + ".part", out)
    return out


def become(peer, model, items, out, threads, batch):
    """This process becomes the peer; items as peers.py's tokens() makes them."""
    import numpy as np

    ids = f"{WHERE}/ids"
    with open(ids, "wb") as f:
        for item in items:
            f.write(np.int32([len(item["input_ids"]), *item["input_ids"]]).tobytes())
    os.execv(program(), [program(), converted(model, KINDS[peer]), ids, out, str(threads), str(batch)])


def main():
    os.makedirs(WHERE, exist_ok=True)
    try:
        program()
        for kind in KINDS.values():
            converted(sys.argv[2], kind)
    except (RuntimeError, OSError, tarfile.TarError) as e:
        sys.exit(f"llama.cpp is left out: {e}")


if __name__ == "__main__":
    main()
