#!/usr/bin/env python3
"""Writes tests/goldens/onnx, tests/goldens/ct2 and tests/goldens/safetensors: small random models in the formats that are imported, made
by the programs that write those formats in earnest, beside what must come out.

    make_import.py            (torch, transformers, onnx, onnxscript, ctranslate2, safetensors)

onnx/NAME.onnx, ct2/TYPE/model.bin  the sources: torch.onnx.export, ctranslate2's converter
onnx/NAME.json, ct2/whisper.json
                  {"config": members that config.json must have, "tensors": {name: [shape, sum, sum of squares]}}, from
                  the model that was exported, under the names that transformers' save_pretrained gives
safetensors/      files and sharded directories that the reference writer wrote
"""
import json
import pathlib
import tempfile
import warnings

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
import transformers as t

warnings.filterwarnings("ignore")
t.logging.set_verbosity_error()
HERE = pathlib.Path(__file__).parent
BASE = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)


def randomise(model):
    for p in model.parameters():  # zeros and ones would hide a weight that went to the wrong place
        if p.std() == 0 or p.numel() == 1:
            p.data += 0.1 * torch.randn_like(p)
    return model.eval()


def sums(v):
    v = v.double()
    return [list(v.shape), v.sum().item(), (v * v).sum().item()]


def expectation(path, model, keys, leave_out=()):
    with tempfile.TemporaryDirectory() as d:
        model.save_pretrained(d)
        saved = safetensors.torch.load_file(d + "/model.safetensors")
        config = json.load(open(d + "/config.json"))
    tensors = {}
    for k, v in saved.items():
        if not any(x in k for x in leave_out):
            tensors[k.replace("parametrizations.weight.original0", "weight_g")
                     .replace("parametrizations.weight.original1", "weight_v")] = sums(v)
    want = {"config": {k: config[k] for k in keys}, "tensors": tensors}
    (HERE / f"{path}.json").write_text(json.dumps(want, indent=0) + "\n")


def export(name, model, x, keys, leave_out=()):
    randomise(model)
    expectation(f"onnx/{name}", model, keys, leave_out)
    forward = model.forward
    model.forward = lambda x: forward(x)[0]
    torch.onnx.export(model, (x,), str(HERE / f"onnx/{name}.onnx"), dynamo=False, opset_version=17, input_names=["x"],
                      output_names=["y"], dynamic_axes={"x": {0: "batch"}})


def onnx_models():
    common = ["model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "hidden_act", "layer_norm_eps"]
    image = common + ["image_size", "patch_size"]
    x = torch.randn(1, 3, 12, 12)
    export("vit", t.ViTForImageClassification(t.ViTConfig(**BASE, image_size=12, patch_size=4, num_labels=3)), x, image)
    export("dinov2", t.Dinov2Model(t.Dinov2Config(**{k: v for k, v in BASE.items() if k[0] != "i"} | {"num_hidden_layers": 2}, image_size=12,
                                                  patch_size=4, mlp_ratio=2)), x, image + ["mlp_ratio"], ["mask_token"])
    export("bert", t.BertModel(t.BertConfig(**BASE, vocab_size=30, max_position_embeddings=12), add_pooling_layer=False),
           torch.tensor([[1, 5, 7, 9]]), common + ["vocab_size", "max_position_embeddings", "type_vocab_size"])
    audio = dict(BASE, conv_dim=[16, 16], conv_kernel=[10, 3], conv_stride=[5, 2], num_conv_pos_embeddings=8,
                 num_conv_pos_embedding_groups=4)
    export("wav2vec2", t.Wav2Vec2Model(t.Wav2Vec2Config(**audio)), torch.randn(1, 400),
           common + ["conv_dim", "conv_kernel", "conv_stride", "num_conv_pos_embeddings",
                     "num_conv_pos_embedding_groups", "feat_extract_norm", "do_stable_layer_norm", "conv_bias"],
           ["masked_spec_embed"])


def strip(path):
    """Takes everything out of the nodes' metadata but what names their modules."""
    import onnx

    model = onnx.load(path)
    del model.graph.value_info[:], model.metadata_props[:], model.functions[:]
    for item in [*model.graph.node, *model.graph.initializer]:
        kept = [(p.key, p.value) for p in item.metadata_props if p.key == "pkg.torch.onnx.name_scopes"]
        del item.metadata_props[:]
        for k, v in kept if hasattr(item, "op_type") else []:
            item.metadata_props.add(key=k, value=v)
        item.doc_string = ""
    onnx.save(model, path)


def newer_exporter():
    keys = ["model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "hidden_act", "image_size", "patch_size"]
    model = randomise(t.CLIPVisionModelWithProjection(t.CLIPVisionConfig(**BASE, image_size=12, patch_size=4, projection_dim=6)))
    expectation("onnx/clip-dynamo", model, keys)
    forward = model.forward
    model.forward = lambda x: forward(x)[0]
    path = str(HERE / "onnx/clip-dynamo.onnx")
    torch.onnx.export(model, (torch.randn(1, 3, 12, 12),), path, dynamo=True, input_names=["x"], output_names=["y"],
                      external_data=False, verbose=False)
    strip(path)


def whisper():
    from ctranslate2.converters import transformers as converter

    model = t.WhisperForConditionalGeneration(t.WhisperConfig(
        vocab_size=40, num_mel_bins=8, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, max_source_positions=10,
        max_target_positions=6, pad_token_id=0, bos_token_id=0, eos_token_id=0, decoder_start_token_id=1))
    keys = ["model_type", "d_model", "encoder_layers", "decoder_layers", "encoder_attention_heads", "num_mel_bins",
            "max_source_positions", "vocab_size"]
    expectation("ct2/whisper", randomise(model), keys, ["proj_out"])
    for quantisation in ("float32", "float16", "int8"):
        spec = converter._MODEL_LOADERS["WhisperConfig"].get_model_spec(model)
        spec.register_vocabulary([f"t{i}" for i in range(40)])
        spec.validate()
        spec.optimize(quantization=quantisation)
        out = HERE / "ct2" / quantisation
        out.mkdir(parents=True, exist_ok=True)
        spec.config.alignment_heads = [[0, 0]]
        spec.save(str(out))
        for extra in out.iterdir():
            if extra.name != "model.bin":
                extra.unlink()


def safetensors_files():
    out = HERE / "safetensors"
    out.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    types = {k: rng.integers(-9, 9, (3, 2)).astype(k) for k in ("float32", "float16", "float64", "int64", "int32", "int16", "int8")}
    types.update({k: rng.integers(0, 9, (3, 2)).astype(k) for k in ("uint8", "uint16", "uint32", "uint64", "bool")})
    types.update(scalar=np.array(1.5, np.float32), empty=np.zeros((0, 4), np.float32))
    safetensors.numpy.save_file(types, out / "types.safetensors", metadata={"format": "np", "note": "größer"})
    safetensors.torch.save_file({"a": torch.arange(6.0).reshape(2, 3).bfloat16()}, out / "bf16.safetensors")
    safetensors.torch.save_file({}, out / "none.safetensors")
    model = randomise(t.BertModel(t.BertConfig(**BASE, vocab_size=20, max_position_embeddings=8)))
    model.save_pretrained(out / "sharded", max_shard_size="6KB")


if __name__ == "__main__":
    torch.manual_seed(0)
    (HERE / "onnx").mkdir(exist_ok=True)
    onnx_models()
    whisper()
    safetensors_files()
    newer_exporter()
