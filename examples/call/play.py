#!/usr/bin/env python3
"""play.py TABLE SPEED: prints the rows of a CSV table as they would come during the call, each at its end (column 3, seconds)."""
import sys
import time

speed, begun = float(sys.argv[2]), time.monotonic()
with open(sys.argv[1]) as f:
    print(next(f), end="", flush=True)
    for line in f:
        due = float(line.split(",", 3)[2]) / speed
        time.sleep(max(0, begun + due - time.monotonic()))
        print(line, end="", flush=True)
