#!/usr/bin/env python3
"""Token ids against Hugging Face's tokenizers: 0 differing texts.

usage: tests/parity/tokens.py [--minilm DIR] [--clip BPE.txt.gz] [--random N]
--clip: bpe_simple_vocab_16e6.txt.gz of the open_clip_torch wheel (or the wheel itself).
Needs `make probes` and tokenizers; with transformers its CLIPTokenizer, BertTokenizer, RobertaTokenizer are compared too.
"""
import argparse
import gzip
import io
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import zipfile

import tokenizers

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROBE = pathlib.Path(os.environ.get("MM_BUILD", ROOT / "build")) / "parity" / "probe_tokens"
DATA = pathlib.Path(os.environ.get("MM_DATA", ROOT / ".." / "shared" / "data"))


def ours(model, texts):
    data = b"".join(struct.pack("<I", len(t)) + t for t in texts)
    out = subprocess.run([PROBE, model], input=data, stdout=subprocess.PIPE, check=True).stdout
    ids, at = [], 0
    while at < len(out):
        (n,) = struct.unpack_from("<I", out, at)
        ids.append(list(struct.unpack_from(f"<{n}i", out, at + 4)))
        at += 4 + 4 * n
    return ids


# ---- texts ----


def corpora():
    for name in ("stsb", "agnews", "sst2"):
        lines = []
        for path in sorted((DATA / name).rglob("*")):
            if path.is_file() and path.suffix in (".tsv", ".csv", ".txt"):
                lines += [x for x in path.read_bytes().splitlines() if x]
        if lines:
            yield name, lines
    every = [chr(c) for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000]
    yield "every code point, 64 a text", ["".join(every[i : i + 64]).encode() for i in range(0, len(every), 64)]
    yield "every code point within a word", [f"a{c}b {c}".encode() for c in every if ord(c) < 0x20000]
    yield "nasty", [t if isinstance(t, bytes) else t.encode() for t in nasty()]


