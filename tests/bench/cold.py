#!/usr/bin/env python3
"""What a user would write to get one vector: cold.py WAY MODEL INPUT; WAY is the package that does it."""
import os
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
way, model, given = sys.argv[1:]


def image_transformers():
    import torch
    from PIL import Image
    from transformers import AutoImageProcessor, AutoModel

    prepare, net = AutoImageProcessor.from_pretrained(model, backend="pil"), AutoModel.from_pretrained(model)
    with torch.inference_mode():
        return net(**prepare(Image.open(given).convert("RGB"), return_tensors="pt")).last_hidden_state[0, 0].numpy()


def session(name, precision):
    """f(inputs by name) → first output, by onnxruntime (fp32, int8) or OpenVINO."""
    path = f"{os.environ['BENCH_ONNX']}/{name}{'.int8' if precision == 'int8' else ''}.onnx"
    if precision == "openvino":
        import openvino as ov

        core = ov.Core()
        net = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"})
        return lambda given: net(list(given.values()))[0]
    import onnxruntime as ort

    s = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [i.name for i in s.get_inputs()]
    return lambda given: s.run(None, dict(zip(names, given.values())))[0]


def image_exported(precision):
    import numpy as np
    from PIL import Image

    img = Image.open(given).convert("RGB")
    f = 256 / min(img.size)
    w, h = round(img.width * f), round(img.height * f)
    img = img.resize((w, h), Image.BICUBIC).crop(((w - 224) // 2, (h - 224) // 2, (w - 224) // 2 + 224, (h - 224) // 2 + 224))
    x = ((np.float32(img) / 255 - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])).transpose(2, 0, 1)[None]
    return session("imgfocus-vits14", precision)({"pixel_values": np.ascontiguousarray(x)})[0, 0]


def image_onnxruntime():
    return image_exported("fp32")


def image_onnxruntime_int8():
    return image_exported("int8")


def image_openvino():
    return image_exported("openvino")


def text_transformers():
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokens, net = AutoTokenizer.from_pretrained(model)(given, return_tensors="pt"), AutoModel.from_pretrained(model)
    with torch.inference_mode():
        v = net(**tokens).last_hidden_state[0].mean(0)
        return (v / v.norm()).numpy()


def text_sentence_transformers():
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(model, device="cpu").encode([given])[0]


def text_exported(precision):
    import numpy as np
    from tokenizers import Tokenizer

    t = Tokenizer.from_file(model + "/tokenizer.json")
    t.no_padding()
    ids = np.int64([t.encode(given).ids])
    v = session("minilm-l6", precision)({"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)})[0].mean(0)
    return v / np.linalg.norm(v)


def text_onnxruntime():
    return text_exported("fp32")


def text_onnxruntime_int8():
    return text_exported("int8")


def text_openvino():
    return text_exported("openvino")


print(*globals()[way.replace("-", "_")]()[:3])
