"""Breaks every rule once and looks whether a test named after that rule notices.

    python tools/mutants.py [--only RULE ...] [--list] [--json]

host_tests/mutants.json holds the mutants, small changes to the firmware as data, and the rules
that have none, each with a reason. One at a time is applied to a copy of the tree; there the
portable tests named after its rule (`test_g14_...` for G14) run on CPython, or those of the file
that the mutant names as "tests", and one has to fail in its body: a file that cannot be imported
proves nothing. Rules and their texts: firmware/RULES.md.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "host_tests/mutants.json"
TIMEOUT_S = 60
KILLED = "killed"  # as it should be: a test of the rule failed, or never ended
SURVIVED = "survived"  # the tests of the rule passed without the rule
BROKEN = "broken"  # the mutant or the tests could not be run


def rules():
    """The rules of firmware/RULES.md, in its order: ["G1", ...]."""
    text = (ROOT / "firmware/RULES.md").read_text(encoding="utf-8")
    return re.findall(r"^\| ([GW]\d+a?) \|", text, re.M)


def fault_of(mutant):
    """What is wrong with a mutant as data, or None."""
    source = ROOT / mutant["file"]
    count = source.read_text(encoding="utf-8").count(mutant["text"]) if source.exists() else 0
    if mutant["rule"] not in rules():
        return "there is no such rule"
    if count != 1:
        return "the text stands there %d times, not once" % count
    return None


def gaps(mutants, exempt):
    """What is wrong with the data as a whole, as sentences."""
    known = rules()
    having = {mutant["rule"] for mutant in mutants}
    kinds = {
        "neither a mutant nor a reason why not": set(known) - having - set(exempt),
        "a mutant and a reason why not": having & set(exempt),
        "exempt, but not in the list of rules": set(exempt) - set(known),
    }
    return ["%s: %s" % (what, " ".join(sorted(kinds[what]))) for what in kinds if kinds[what]]


def pytest(tree, files, chosen, timeout_s):
    """Run the tests of some files of a tree whose name holds `chosen`: (exit code, output)."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--tb=line", "-p", "no:cacheprovider"]
    # No plugins, since the portable tests need none and most of a run is its start.
    own = {"CI": "", "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [*command, "-k", chosen, *files],
        cwd=tree,
        env={**os.environ, **own},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
    )
    return done.returncode, done.stdout


def copy_of_the_tree(target):
    """What the portable tests need, copied, so that the work tree itself is never changed."""
    for part in ("firmware", "tools", "host_tests", "boards"):
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info", "node_modules")
        shutil.copytree(ROOT / part, target / part, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", target)


def judge(mutant):
    """Run the tests of a mutant's rule on it: (verdict, what speaks for it)."""
    fault = fault_of(mutant)
    if fault:
        return BROKEN, fault
    start = "test_%s_" % mutant["rule"].lower()
    with tempfile.TemporaryDirectory() as tree:
        copy_of_the_tree(Path(tree))
        source = Path(tree) / mutant["file"]
        text = source.read_text(encoding="utf-8")
        source.write_text(text.replace(mutant["text"], mutant["replacement"]), encoding="utf-8")
        tests = sorted(Path(tree).glob(mutant.get("tests", "host_tests/core/test_*.py")))
        files = [str(t) for t in tests if "def " + start in t.read_text(encoding="utf-8")]
        if not files:
            return BROKEN, "no test is named %s..." % start
        try:
            code, output = pytest(tree, files, start, TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return KILLED, "its tests did not end in %d s" % TIMEOUT_S
    failed = re.search(r"^FAILED .*::(%s\w+)" % start, output, re.M)
    if code == 0:
        return SURVIVED, output.strip().splitlines()[-1]
    if code != 1 or not failed or re.search(r"(Syntax|Import|ModuleNotFound)Error", output):
        return BROKEN, output.strip()
    return KILLED, failed[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="RULE", help="the mutants of these rules")
    parser.add_argument("--list", action="store_true", help="list the mutants and run nothing")
    parser.add_argument("--json", action="store_true", help="print the verdicts as JSON")
    options = parser.parse_args()
    data = json.loads(DATA.read_text(encoding="utf-8"))
    only = [rule.upper().replace("A", "a") for rule in options.only or ()]
    mutants = [mutant for mutant in data["mutants"] if not only or mutant["rule"] in only]
    if options.list:
        for mutant in mutants:
            print("%(rule)-4s %(file)s: %(text)r -> %(replacement)r: %(why)s" % mutant)
        for rule, reason in data["exempt"].items():
            print("%-4s none: %s" % (rule, reason))
        return

    code, output = pytest(ROOT, ["host_tests/core"], "test_", 600)
    if code:
        sys.exit(output + "\nthe portable tests fail without any mutant")
    verdicts, wrong = [], []
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        for mutant, (verdict, by) in zip(mutants, workers.map(judge, mutants)):
            verdicts.append({**mutant, "verdict": verdict, "by": by})
            done = "%d/%d" % (len(verdicts), len(mutants))
            line = "%7s  %-4s %-8s %s" % (done, mutant["rule"], verdict, by.splitlines()[-1])
            print(line, file=sys.stderr, flush=True)
            if verdict != KILLED:
                wrong.append("%(rule)s %(verdict)s: %(file)s, %(text)r\n%(by)s" % verdicts[-1])
    if not only:
        wrong += gaps(**data)
    if options.json:
        print(json.dumps(verdicts, indent=1))
    if wrong:
        sys.exit("\n\n".join(["", *wrong, "%d faults" % len(wrong)]))
    print("%d mutants, all killed; %d rules have none" % (len(verdicts), len(data["exempt"])))


if __name__ == "__main__":
    main()
