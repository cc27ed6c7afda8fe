#!/usr/bin/env python3
"""One peer of the benchmark, warm: loads its model, picks the batch size that suits it best, says "ready", then encodes all
inputs once for every line "go" and answers with wall and CPU seconds.

    peers.py prepare DIRECTORY                          writes models with random weights, and clips of 10 and 30 s
    peers.py PEER FAMILY MODEL STREAM OUT.npy [BATCH]   PEER: torch, torch-bf16, onnxruntime[-int8],
                                                        openvino[-bf16|-int8], ctranslate2, llama.cpp[-bf16|-int8]

Inputs come from the same stream that the mm tool reads. What a peer needs before its network (tokens, log-mel, normalised
pixels) is computed before the clock starts; the mm tools do that inside the time that is compared."""
import json
import os
import sys
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import msgpack
import msgpack_numpy
import numpy as np

THREADS = int(os.environ.get("OMP_NUM_THREADS", "2"))


def records(path):
    with open(path, "rb") as f:
        return [r["data"] for r in msgpack.Unpacker(f, object_hook=msgpack_numpy.decode, max_buffer_size=0)]


# ---- inputs: FAMILY → list of dicts of arrays, one an item ----


def pixels(model, data):
    p = json.load(open(f"{model}/preprocessor_config.json"))
    mean, std = np.float32(p["image_mean"]), np.float32(p["image_std"])
    return [{"pixel_values": np.ascontiguousarray(((x / np.float32(255) - mean) / std).transpose(2, 0, 1))} for x in data]


def tokens(model, data):
    from tokenizers import Tokenizer

    t = Tokenizer.from_file(f"{model}/tokenizer.json")
    t.no_padding()
    t.enable_truncation(256)
    return [{"input_ids": np.int64(t.encode(x).ids)} for x in data]


def mel(model, data):
    from transformers import WhisperFeatureExtractor

    make = WhisperFeatureExtractor(feature_size=80)
    return [{"input_features": make(x, sampling_rate=16000, padding=False, truncation=False, return_tensors="np")["input_features"][0]} for x in data]


def samples(model, data):
    return [{"input_values": ((x - x.mean()) / np.sqrt(x.var() + 1e-7)).astype(np.float32)} for x in data]


INPUTS = {"dinov2": pixels, "vit": pixels, "clip": pixels, "bert": tokens, "whisper": mel, "wav2vec2": samples}


def batches(items, size):
    """Batches of items of like length, padded, as sentence-transformers makes them; with the places where they belong."""
    order = sorted(range(len(items)), key=lambda i: -next(iter(items[i].values())).size)
    for at in range(0, len(order), size):
        here = order[at : at + size]
        out = {}
        for name in items[here[0]]:
            rows = [items[i][name] for i in here]
            if name == "input_ids":
                longest = max(map(len, rows))
                out["attention_mask"] = np.int64([[1] * len(r) + [0] * (longest - len(r)) for r in rows])
                rows = [np.pad(r, (0, longest - len(r))) for r in rows]
                out["token_type_ids"] = np.zeros((len(rows), longest), np.int64)
            out[name] = np.stack(rows)
        yield here, out


def pooled(family, hidden, batch):
    """The vector that the mm tool gives for such a model."""
    if family in ("dinov2", "vit"):
        return hidden[:, 0]
    if family == "clip":  # the norm after pooling; made with random weights, so gains are one
        cls = hidden[:, 0] - hidden[:, 0].mean(1, keepdims=True)
        return cls / np.sqrt(cls.var(1, keepdims=True) + 1e-5)
    if family == "bert":
        m = batch["attention_mask"][:, :, None].astype(np.float32)
        hidden = (hidden * m).sum(1) / m.sum(1)
        return hidden
    return hidden.mean(1)


# ---- networks: returns f(batch) → hidden states ----


def torch_network(family, path, bf16=False):
    import torch
    import transformers as tf

    torch.set_num_threads(THREADS)
    kind = {"dinov2": tf.Dinov2Model, "vit": tf.ViTModel, "clip": tf.CLIPVisionModel, "bert": tf.BertModel, "whisper": tf.WhisperModel, "wav2vec2": tf.Wav2Vec2Model}[family]
    extra = {"add_pooling_layer": False} if family in ("bert", "vit") else {}
    net = kind.from_pretrained(path, attn_implementation="sdpa", dtype=torch.float32, **extra).eval()
    if family == "whisper":
        net = net.encoder
    if bf16:
        net = net.bfloat16()
    return net


