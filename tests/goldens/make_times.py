#!/usr/bin/env python3
"""Writes times/times.tsv: a text, what kind of time it is, and its seconds as Python's datetime and float give them."""
import random
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path

rng = random.Random(13)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
rows = []


def seconds(delta):
    """correctly rounded, where total_seconds() goes through a division of its own"""
    return float(Fraction(delta // timedelta(microseconds=1), 10**6))


def date(text):
    d = datetime.fromisoformat(text.replace("Z", "+00:00").replace("z", "+00:00").replace(",", "."))
    local = d.tzinfo is None
    rows.append((text, "local" if local else "zoned", seconds((d.replace(tzinfo=timezone.utc) if local else d) - EPOCH)))


for _ in range(40):
    d = datetime(1970, 1, 1) + timedelta(microseconds=rng.randrange(-2 * 10**15, 4 * 10**15))
    zone = rng.choice(["", "Z", "+00:00", "+05:30", "-08:00", "-03:30", "+14:00"])
    for text in (d.isoformat(), d.isoformat(" ", "milliseconds"), d.isoformat("T", "seconds"), d.isoformat("T", "minutes")):
        date(text + zone)
for text in ("2000-02-29T00:00:00Z", "1900-03-01T00:00Z", "2099-12-31T23:59:59.999999Z", "2024-03-12 14:05:11,250Z", "2024-03-12t14:05z"):
    date(text)
for text, east in (("2024-03-12T14:05+0530", 19800), ("2024-03-12T14:05-08", -28800)):
    d = datetime(2024, 3, 12, 14, 5, tzinfo=timezone(timedelta(seconds=east)))
    rows.append((text, "zoned", seconds(d - EPOCH)))
for _ in range(60):
    h, m, s, ms = rng.randrange(30), rng.randrange(60), rng.randrange(60), rng.randrange(1000)
    d = timedelta(hours=h, minutes=m, seconds=s, milliseconds=ms)
    rows.append((f"{h:02}:{m:02}:{s:02},{ms:03}", "seconds", seconds(d)))
    rows.append((f"{h}:{m}:{s}.{ms:03}", "seconds", seconds(d)))
    rows.append((f"{h * 60 + m}:{s:02}.{ms:03}", "seconds", seconds(d)))
    rows.append((f"{h * 60 + m}:{s:02}", "seconds", float((h * 60 + m) * 60 + s)))
for _ in range(60):
    x = rng.choice([rng.random() * 10 ** rng.randrange(-6, 9), float(rng.randrange(100000))])
    rows.append((repr(x), "seconds", x))
for text in ("0", "00", "+1.5", "-2.25", "1e3", "1.5E-3", ".5", "5.", " 12.5 "):
    rows.append((text, "seconds", float(text)))
for ms in (10**11, 1710248711250, 4 * 10**12):
    rows.append((str(ms), "seconds", float(Fraction(ms, 1000))))
NONE = ["", " ", "x", "1,5", "0x10", "inf", "nan", "1e99", "1:60", "1:2:60", "1:60:00", "1:2:3:4", ":30", "1:", "1:2.", "1:2:3,x",
        "1:002", "-1:30", "1:-2", "12 s", "1.5.2", "2024-03-12", "2024-03-12T", "2024-03-12T14", "2024-3-12T14:05", "24-03-12T14:05",
        "2024-13-01T00:00", "2024-00-10T00:00", "2023-02-29T00:00", "2024-04-31T00:00", "2024-01-01T24:00", "2024-01-01T00:60",
        "2024-01-01T00:00:60", "2024-01-01T00:00+24:00", "2024-01-01T00:00+1:00", "2024-01-01T00:00+01:0", "2024-01-01T00:00Zx",
        "2024-01-01T00:00 +01:00", "2024-01-01T00:00.5", "20240101T000000Z", "1899-12-31T00:00Z", "2100-01-01T00:00Z",
        "99999999999", "4200000000001", "9999999999:00:00"]
rows += [(text, "none", 0.0) for text in NONE]
out = Path(__file__).parent / "times" / "times.tsv"
out.parent.mkdir(exist_ok=True)
out.write_text("".join(f"{text}\t{kind}\t{value!r}\n" for text, kind, value in rows))
