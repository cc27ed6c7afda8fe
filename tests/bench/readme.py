#!/usr/bin/env python3
"""Writes README.md's figures out of tests/bench/RESULTS.md and tests/gpu/RESULTS.md, between the comments <!-- figures: NAME -->
and <!-- end -->. `make readme` runs it; with --check (tests/bats/readme.bats) it changes nothing and fails where they differ."""
import difflib
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = {"ViT-B/16", "CLIP ViT-B/32, vision", "BERT-base, 128 tokens", "Wav2Vec2-base, 10 s clips"}
PRECISIONS = ("fp32", "bf16", "int8")


def sections(text):
    """{heading: its lines}"""
    parts = re.split(r"^#+ (.*)$", text, flags=re.M)
    return {heading: body.strip().splitlines() for heading, body in zip(parts[1::2], parts[2::2])}


def rows(lines):
    """The cells of the first table among the lines, without its head; an empty first cell is the one above it."""
    table, first = [], ""
    for line in lines:
        if line.startswith("|"):
            cells = [c.strip().replace(r"\|", "|") for c in re.split(r"(?<!\\)\|", line)[1:-1]]
            first = cells[0] = cells[0] or first
            table.append(cells)
        elif table:
            break
    return table[2:]


def leading_number(cell):
    return float(cell.split()[0])


def span(numbers, form="{:.2f}"):
    low, high = form.format(min(numbers)), form.format(max(numbers))
    return low if low == high else f"{low} to {high}"


def below(cosine):
    """Five digits, never rounded up."""
    return f"{int(cosine * 1e5 + 1e-6) / 1e5:.5f}"


def contender(name):
    """("openvino", "bf16") of "openvino-bf16, batch 8", ("mm tools", "int8") of "mm tools int8, batch 1" """
    who = name.split(",")[0]
    for p in PRECISIONS[1:]:
        if who.endswith(("-" + p, " " + p)):
            return who[:-len(p) - 1], p
    return who, "fp32"


def machine(text):
    about = re.search(r"commit (\w+); (.*?), (\d+ cores)", text)
    date = re.search(r"on (\d{4}-\d\d-\d\d)", text)
    busy = ", beside other work" if "other work was running" in text else ""
    return f"{about[2].replace('(R)', '')}, {about[3]}{busy}, {date[1]}"


def warm(text):
    """Our speed beside each peer over the four models at batch 1 and 8, and our lowest mean cosine over all models."""
    ratios, cosines = {}, {}
    for heading, lines in sections(text).items():
        for what, who, _, _, faster, _, cosine in rows(lines) if heading.startswith("Warm") else ():
            peer, precision = contender(who)
            model, _, batch = what.rpartition(", batch ")
            if peer == "mm tools":
                cosines.setdefault(precision, []).append(leading_number(cosine))
            elif model in MODELS and batch in ("1", "8"):
                ratios.setdefault(peer, {}).setdefault(precision, []).append(leading_number(faster))
    return ratios, cosines


def speed(text):
    ratios, cosines = warm(text)
    lines = [f"{machine(text)}; ViT-B/16, CLIP B/32, BERT-base and Wav2Vec2-base at batch 1 and 8 (llama.cpp: BERT-base), both in the same",
             "precision; above 1 the mm tools are faster:", "", "| beside | fp32 | bf16 | int8 |", "|---|---|---|---|"]
    for peer, of in sorted(ratios.items(), key=lambda kv: kv[0].lower()):
        lines.append(f"| {peer} | " + " | ".join(span(of[p]) if p in of else "–" for p in PRECISIONS) + " |")
    lines.append("| lowest mean cosine of ours to fp32 | " + " | ".join(below(min(cosines[p])) for p in PRECISIONS) + " |")
    return lines


def cold(text):
    """Each task: ours packed and plain, the fastest peer, and transformers."""
    lines = ["| a cold process, seconds | ours, packed int8 | ours, plain | the fastest peer | transformers |", "|---|---|---|---|---|"]
    tasks = {}
    for what, who, wall, *_ in rows(next(body for heading, body in sections(text).items() if heading.startswith("Cold"))):
        tasks.setdefault(what, []).append((who, leading_number(wall)))
    for what, times in tasks.items():
        ours = [(who, s) for who, s in times if who.startswith("mm-decode")]
        peers = [(s, who) for who, s in times if not who.startswith("mm-")]
        cells = [next(s for who, s in ours if "int8" in who), next(s for who, s in ours if "packed" not in who)]
        lines.append(f"| {what} | " + " | ".join(f"{s:.3f}" for s in cells) + f" | {min(peers)[0]:.3f} ({min(peers)[1]}) | " +
                     f"{dict(times)['transformers']:.1f} |")
    return lines


def gpu(text):
    card = re.search(r"^One (NVIDIA .*?) \(.*\n?.*?(\d{4}-\d\d-\d\d)", text, flags=re.M)
    fp32, fp16, worst = [], [], []
    for _, _, _, _, single, _, _, half in rows(sections(text)["Beside PyTorch"]):
        fp32.append(leading_number(single))
        fp16.append(leading_number(half))
        worst.append(leading_number(half.split("(")[-1].rstrip(")")))
    return [f"{card[1]}, {card[2]}, the same models at batch 1, 8 and 32, beside PyTorch (eager, warm); above 1 the mm tools are faster:", "",
            "| precision | lowest | highest |", "|---|---|---|", f"| fp32 | {min(fp32):.2f} | {max(fp32):.2f} |",
            f"| fp16 | {min(fp16):.2f} ({min(worst):.2f} beside the fastest rate of PyTorch in any run) | {max(fp16):.2f} |"]


def main():
    bench, vulkan = ((ROOT / "tests" / d / "RESULTS.md").read_text() for d in ("bench", "gpu"))
    readme = ROOT / "README.md"
    before = after = readme.read_text()
    for name, lines in (("speed", speed(bench)), ("cold", cold(bench)), ("gpu", gpu(vulkan))):
        begin = f"<!-- figures: {name} -->"
        if before.count(begin) != 1:
            sys.exit(f"README.md: no {begin}, or more than one")
        after = re.sub(re.escape(begin) + r".*?<!-- end -->", lambda _: "\n".join([begin, *lines, "<!-- end -->"]), after, flags=re.S)
    if "--check" not in sys.argv:
        readme.write_text(after)
    elif before != after:
        sys.stdout.writelines(difflib.unified_diff(before.splitlines(True), after.splitlines(True), "README.md", "RESULTS.md"))
        sys.exit("README.md's figures are not those of the results: make readme")


main()