def nasty():
    yield from ("", " ", "\n", "\0", "a\0b", "\ufeffx", "[MASK]", "a[MASK]b", "[mask] [CLS]", "[ MASK ]", "[UNK][SEP]", "##ing ##")
    yield from ("<|endoftext|>", "a<|endoftext|> b", "<|STARTOFTEXT|>x", "!<|endoftext|>!", "<|EndOfText|>!", "<|startoftext|")
    yield from ("<mask>", "a <mask> b", "<s></s>", "it's I'LL we'Re they'd 'twas o''s ''s '", "don't\u2019t")
    yield from ("👩‍👩‍👧‍👦 👍🏽 🇩🇪", "e\u0301 \u0065\u0323\u0307 \u1e69 \u0344 ế Ǻ", "ﬁ ﬀ Å Ω K", "İstanbul IĞDIR ẞ ΣΑΣ", "½ ² ⅷ ١٢٣ 〇")
    yield from ("汉字仮名交じり文 ハングル 한국어 각 각", "𠀀𪜶𫝀𫠠 豈 丽", "ก็ नी ش‌ن‌", "\u202eabc\u202c \u200b\u200d\u2060", "a\u0085b\u2028c\u3000d\u00a0e\x0bf\x0cg")
    yield from ("\x01\x02\x7f\x80\x9f", "\ud7ff\ue000\uf8ff\ufffd\ufffe\uffff", "\U0010ffff \U000e0001 \U000f0000", "x" * 99, "x" * 100, "x" * 101)
    yield from ("é" * 100, "é" * 101, "漢" * 1000, "a" * 100_000, "ab" * 50_000, "!" * 100_000, "\u0301" * 100_000, "a\u0323\u0307" * 30_000)
    yield from (b"\xff\xfe", b"a\x80b", b"\xe2\x82", b"\xe2\x82A", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80")
    yield from (b"\xe0\x80\x80", b"\xf0\x80\x80\x80x", b"ok \xc3", b"\xc3(", "Grüße".encode("latin-1"), "日本".encode("shift_jis"), "текст".encode("cp1251"))
    yield from ("http://a.b/c?d=e&f#g", "1,234.56$ 5%-6 7/8 a_b __c__", "tab\tnew\r\nline  two   three ", "\u1e9e\u0130\u0307i\u0307", "\U00011935\u0301 \u0b94\u0bbe")


def random_texts(count):
    rng = random.Random(4)
    pools = [range(0x20, 0x7F), range(0, 0x250), range(0x300, 0x370), range(0x370, 0x600), range(0x900, 0xE00), range(0x1E00, 0x3100), range(0x4E00, 0x4F00)]
    pools += [range(0xAC00, 0xAD00), range(0x1F300, 0x1FA00), range(1, 0xD800), range(0xE000, 0x110000), [ord(c) for c in "'’-_ \t\n"]]
    for _ in range(count):
        text = ""
        for _ in range(rng.randint(1, 12)):
            pool = rng.choice(pools)
            text += "".join(chr(rng.choice(pool)) for _ in range(rng.randint(1, 6)))
        raw = text.encode()
        if rng.random() < 0.2:
            raw = bytes(b ^ (1 << rng.randrange(8)) if rng.random() < 0.1 else b for b in raw)
        yield raw


# ---- models: a directory for us, an encode function of the reference ----


def directory(base, name, files):
    path = pathlib.Path(base) / name
    path.mkdir()
    (path / "model.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}")
    for file, text in files.items():
        (path / file).write_text(text, encoding="utf-8")
    return path


def plain(path):
    t = tokenizers.Tokenizer.from_file(str(path))
    t.no_truncation()
    t.no_padding()
    return lambda text: t.encode(text).ids


def clip_files(source):
    data = pathlib.Path(source).read_bytes()
    if str(source).endswith(".whl"):
        archive = zipfile.ZipFile(io.BytesIO(data))
        data = archive.read(next(n for n in archive.namelist() if n.endswith("bpe_simple_vocab_16e6.txt.gz")))
    merges = gzip.decompress(data).decode().split("\n")[1 : 49152 - 256 - 2 + 1]
    letters = [chr(c) for c in (*range(33, 127), *range(161, 173), *range(174, 256))] + [chr(256 + i) for i in range(68)]
    tokens = letters + [c + "</w>" for c in letters] + ["".join(m.split()) for m in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return {t: i for i, t in enumerate(tokens)}, merges


def clip_tokenizer_json(vocab, merges):
    """The settings of openai/clip-vit-base-patch32's tokenizer.json."""
    special = dict(single_word=False, lstrip=False, rstrip=False, special=True)
    pattern = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    j = dict(version="1.0", truncation=None, padding=None)
    j["added_tokens"] = [dict(id=49406, content="<|startoftext|>", normalized=True, **special), dict(id=49407, content="<|endoftext|>", normalized=False, **special)]
    j["normalizer"] = dict(type="Sequence", normalizers=[dict(type="NFC"), dict(type="Replace", pattern=dict(Regex=r"\s+"), content=" "), dict(type="Lowercase")])
    split = dict(type="Split", pattern=dict(Regex=pattern), behavior="Removed", invert=True)
    j["pre_tokenizer"] = dict(type="Sequence", pretokenizers=[split, dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True)])
    j["post_processor"] = dict(type="RobertaProcessing", sep=["<|endoftext|>", 49407], cls=["<|startoftext|>", 49406], trim_offsets=False, add_prefix_space=False)
    j["decoder"] = None
    j["model"] = dict(type="BPE", dropout=None, unk_token="<|endoftext|>", continuing_subword_prefix="", end_of_word_suffix="</w>", fuse_unk=False, vocab=vocab, merges=merges)
    return json.dumps(j)


def models(args, base):
    minilm = pathlib.Path(args.minilm)
    have_transformers = True
    try:
        import transformers
    except ImportError:
        have_transformers = False
    if (minilm / "tokenizer.json").exists():
        yield "MiniLM, tokenizer.json", minilm, plain(minilm / "tokenizer.json")
        if have_transformers:
            files = {"config.json": '{"model_type": "bert"}', "vocab.txt": (minilm / "vocab.txt").read_text(encoding="utf-8")}
            for name, config in {
                "uncased": {},
                "cased": {"do_lower_case": False},
                "cased, accents stripped": {"do_lower_case": False, "strip_accents": True},
                "uncased, accents kept": {"strip_accents": False, "tokenize_chinese_chars": False},
            }.items():
                path = directory(base, name, {**files, "tokenizer_config.json": json.dumps({"tokenizer_class": "BertTokenizer", **config})})
                reference = transformers.BertTokenizer.from_pretrained(path)
                yield f"vocab.txt, {name}", path, lambda text, r=reference: r(text)["input_ids"]
    if args.clip:
        vocab, merges = clip_files(args.clip)
        files = {"config.json": '{"model_type": "clip"}', "tokenizer.json": clip_tokenizer_json(vocab, merges)}
        path = directory(base, "clip_json", files)
        yield "CLIP, tokenizer.json", path, plain(path / "tokenizer.json")
        if have_transformers:
            bpe = {"config.json": '{"model_type": "clip"}', "vocab.json": json.dumps(vocab), "merges.txt": "#version: 0.2\n" + "\n".join(merges)}
            path = directory(base, "clip_files", bpe)
            clip = transformers.CLIPTokenizer(vocab=vocab, merges=[tuple(m.split()) for m in merges])
            yield "CLIP, vocab.json + merges.txt", path, lambda text: clip(text)["input_ids"]
            # no RoBERTa vocabulary comes in a package: CLIP's merges without their ends of words stand in
            inner = [m for m in merges if "</w>" not in m]
            letters = [t for t in vocab if len(t) == 1]
            tokens = ["<s>", "<pad>", "</s>", "<unk>"] + letters + ["".join(m.split()) for m in inner] + ["<mask>"]
            vocab = {t: i for i, t in enumerate(dict.fromkeys(tokens))}
            bpe = {"config.json": '{"model_type": "roberta"}', "vocab.json": json.dumps(vocab), "merges.txt": "#version: 0.2\n" + "\n".join(inner)}
            path = directory(base, "roberta_files", bpe)
            roberta = transformers.RobertaTokenizer(vocab=vocab, merges=[tuple(m.split()) for m in inner])
            yield "RoBERTa, vocab.json + merges.txt", path, lambda text: roberta(text)["input_ids"]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--minilm", default=os.environ.get("MM_MODELS", "/tmp/models") + "/minilm-l6")
    p.add_argument("--clip")
    p.add_argument("--random", type=int, default=20000)
    args = p.parse_args()
    sets = [*corpora(), ("random", list(random_texts(args.random)))]
    bad = 0
    with tempfile.TemporaryDirectory() as base:
        for name, path, reference in models(args, base):
            for kind, texts in sets:
                different = 0
                for text, got in zip(texts, ours(path, texts), strict=True):
                    want = reference(text.decode("utf-8", errors="replace"))
                    if got != want:
                        different += 1
                        if different <= 3:
                            print(f"   {text[:60]!r}: {got[:24]} instead of {want[:24]}")
                print(f"{name:34} {kind:32} {len(texts):7} texts, {different} differ", flush=True)
                bad += different
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