def shorten(net, frames):
    """Whisper's encoder in transformers takes 30 s alone: with fewer positions it takes what there is."""
    import torch

    positions = frames // 2
    net.config.max_source_positions = net.embed_positions.num_embeddings = positions
    net.embed_positions.weight = torch.nn.Parameter(net.embed_positions.weight[:positions].clone(), requires_grad=False)


def run_torch(family, path, items, bf16=False):
    import torch

    net = torch_network(family, path, bf16)
    if family == "whisper":
        shorten(net, items[0]["input_features"].shape[-1])
    kind = torch.bfloat16 if bf16 else torch.float32

    def run(batch):
        with torch.inference_mode():
            args = {k: torch.from_numpy(v) for k, v in batch.items()}
            args = {k: v.to(kind) if v.is_floating_point() else v for k, v in args.items()}
            return net(**args).last_hidden_state.float().numpy()

    return run


class Wrapped:
    @staticmethod
    def of(net, names):
        import torch

        class Positional(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.net = net

            def forward(self, *args):
                return self.net(**dict(zip(names, args))).last_hidden_state

        return Positional().eval()


def export(family, path, items, onnx):
    import torch

    net = torch_network(family, path)
    net.set_attn_implementation("eager")
    if family == "whisper":
        shorten(net, items[0]["input_features"].shape[-1])
    batch = next(batches(items[:2], 2))[1]
    names = list(batch)
    axes = {n: ({0: "n", 1: "t"} if family in ("bert", "wav2vec2") else {0: "n"}) for n in names}
    with torch.inference_mode():
        torch.onnx.export(Wrapped.of(net, names), tuple(torch.from_numpy(batch[n]) for n in names), onnx + ".part", input_names=names,
                          output_names=["hidden"], dynamic_axes={**axes, "hidden": {0: "n", 1: "t"}}, opset_version=17, dynamo=False)
    os.rename(onnx + ".part", onnx)


def exported(family, path, items):
    size = items[0]["input_features"].shape[-1] if family == "whisper" else ""
    onnx = f"build/bench/{os.path.basename(path)}{size}.onnx"
    if not os.path.exists(onnx):
        export(family, path, items, onnx)
    return onnx


def dynamic_int8(onnx):
    """Weights in 8 bits for each channel, activations quantised as they come: what onnxruntime's own guide gives for transformers."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    out = onnx[:-5] + ".int8.onnx"
    if not os.path.exists(out):
        quantize_dynamic(onnx, out + ".part", per_channel=True, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul"])
        os.rename(out + ".part", out)
    return out


def run_onnxruntime(family, path, items, int8=False):
    import onnxruntime as ort

    onnx = exported(family, path, items)
    if int8:
        onnx = dynamic_int8(onnx)
    o = ort.SessionOptions()
    o.intra_op_num_threads = THREADS
    o.add_session_config_entry("session.intra_op.allow_spinning", os.environ.get("BENCH_SPIN", "1"))
    s = ort.InferenceSession(onnx, o, providers=["CPUExecutionProvider"])
    names = [i.name for i in s.get_inputs()]
    return lambda batch: s.run(None, {n: batch[n] for n in names})[0]


def run_openvino(family, path, items, precision="f32"):
    """int8: NNCF's post-training quantisation for transformers, calibrated on these inputs."""
    import openvino as ov

    core = ov.Core()
    order = list(next(batches(items[:2], 2))[1])  # as they were exported; the importer may rename them
    net = core.read_model(exported(family, path, items))
    if precision == "int8":
        import nncf

        made = [b for _, b in batches(items[:32], 1)]
        net = nncf.quantize(net, nncf.Dataset(made, lambda b: [b[n] for n in order]), model_type=nncf.ModelType.TRANSFORMER, subset_size=32)
    hint = {"INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32", "INFERENCE_NUM_THREADS": THREADS, "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": os.environ.get("BENCH_SPIN", "1") == "1"}
    compiled = core.compile_model(net, "CPU", hint)
    return lambda batch: np.float32(compiled([batch[n] for n in order])[0])


def run_ctranslate2(family, path, items):
    import ctranslate2

    net = ctranslate2.models.Whisper(path, device="cpu", compute_type="float32", intra_threads=THREADS)
    return lambda batch: np.array(net.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(batch["input_features"])), to_cpu=True))


