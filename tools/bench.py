"""`make bench`: how fast an SRV answer becomes ordered targets, side by side with other decoders.

    python tools/bench.py [--json] [--strict]

One run, one machine: srvphone (all the phone does with the datagram) against the bare parse of
dnspython and of dnslib on CPython, and srvphone on MicroPython unix and wasm32, with the bytes
allocated there. Ratios hold from machine to machine, microseconds do not. --strict: exit 1 if a
bound in BOUNDS is missed.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import dns.message
import dnslib
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / part) for part in ("tools", "tools/shim", "firmware")]

import bench_core  # noqa: E402 - the paths above come first
from core_tests import tool  # noqa: E402

SCRIPT = "tools/bench_core.py"
PATHS = "firmware:tools"
# key -> (bound, "at least" or "at most"); ratios are of CPython in this run.
BOUNDS = {
    "times dnspython, guide": (25, "at least"),
    "times dnspython, 8 records": (25, "at least"),
    "times dnslib, guide": (6, "at least"),
    "times dnslib, 8 records": (6, "at least"),
    "unix us, guide": (20, "at most"),
    "unix bytes, guide": (500, "at most"),
    "wasm32 bytes, guide": (300, "at most"),
}


def on(command):
    """The JSON that bench_core prints on another interpreter."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    if done.returncode:
        sys.exit("bench: %s failed:\n%s%s" % (command[0], done.stdout, done.stderr))
    return json.loads(done.stdout.strip().splitlines()[-1])


def on_cpython():
    """The figures of CPython: ours and the two libraries', in turns, so that noise hits all."""
    ours = bench_core.targets
    cache = bench_core.Cache()
    below = bench_core.Core(bench_core.Bytes().urandom, None).randbelow
    figures = {}
    for name, msg in (("guide", bench_core.GUIDE), ("eight", bench_core.EIGHT)):
        for _ in range(3):
            for who, rounds, f, args in (
                ("srvphone", 3000, ours, (cache, msg, below)),
                ("dnspython", 300, dns.message.from_wire, (msg,)),
                ("dnslib", 600, dnslib.DNSRecord.parse, (msg,)),
            ):
                key = who, name
                us = bench_core.microseconds(f, rounds, *args)
                figures[key] = min(us, figures.get(key, us))
    figures["srvphone", "query"] = bench_core.microseconds(
        bench_core.wire.query, 3000, 8, bench_core.QUESTION
    )
    return figures


def measure():
    """All figures of one run, as a flat dict."""
    unix_path = "import sys; sys.path[:0] = %r" % [str(ROOT / p) for p in PATHS.split(":")]
    script = str(ROOT / SCRIPT)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("measuring: CPython", total=3)
        c = on_cpython()
        progress.update(task, advance=1, description="measuring: MicroPython unix")
        unix = on([tool("micropython"), "-c", "%s; exec(open(%r).read())" % (unix_path, script)])
        progress.update(task, advance=1, description="measuring: MicroPython wasm32")
        wasm = on(["node", "tools/wasm/run.mjs", str(ROOT), PATHS, SCRIPT])
        progress.update(task, advance=1)
    out = {}
    for name, words in (("guide", "guide"), ("eight", "8 records")):
        for who in ("srvphone", "dnspython", "dnslib"):
            out["cpython %s us, %s" % (who, words)] = c[who, name]
        for who in ("dnspython", "dnslib"):
            out["times %s, %s" % (who, words)] = c[who, name] / c["srvphone", name]
        for port, figures in (("unix", unix), ("wasm32", wasm)):
            out["%s us, %s" % (port, words)] = figures[name + "_us"]
            out["%s bytes, %s" % (port, words)] = figures[name + "_bytes"]
    for port, us in (("cpython", c["srvphone", "query"]), ("unix", unix["query_us"])):
        out["%s queries a second" % port] = 1e6 / us
    out["wasm32 queries a second"] = 1e6 / wasm["query_us"]
    return out


def missed(figures):
    """The bounds that this run misses, as sentences."""
    out = []
    for key, (bound, how) in BOUNDS.items():
        if figures[key] < bound if how == "at least" else figures[key] > bound:
            out.append("%s: %.1f, %s %d wanted" % (key, figures[key], how, bound))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--json", action="store_true", help="figures as JSON on standard output")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a bound is missed")
    options = parser.parse_args()
    figures = measure()
    if options.json:
        print(json.dumps(figures, indent=1))
    else:
        table = Table("figure", "measured", "bound", title="from bytes to ordered targets")
        for key, value in figures.items():
            bound, how = BOUNDS.get(key, ("", ""))
            table.add_row(key, "%.1f" % value, ("%s %s" % (how, bound)).strip())
        Console().print(table)
    faults = missed(figures)
    for fault in faults:
        print("bound missed: " + fault, file=sys.stderr)
    return 1 if faults and options.strict else 0


if __name__ == "__main__":
    sys.exit(main())
