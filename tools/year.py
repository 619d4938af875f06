"""`make year`: years of virtual time on MicroPython wasm32: integers and ticks as on a board.

    python tools/year.py [--short] [--json]

Three phones, each in a heap of a Pico W's size that can't grow, each with a failover every so
many refreshes: hourly refreshes for a year, a year of an Expires of 60 s (a quarter of an hour on
a fast machine; --short, and the tests, take 14 days of it, in which the ticks wrap two times), and
ten refreshes of an Expires of 45 days. Every REGISTER must be sent in the millisecond in which it
is due and be granted where it should, before the binding runs out; and at the end the heap must be
what it was after the first day: bytes in use, their peak over that day, and the largest free
block, each within 512 bytes. What runs there is tools/year_core.py.
"""

import argparse
import json
import os
import re
import subprocess
import sys

import core_tests
from core_tests import ROOT

HEAP = 199376  # bytes that a Pico W has free
WITHIN = 512
BLOCK = 16  # bytes of a heap block on 32 bit
# What is run: the arguments of year_core.py (Expires, seconds before it or "auto", refreshes a day
# and a week, weeks, the TTL of the zone in place of the guide's 3 s), and those of --short.
# An hour: 3,610 s renewed 10 s early. Of 60 s and of 45 days, "auto" takes 8.8 s. In the run of
# 60 s the zone is asked daily and not at every refresh, which would be half of the time.
RUNS = {
    "hourly": ((3610, 10, 24, 168, 52, 3), None),
    "60 s": ((60, "auto", 1687, 11813, 52, 86400), (60, "auto", 1687, 11813, 2, 86400)),
    "45 days": ((3888000, "auto", 2, 4, 2, 3), None),
}


def run(name, short=False):
    """Run one of RUNS: {"refreshes": 8760, "first": {"used": bytes, ...}, "faults": [...]}."""
    from srvphone_host.mpy import compile_tree

    compile_tree(ROOT / "firmware/srvphone", ROOT / "build/year/srvphone")
    whole, part = RUNS[name]
    words = list(map(str, part if short and part else whole))
    paths = ["build/year", "tools/board_test"]
    command, _ = core_tests.command("wasm32", "tools/year_core.py", words, paths)
    environment = {**os.environ, "HEAP": str(HEAP)}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    out = {"first": {}, "last": {}, "faults": []}
    free = 0
    for line in done.stdout.splitlines():
        words = line.split()
        largest = re.search(r"max free sz: (\d+)", line)
        if largest:
            free = int(largest[1]) * BLOCK
        elif words[:1] == ["fault"]:
            out["faults"].append(line)
        elif words[:1] == ["total"]:
            out[words[1]] = int(words[2])
        elif words[:1] in (["first"], ["last"]):
            out[words[0]][words[1]] = int(words[2])
            out[words[0]]["largest free"] = free
    if done.returncode or "refreshes" not in out:
        out["faults"].append("it did not end: " + done.stdout[-1000:])
    out["faults"] += drifted(out)
    return out


def drifted(result):
    """How the heap at the end differs from that after the first day by more than WITHIN."""
    first, last = result["first"], result["last"]
    return [
        "%s: %d bytes after the first day, %d at the end" % (key, first[key], last.get(key, 0))
        for key in first
        if abs(last.get(key, 0) - first[key]) > WITHIN
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="14 days of the run of 60 s")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    results = {}
    for name in RUNS:
        results[name] = result = run(name, options.short)
        if options.json:
            continue
        print(
            "%s: %d refreshes in %d days, %d of them failovers: %s"
            % (
                name,
                result.get("refreshes", 0),
                result.get("days", 0),
                result.get("failovers", 0),
                "; ".join(result["faults"]) or "each when it was due, none missed",
            )
        )
        for key, figure in result["first"].items():
            figures = key, figure, result["last"].get(key, 0)
            print("  heap, %-13s%7d bytes after a day,%7d at the end" % figures)
        sys.stdout.flush()
    if options.json:
        print(json.dumps(results, indent=1))
    sys.exit(any(result["faults"] for result in results.values()))


if __name__ == "__main__":
    main()
