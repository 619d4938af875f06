"""`make hostile`: a hostile network around the whole phone, on CPython and two MicroPythons.

    python tools/hostile.py [--long | --short | --messages N] [--on cpython,unix,wasm32] [--json]
    python tools/hostile.py --seed 7 --round 123 --on unix      # what a failure tells to say

Rounds of 50 wrong messages: answers to the phone's own questions and requests, whose ID, question,
branch and CSeq are right, so that they are read to the end; requests; streams in pieces; replays.
After each round the servers behave, and both accounts must register and refresh on time. No
exception may come out of the phone; what it sends is read by a reader that shares nothing with it;
tables, bytes held and work for one datagram have bounds. Everything follows from the seed, so a
round can be repeated: it runs from the start of that phone's life, and the messages of the round
are printed. What the messages are: tools/attack.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import core_tests
from core_tests import ROOT

SCRIPT = "tools/hostile_core.py"
PATHS = ("firmware", "tools")
LIFE = 10  # rounds of one phone (attack.campaign)
EACH = 50  # messages of a round
ON = ("cpython", "unix", "wasm32")
# Messages on each.
SHORT = {"cpython": 5000, "unix": 2000, "wasm32": 1000}
USUAL = {"cpython": 20000, "unix": 8000, "wasm32": 3000}
LONG = {"cpython": 1000000, "unix": 200000, "wasm32": 50000}
SILENT_S = 300  # without a word: it hangs
SMALL = "640K"  # with --free
HEAP = "4M"  # of the unix port: what is measured takes as long as the heap is large
FIGURES = (  # name, what it is, and its unit
    ("lines", "most work for one message", "lines run"),
    ("bytes", "most allocated for one message", "bytes"),
    ("us", "longest time for one message", "us"),
    ("held", "most held beyond a phone at rest", "bytes"),
    ("drift", "most that phones leave behind", "bytes"),
    ("sent", "most datagrams sent for one", ""),
)


class Run:
    """A campaign on one interpreter."""

    def __init__(self, on, seed, first, rounds, kinds="", free=0, show=""):
        self.on = on
        self.seed = seed
        self.first = first
        self.rounds = rounds
        self.at = first  # the round that it is at
        self.faults = []
        self.shown = []
        self.result = {}
        self.kinds = kinds
        self.free = free
        self.words = list(map(str, (seed, first, rounds, EACH, kinds, free, show)))
        self.heard = time.monotonic()
        self.process = None

    def go(self):
        """Run it to its end."""
        heap = SMALL if self.free else HEAP
        if self.on == "cpython":
            line = [sys.executable, SCRIPT, *self.words]
            path = os.pathsep.join([*PATHS, "tools/shim"])
            environment = {**os.environ, "PYTHONPATH": path}
        else:
            line, environment = core_tests.command(self.on, SCRIPT, self.words, PATHS, heap)
        self.heard = time.monotonic()
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            line, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=pipe,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        rest = []
        for line in self.process.stdout:
            self.heard = time.monotonic()
            text = line.decode("utf-8", "replace").rstrip("\n")
            if not self._take(text):
                rest.append(text)
        self.process.stdout.close()
        code = self.process.wait()
        if not self.result:
            text = "it ended with exit code %d; %s" % (code, " / ".join(rest[-8:])[-900:])
            self.faults.append(["no end", self.on, text, self.at, "", 1])

    def _take(self, text):
        """Read a line that the portable half prints -> is it one?"""
        word, _, data = text.partition(" ")
        if word == "round":
            self.at = int(data)
        elif word == "fault":
            self.faults.append(json.loads(data))
        elif word == "show":
            self.shown.append(data)
        elif word == "done":
            self.result = json.loads(data)
            self.at = self.first + self.rounds
        else:
            return False
        return True

    def watch(self):
        """End it if it hangs."""
        if self.process and time.monotonic() - self.heard > SILENT_S:
            self.process.kill()

    def repeat(self, number):
        """How to repeat a round."""
        arguments = "--seed %d --round %d --on %s" % (self.seed, number, self.on)
        if self.free:
            arguments += " --free %d" % self.free
        if self.kinds:
            arguments += " --kinds %s" % self.kinds
        return 'make hostile ARGS="%s"' % arguments


def campaign(sizes, seed, kinds="", free=0, console=None):
    """Run a campaign on each interpreter of `sizes` (name -> messages), as many at once as there
    are processors -> [Run, ...]."""
    runs = [Run(on, seed, 0, -(-sizes[on] // EACH), kinds, free) for on in sizes]
    return carry(runs, console)


def carry(runs, console=None):
    """Run them and show how far they are."""
    waiting = list(runs)
    workers = []

    def work():
        while waiting:
            waiting.pop(0).go()

    with Progress(console=console or Console(stderr=True), transient=True) as progress:
        bars = [progress.add_task(run.on, total=run.rounds) for run in runs]
        for _ in range(min(os.cpu_count() or 1, len(runs))):
            workers.append(threading.Thread(target=work, daemon=True))
            workers[-1].start()
        while any(worker.is_alive() for worker in workers):
            for run, bar in zip(runs, bars):
                run.watch()
                progress.update(bar, completed=run.at - run.first)
            time.sleep(0.1)
    return runs


def table(runs):
    """The figures, a column for each interpreter."""
    out = Table(
        "figure", *[run.on for run in runs], title="a hostile network, seed %d" % runs[0].seed
    )

    def row(what, value):
        out.add_row(what, *[value(run.result) if run.result else "-" for run in runs])

    row("messages", lambda r: "{:,}".format(r["messages"]))
    row("exceptions", lambda r: str(r["exceptions"]))
    row(
        "registered and refreshed on time",
        lambda r: "after {:,} of {:,} rounds".format(r["calms"], r["rounds"]),
    )
    for name, what, unit in FIGURES:
        row(what, lambda r, name=name, unit=unit: most(r, name, unit))
        if name == "us":
            row("the same, in honest messages", ratio)
    row("kinds of messages", lambda r: str(len(r["kinds"])))
    return out


def most(result, name, unit):
    if name not in result["most"]:
        return "-"
    value, kind = result["most"][name]
    return f"{value:,} {unit}\n({kind})"


def ratio(result):
    if not result["plain_us"] or "us" not in result["most"]:
        return "-"
    return "%d" % (result["most"]["us"][0] / result["plain_us"])


def report(runs):
    """What went wrong, as text; "" if nothing did."""
    out = []
    for run in runs:
        for what, kind, text, number, recipe, _ in run.faults:
            lines = (
                "%s: %s (%s), round %d of seed %d" % (run.on, what, kind, number, run.seed),
                text[:600],
                "last message: " + recipe[:1200],
                "again: " + run.repeat(number),
            )
            out.append("\n  ".join(lines))
    return "\n".join(out)


def once_more(options, ons):
    """Repeat a round on one interpreter or several, and print its messages."""
    first = options.round - options.round % LIFE
    rounds = options.round - first + 1
    what = options.kinds, options.free, "show"
    runs = carry([Run(on, options.seed, first, rounds, *what) for on in ons])
    for run in runs:
        for line in run.shown:
            print("%s %s" % (run.on, line))
    return runs


def parsed(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0],
        epilog="A failure says how it is repeated. Exit code 1 if there was one.",
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--long", action="store_true", help="1,000,000 and more; half an hour")
    size.add_argument("--short", action="store_true", help="as in `make test`: half a minute")
    size.add_argument("--messages", type=int, metavar="N", help="so many on each interpreter")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="another campaign")
    parser.add_argument(
        "--round", type=int, metavar="N", help="only this one; prints its messages"
    )
    parser.add_argument("--on", default=",".join(ON), help="cpython, unix, wasm32; by commas: all")
    parser.add_argument(
        "--kinds", default="", metavar="PART", help="of the kinds' names: sip, tcp"
    )
    parser.add_argument(
        "--free",
        type=int,
        default=0,
        metavar="BYTES",
        help="unix alone: so many are free when the phone has registered; 131072 is like 64 KB"
        " of a board",
    )
    parser.add_argument("--json", action="store_true", help="print figures and faults as JSON")
    options = parser.parse_args(arguments)
    strange = [on for on in options.on.split(",") if on not in ON]
    if strange:
        parser.error("--on: one or more of %s, with commas between" % ", ".join(ON))
    if options.free and options.on != "unix":
        parser.error("--free: with --on unix, since the others' heaps grow")
    return options


def main(arguments=None):
    options = parsed(arguments)
    ons = options.on.split(",")
    sizes = LONG if options.long else SHORT if options.short else USUAL
    if options.round is not None:
        runs = once_more(options, ons)
    else:
        sizes = {on: options.messages or sizes[on] for on in ons}
        runs = campaign(sizes, options.seed, options.kinds, options.free)
    if options.json:
        figures = {run.on: {**run.result, "faults": run.faults} for run in runs}
        print(json.dumps(figures, indent=1))
    else:
        Console().print(table(runs))
    faults = report(runs)
    if faults:
        print(faults, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except core_tests.Missing as e:
        sys.exit(str(e))
