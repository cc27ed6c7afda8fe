#!/usr/bin/env python3
"""lines.py [TRUTH]: the label records of a call, as JSON lines, become lines of a table as they come (live.sh says which columns)."""
import csv
import json
import sys

WEIGHTS = ("text", "customer", "agent", "face")
truth = []  # [start, end, mood]
if len(sys.argv) > 1:
    with open(sys.argv[1], newline="") as f:
        truth = [(float(r["start"]), float(r["end"]), r["mood"]) for r in csv.DictReader(f)]


def most(start, end):
    """the true mood of most of a window; where the customer says nothing, silent"""
    shared = [(min(end, e) - max(start, s), mood) for s, e, mood in truth]
    return max([both for both in shared if both[0] > 0], default=(0, "silent"))[1]


print("start", "end", "mood", "probability", "sentiment", *WEIGHTS, *(["truth"] if truth else []), sep="\t", flush=True)
for line in sys.stdin:
    r = json.loads(line)
    if r["kind"] != "label":
        continue
    p, (start, end), weights = r["label"], r["time"], r["meta"].get("weights", {})
    mood = max(p, key=p.get)
    print(f"{start:.1f}", f"{end:.1f}", mood, f"{p[mood]:.2f}", f"{p['happy'] + p['content'] - p['angry'] - p['sad']:+.2f}",
          *(f"{weights.get(w, 0):.2f}" for w in WEIGHTS), *([most(start, end)] if truth else []), sep="\t", flush=True)
