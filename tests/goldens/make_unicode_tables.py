#!/usr/bin/env python3
"""Writes lib/tokenize/unicode_tables.inc: the character classes that Hugging Face's tokenizers go by.

The tokenizers library takes its classes from three different versions of Unicode (its BERT normaliser from 8.0, its
regular expressions from the Oniguruma it was built with, lower case from Rust's), and a system's utf8proc has a fourth.
So the classes are asked of the library itself, one code point at a time, and kept as ranges.

usage: tests/goldens/make_unicode_tables.py > lib/tokenize/unicode_tables.inc     needs tokenizers
"""
import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

POINTS = [c for c in range(1, 0x110000) if not 0xD800 <= c <= 0xDFFF]


def bert(**on):
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**off, **on})


def classes():
    clean, strip, words = bert(clean_text=True), bert(strip_accents=True), pre_tokenizers.BertPreTokenizer()
    letter = normalizers.Replace(Regex(r"\p{L}"), "")
    number = normalizers.Replace(Regex(r"\p{N}"), "")
    yield "DROPPED", "control characters that BERT's clean-up drops", lambda s: clean.normalize_str(s) == ""
    yield "PUNCTUATION", "what BERT splits off as a word of its own", lambda s: len(words.pre_tokenize_str(f"a{s}b")) == 3
    yield "ACCENT", "nonspacing marks that BERT strips", lambda s: strip.normalize_str(s) == ""
    nfd = normalizers.NFD()  # 0x345 and 0x334 have the highest and the lowest class but 0
    moves = lambda s: any(nfd.normalize_str(t) != t for t in ("\u0345" + s, s + "\u0334"))
    alone = lambda s: nfd.normalize_str(s) == s
    yield "MARK", "marks that canonical ordering sorts", lambda s: alone(s) and moves(s)
    yield "LETTER", r"\p{L} of the regular expressions", lambda s: letter.normalize_str(s) == ""
    yield "NUMBER", r"\p{N} of the regular expressions", lambda s: number.normalize_str(s) == ""


def ranges(points):
    out = []
    for c in points:
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        elif out and set(range(out[-1][1] + 1, c)) <= set(range(0xD800, 0xE000)):
            out[-1][1] = c  # surrogates never reach a class
        else:
            out.append([c, c])
    return out


def main():
    print(f"/* Written by tests/goldens/make_unicode_tables.py from tokenizers {tokenizers.__version__}: edit that instead.")
    print(" * First and last code point of each range, in order. */")
    for name, what, holds in classes():
        print(f"\n/* {what} */\nstatic const range {name}[] = {{")
        rows = [f"{{0x{a:x}, 0x{b:x}}}," for a, b in ranges(c for c in POINTS if holds(chr(c)))]
        line = "   "
        for row in rows:
            if len(line) + 1 + len(row) > 118:
                print(line)
                line = "   "
            line += " " + row
        print(line + "\n};")


if __name__ == "__main__":
    main()
