#!/usr/bin/env python3
"""Imported models against the programs their files were made for.

    import.py [--mm-model PROGRAM] [--onnx vit_s_focus.onnx] [--ct2 DIRECTORY] [--tiny]

--onnx: an ONNX export of a DINOv2 backbone is imported; onnxruntime's output of the last layer norm is compared with
        transformers' Dinov2Model loaded from the imported directory.
--ct2:  a CTranslate2 Whisper directory is imported; ctranslate2's encoder and decoder scores are compared with
        transformers' WhisperForConditionalGeneration loaded from the imported directory.
--tiny: random models of every architecture are exported by torch, imported, loaded by transformers without a missing
        or unexpected weight, and compared with the models they were exported from.

Prints one line per comparison: name, lowest cosine over positions, PASS or FAIL; exits 1 if any fails.
Needs torch, transformers, onnx, onnxruntime, ctranslate2; onnxscript for torch's newer exporter.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import torch
import transformers

warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
BAR = 0.999999
failed = False


def lowest_cosine(a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape:
        return float("nan")
    dot = (a * b).sum(-1)
    return float((dot / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))).min())


def report(name, cosine, bar=BAR):
    global failed
    ok = cosine >= bar
    failed |= not ok
    print(f"{name:52s} {cosine:.9f} {'PASS' if ok else 'FAIL'}", flush=True)


def run_import(program, source, name, *more):
    dest = pathlib.Path(tempfile.mkdtemp()) / name
    subprocess.run([program, "import", *more, str(source), str(dest)], check=True)
    subprocess.run([program, "-q", "verify", str(dest)], check=True)
    return dest


def load(cls, path, **more):
    model, info = cls.from_pretrained(path, output_loading_info=True, dtype=torch.float32, **more)
    bad = {k: v for k, v in info.items() if v and k != "error_msgs"}
    if bad:
        print(f"{path.name}: {bad}")
        globals()["failed"] = True
    return model.eval()


def check_onnx(program, path):
    import onnx
    import onnxruntime

    graph = onnx.load(path)
    last = [n.output[0] for n in graph.graph.node if n.name.endswith("/layernorm/Add_1")][-1]
    graph.graph.output.append(onnx.helper.make_tensor_value_info(last, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).standard_normal((2, 3, 224, 224)).astype(np.float32)
    want = session.run([last], {session.get_inputs()[0].name: x})[0]
    model = load(transformers.Dinov2Model, run_import(program, path, "imported"))
    with torch.no_grad():
        got = model(torch.from_numpy(x)).last_hidden_state.numpy()
    report("ONNX DINOv2, every position", lowest_cosine(got, want))


def check_ct2(program, path):
    import ctranslate2

    x = np.random.default_rng(0).standard_normal((1, 80, 3000)).astype(np.float32) * 0.3
    reference = ctranslate2.models.Whisper(str(path), device="cpu", compute_type="float32")
    encoded = reference.encode(ctranslate2.StorageView.from_array(x))
    model = load(transformers.WhisperForConditionalGeneration, run_import(program, path, "imported"))
    with torch.no_grad():
        got = model.model.encoder(torch.from_numpy(x)).last_hidden_state
    report("CTranslate2 Whisper encoder, every frame", lowest_cosine(got.numpy(), np.array(encoded)))
    # the decoder, through the one number ctranslate2 gives for it: log-probabilities of the language tokens
    want = dict(reference.detect_language(encoded)[0])
    with torch.no_grad():
        logits = model(encoder_outputs=(got,), decoder_input_ids=torch.tensor([[50258]])).logits[0, -1]
    tokens = transformers.PreTrainedTokenizerFast(tokenizer_file=str(pathlib.Path(path) / "tokenizer.json"))
    ids = {t: tokens.convert_tokens_to_ids(t) for t in want}
    picked = torch.softmax(logits[[ids[t] for t in want]], -1).numpy()
    report("CTranslate2 Whisper decoder, languages", lowest_cosine(picked, np.array(list(want.values()))))


def outside(path):
    """Moves the weights of an ONNX file into a file beside it."""
    import onnx

    onnx.save_model(onnx.load(path), path, save_as_external_data=True, location="model.onnx.data", size_threshold=0)


def tiny_models():
    t = transformers
    base = dict(hidden_size=48, num_hidden_layers=2, num_attention_heads=3, intermediate_size=96)
    audio = dict(base, conv_dim=[32] * 3, conv_kernel=[10, 3, 2], conv_stride=[5, 2, 2], num_conv_pos_embeddings=16,
                 num_conv_pos_embedding_groups=4)
    large = dict(audio, feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=True)
    image, ids, wave = torch.randn(1, 3, 32, 32), torch.tensor([[97, 5, 7, 9, 98]]), torch.randn(1, 1600)
    yield "ViT classifier", t.ViTForImageClassification(t.ViTConfig(**base, image_size=32, patch_size=8, num_labels=5)), image
    yield "DINOv2", t.Dinov2Model(t.Dinov2Config(**{k: v for k, v in base.items() if k[0] != "i"}, image_size=32, patch_size=8)), image
    yield "DINOv2, equal weights shared", t.Dinov2Model(t.Dinov2Config(**{k: v for k, v in base.items() if k[0] != "i"}, image_size=32, patch_size=8)), image
    yield "BERT, weights in a file beside it", t.BertModel(t.BertConfig(**base, vocab_size=99, max_position_embeddings=40), add_pooling_layer=False), ids
    yield "BERT", t.BertModel(t.BertConfig(**base, vocab_size=99, max_position_embeddings=40), add_pooling_layer=False), ids
    yield "CLIP vision", t.CLIPVisionModelWithProjection(t.CLIPVisionConfig(**base, image_size=32, patch_size=8, projection_dim=24)), image
    yield "CLIP text", t.CLIPTextModelWithProjection(t.CLIPTextConfig(**base, vocab_size=99, max_position_embeddings=20, projection_dim=24, bos_token_id=97, eos_token_id=98)), ids
    yield "Wav2Vec2 base", t.Wav2Vec2Model(t.Wav2Vec2Config(**audio)), wave
    yield "Wav2Vec2 large", t.Wav2Vec2Model(t.Wav2Vec2Config(**large)), wave
    yield "HuBERT base", t.HubertModel(t.HubertConfig(**audio)), wave


def check_tiny(program):
    try:
        import onnxscript
    except ImportError:
        onnxscript = None
        print("onnxscript is missing: torch's newer exporter is not tested")
    global failed
    for dynamo in [False, True] if onnxscript else [False]:
        torch.manual_seed(0)
        for name, model, x in tiny_models():
            if dynamo and "shared" in name:  # that exporter drops the second name: nothing tells it
                continue
            try:
                check_exported(program, name, model, x, dynamo)
            except subprocess.CalledProcessError:  # mm-model has said why
                print(f"{name}: not imported")
                failed = True


def export(model, x, path, dynamo):
    if dynamo:
        torch.onnx.export(model, (x,), path, dynamo=True, input_names=["x"], output_names=["y"], external_data=False,
                          verbose=False, dynamic_shapes=({1: "length"},) if x.dtype == torch.int64 else None)
    else:
        torch.onnx.export(model, (x,), path, dynamo=False, opset_version=17, input_names=["x"], output_names=["y"],
                          dynamic_axes={"x": {0: "batch"}})


def check_exported(program, name, model, x, dynamo):
    model.eval()
    for p in model.parameters():  # zeros and ones would hide a weight that went to the wrong place
        if (p.std() == 0 or p.numel() == 1) and "shared" not in name:
            p.data += 0.1 * torch.randn_like(p)
    with torch.no_grad():
        want = model(x)[0].numpy()
    forward = model.forward
    model.forward = lambda x: forward(x)[0]
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "model.onnx")
        export(model, x, path, dynamo)
        if "beside" in name:
            outside(path)
        more = ["--set", "model_type=hubert"] if name.startswith("HuBERT") else []
        dest = run_import(program, path, "imported", *more)
    again = load(type(model), dest, **({"add_pooling_layer": False} if name.startswith("BERT") else {}))
    with torch.no_grad():
        report(f"ONNX{' (dynamo)' if dynamo else ''} {name}", lowest_cosine(again(x)[0].numpy(), want))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--mm-model", default="mm-model")
    p.add_argument("--onnx")
    p.add_argument("--ct2")
    p.add_argument("--tiny", action="store_true")
    o = p.parse_args()
    if o.onnx:
        check_onnx(o.mm_model, o.onnx)
    if o.ct2:
        check_ct2(o.mm_model, o.ct2)
    if o.tiny:
        check_tiny(o.mm_model)
    sys.exit(failed)


if __name__ == "__main__":
    main()
