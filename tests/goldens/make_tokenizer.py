#!/usr/bin/env python3
"""Writes tests/goldens/tokenizer/: small tokenizers and what Hugging Face's tokenizers and transformers make of texts.

One directory per tokenizer, each a model directory without weights; texts.json: the texts as hex; and in each directory
cases.json: for every text the number of ids and a hash of them (FNV-1a, 64 bits, over little-endian 32-bit integers).
usage: tests/goldens/make_tokenizer.py     needs tokenizers, transformers
"""
import json
import pathlib
import struct
import sys

import transformers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "parity"))
import tokens as parity
from make_media import fnv

OUT = pathlib.Path(__file__).parent / "tokenizer"
CORPUS = """A photo of a cat. Two dogs run through the snow, and they're happy! It's 1,234.56 degrees.
Der Bär läuft über die Straße; l'été est déjà là. naïve café résumé Ångström İstanbul
the quick brown fox jumps over the lazy dog's back while I'll watch you've done it we'd say I'm not
机器学习 很 有趣 日本語 テスト 한국어 🙂 👍🏽 x_y #tag @user http://example.org/a?b=c unbelievable running runner""".split("\n")


def texts():
    yield from (t.encode() for t in CORPUS)
    yield from (t if isinstance(t, bytes) else t.encode() for t in parity.nasty() if len(t) < 2000)
    yield from (b"a" * 3000, b"ab" * 1500, ("é" * 101).encode())
    yield from parity.random_texts(150)


def write(name, model_type, files, encode):
    path = OUT / name
    path.mkdir(parents=True, exist_ok=True)
    (path / "model.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}")
    (path / "config.json").write_text(json.dumps({"model_type": model_type, "max_position_embeddings": 77}) + "\n")
    for file, text in files.items():
        (path / file).write_text(text, encoding="utf-8")
    ids = [encode(t.decode("utf-8", errors="replace")) for t in texts()]
    rows = ",\n".join(json.dumps({"n": len(x), "fnv": fnv(struct.pack(f"<{len(x)}i", *x))}) for x in ids)
    (path / "cases.json").write_text(f"[\n{rows}\n]\n")


def wordpiece():
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer()
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    t.train_from_iterator(CORPUS * 3, trainers.WordPieceTrainer(vocab_size=420, special_tokens=special, show_progress=False))
    t.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    t.add_tokens([AddedToken("unbeLIEVable", normalized=True, single_word=True), AddedToken("<x y>", lstrip=True, rstrip=True, normalized=False)])
    return t


def byte_level(suffix):
    end = dict(end_of_word_suffix=suffix) if suffix else {}
    t = Tokenizer(models.BPE(**({"unk_token": "<|endoftext|>"} if suffix else {}), **end))
    byte = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if suffix:
        j = json.loads(parity.clip_tokenizer_json({"<|startoftext|>": 49406, "<|endoftext|>": 49407}, []))
        clip = Tokenizer.from_str(json.dumps(j))
        t.normalizer, t.pre_tokenizer = clip.normalizer, clip.pre_tokenizer
    else:
        t.pre_tokenizer = byte
    special = ["<|startoftext|>", "<|endoftext|>"] if suffix else ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    letters = pre_tokenizers.ByteLevel.alphabet()
    t.train_from_iterator(CORPUS * 3, trainers.BpeTrainer(vocab_size=700, special_tokens=special, initial_alphabet=letters, **end, show_progress=False))
    return t


def main():
    OUT.mkdir(exist_ok=True)
    (OUT / "texts.json").write_text("[\n" + ",\n".join(json.dumps(t.hex()) for t in texts()) + "\n]\n")
    t = wordpiece()
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 64}
    write("wordpiece", "bert", {"tokenizer.json": t.to_str(), "tokenizer_config.json": json.dumps(config)}, lambda s: t.encode(s).ids)
    vocab = "\n".join(sorted(t.get_vocab(False), key=t.get_vocab(False).get)) + "\n"
    for name, config in {"vocab_cased": {"do_lower_case": False}, "vocab_kept": {"strip_accents": False, "tokenize_chinese_chars": False}}.items():
        files = {"vocab.txt": vocab, "tokenizer_config.json": json.dumps({"tokenizer_class": "BertTokenizer", **config})}
        bert = transformers.BertTokenizer(vocab={w: i for i, w in enumerate(vocab.split("\n")[:-1])}, **config)
        write(name, "bert", files, lambda s: bert(s)["input_ids"])
    # CLIP with the letters that end a word, which a trainer leaves out where it has not seen them
    model = json.loads(byte_level("</w>").to_str())["model"]
    vocab, merges = model["vocab"], [tuple(m) for m in model["merges"]]
    for letter in sorted(pre_tokenizers.ByteLevel.alphabet()):
        vocab.setdefault(letter + "</w>", len(vocab))
    clip = transformers.CLIPTokenizer(vocab=vocab, merges=merges)
    clip_files = {"vocab.json": json.dumps(vocab), "merges.txt": "#version: 0.2\n" + "".join(" ".join(m) + "\n" for m in merges)}
    write("clip", "clip", clip_files, lambda s: clip(s)["input_ids"])
    j = json.loads(parity.clip_tokenizer_json(vocab, merges))
    for token in j["added_tokens"]:
        token["id"] = vocab[token["content"]]
    j["post_processor"].update(sep=["<|endoftext|>", vocab["<|endoftext|>"]], cls=["<|startoftext|>", vocab["<|startoftext|>"]])
    t = Tokenizer.from_str(json.dumps(j))
    write("clip_json", "clip", {"tokenizer.json": t.to_str()}, lambda s: t.encode(s).ids)
    t = byte_level("")
    model = json.loads(t.to_str())["model"]
    roberta = transformers.RobertaTokenizer(vocab=model["vocab"], merges=[tuple(m) for m in model["merges"]])
    files = {"vocab.json": json.dumps(model["vocab"]), "merges.txt": "".join(" ".join(m) + "\n" for m in model["merges"])}
    write("roberta", "roberta", files, lambda s: roberta(s)["input_ids"])


if __name__ == "__main__":
    main()
