"""`make soak`: all that takes too long for CI, one after the other, with verdicts and times.

    python tools/soak.py [--only mutants|hostile|year ...] [--json]

Every mutant, the long campaign of a hostile network, years of virtual time: some hours. What each
prints goes to build/soak/NAME.log. Exit code 1 if one failed.
"""

import argparse
import json
import subprocess
import sys
import time

from rich.console import Console
from rich.table import Table

from core_tests import ROOT

LOGS = ROOT / "build/soak"
JOBS = {
    "mutants": ["tools/mutants.py"],
    "hostile": ["tools/hostile.py", "--long"],
    "year": ["tools/year.py"],
}


def run(name, script):
    """Run one: {"name", "passed", "seconds", "last": its last line, "log": where the rest is}."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / (name + ".log")
    began = time.monotonic()
    with open(log, "wb") as out:
        code = subprocess.call(
            [sys.executable, *script],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or [""]
    return {
        "name": name,
        "passed": code == 0,
        "seconds": round(time.monotonic() - began),
        "last": lines[-1],
        "log": str(log.relative_to(ROOT)),
    }


def soak(jobs, tell):
    """Run them all, whatever becomes of the first -> their verdicts."""
    verdicts = []
    for name, script in jobs.items():
        with tell.status("%s, since %s" % (name, time.strftime("%H:%M"))):
            verdicts.append(run(name, script))
        last = verdicts[-1]
        word = "passed" if last["passed"] else "failed"
        tell.print("%s %s after %s" % (name, word, duration(last["seconds"])), highlight=False)
    return verdicts


def duration(seconds):
    return "%d:%02d:%02d" % (seconds // 3600, seconds // 60 % 60, seconds % 60)


def table(verdicts):
    out = Table("what", "verdict", "time", "log")
    for one in verdicts:
        word = "passed" if one["passed"] else "failed"
        out.add_row(one["name"], word, duration(one["seconds"]), one["log"])
    return out


def main(arguments=None, jobs=JOBS):
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0],
        epilog="What each prints goes to build/soak/NAME.log. Exit code 1 if one failed.",
    )
    parser.add_argument("--only", nargs="+", choices=list(jobs), help="not all of them")
    parser.add_argument("--json", action="store_true", help="print the verdicts as JSON")
    options = parser.parse_args(arguments)
    chosen = {name: jobs[name] for name in options.only or jobs}
    verdicts = soak(chosen, Console(stderr=True))
    if options.json:
        print(json.dumps(verdicts, indent=1))
    else:
        Console().print(table(verdicts))
    return 0 if all(one["passed"] for one in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