# ---- measuring ----


def encode(run, family, made, n):
    out = [None] * n
    for here, batch in made:
        hidden = pooled(family, run(batch), batch)
        for i, v in zip(here, hidden):
            out[i] = v
    return np.stack(out)


def timed(work):
    wall, cpu = time.monotonic(), time.process_time()
    result = work()
    return {"wall": time.monotonic() - wall, "cpu": time.process_time() - cpu}, result


def pick(run, family, items):
    """The batch size of 1, 8 and 32 that took the least CPU time: on a busy machine it says more than the wall's."""
    best = None
    for size in (1, 8, 32):
        some = items[: max(size, min(4, len(items)))]
        if size > len(items) or size > len(some):
            break
        made = list(batches(some, size))
        encode(run, family, made, len(some))
        cost = timed(lambda: encode(run, family, made, len(some)))[0]["cpu"] / len(some)
        if best is None or cost < best[0]:
            best = (cost, size)
    return best[1]


def clips(where, seconds, stream):
    """All sounds of the stream, one after another, cut into clips of one length, one every four seconds."""
    import wave

    os.makedirs(f"{where}/clips{seconds}", exist_ok=True)
    sound = np.concatenate(records(stream))
    for i in range((len(sound) // 16000 - seconds) // 4 + 1):
        with wave.open(f"{where}/clips{seconds}/{i:03}.wav", "wb") as f:
            f.setnchannels(1)
            f.setsampwidth(2)
            f.setframerate(16000)
            f.writeframes(np.int16(np.clip(sound[64000 * i :][: 16000 * seconds] * 32767, -32768, 32767)).tobytes())


def prepare(where):
    import shutil

    import torch
    import transformers as tf

    for seconds in (10, 30):
        clips(where, seconds, f"{where}/../speech.mm")
    torch.manual_seed(1)
    minilm = os.environ["MM_MODELS"].split(":")[0] + "/minilm-l6"
    made = {"vit-b16": (tf.ViTModel, tf.ViTConfig()), "clip-b32": (tf.CLIPVisionModel, tf.CLIPVisionConfig()), "bert-base": (tf.BertModel, tf.BertConfig()), "wav2vec2-base": (tf.Wav2Vec2Model, tf.Wav2Vec2Config())}
    for name, (kind, config) in made.items():
        path = f"{where}/{name}"
        if os.path.exists(path):
            continue
        net = kind(config).eval()
        net.save_pretrained(path + ".part")
        if name == "vit-b16":
            tf.ViTImageProcessor().save_pretrained(path + ".part")
        elif name == "clip-b32":
            tf.CLIPImageProcessor().save_pretrained(path + ".part")
        elif name == "bert-base":
            for f in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
                shutil.copy(f"{minilm}/{f}", path + ".part")
        else:
            tf.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=False).save_pretrained(path + ".part")
        os.rename(path + ".part", path)


def main():
    if sys.argv[1] == "prepare":
        return prepare(sys.argv[2])
    peer, family, model, stream, out = sys.argv[1:6]
    items = INPUTS[family](model, records(stream))
    if peer.startswith("llama.cpp"):
        import llama

        llama.become(peer, model, items, out, THREADS, int(sys.argv[6]) if len(sys.argv) > 6 else 8)
    make = {"torch": run_torch, "torch-bf16": lambda *a: run_torch(*a, bf16=True), "onnxruntime": run_onnxruntime,
            "onnxruntime-int8": lambda *a: run_onnxruntime(*a, int8=True), "openvino": run_openvino,
            "openvino-bf16": lambda *a: run_openvino(*a, precision="bf16"), "openvino-int8": lambda *a: run_openvino(*a, precision="int8"),
            "ctranslate2": run_ctranslate2}[peer]
    run = make(family, model if peer != "ctranslate2" else os.environ["BENCH_CT2"], items)
    size = int(sys.argv[6]) if len(sys.argv) > 6 else pick(run, family, items)
    made = list(batches(items, size))
    np.save(out, encode(run, family, made, len(items)))
    print(json.dumps({"ready": True, "batch": size, "items": len(items)}), flush=True)
    for line in sys.stdin:
        if line.strip() != "go":
            break
        print(json.dumps(timed(lambda: encode(run, family, made, len(items)))[0]), flush=True)


main()
