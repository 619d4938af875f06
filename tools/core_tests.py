"""Runs the portable tests (host_tests/core) on one interpreter.

    python tools/core_tests.py cpython|unix|wasm32|mpy [PART OF A FILE'S OR TEST'S NAME] ...

unix and wasm32 run everything from .py; mpy is unix with the product and the simulator as .mpy,
compiled at -O3, as on a board. MICROPYTHON=PATH names another unix-port interpreter than the
wheel's. host_tests/host/test_portable.py runs all of this and compares the names.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORE = "host_tests/core"
RUNNER = "host_tests/run_portable.py"
SOURCE = ("firmware", "tools", CORE)
BUILT = ROOT / "build/mpy"
ON = ("cpython", "unix", "wasm32", "mpy")


class Missing(Exception):
    """An interpreter or a tool that is not installed."""


def tool(name):
    """The path of a command: the virtual environment's, else the system's."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if not found:
        raise Missing("there is no %s here; `make setup` installs what it can" % name)
    return found


def compile_product(target):
    """What the runs on "mpy" import: the firmware and the simulator as .mpy files in `target`."""
    from srvphone_host.mpy import compile_tree

    for part in ("firmware/srvphone", "tools/sim"):
        shutil.rmtree(target / part, ignore_errors=True)
        compile_tree(ROOT / part, target / part)


def command(on, script, arguments, paths, heap="8M"):
    """The command and the environment that run a script of the project on a MicroPython."""
    paths = ":".join(map(str, paths))
    if on == "wasm32":
        if not (ROOT / "tools/wasm/node_modules").exists():
            raise Missing("there is no MicroPython for wasm32 here; `make setup`, with npm")
        return [tool("node"), "tools/wasm/run.mjs", ".", paths, script, *arguments], None
    # What the simulator keeps lies scattered: with 1 MB, a third of it in use, no 4 KB are in one
    # piece after a few virtual hours, and with 4 MB now and then no 8 KB.
    start = [os.environ.get("MICROPYTHON") or tool("micropython"), "-X", "heapsize=" + heap]
    return [*start, script, *arguments], {**os.environ, "MICROPYPATH": paths}


def run(on, choices, built=BUILT, timeout_s=300):
    """Run FILE and FILE:TEST choices: ([(module, test)] that ran, what failed as text or "")."""
    paths = (built / "firmware", built / "tools", CORE) if on == "mpy" else SOURCE
    line, environment = command(on, RUNNER, choices, paths)
    end = ""
    try:
        done = subprocess.run(
            line,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
        )
        output = done.stdout
        if done.returncode:
            end = "%s ended with exit code %d" % (on, done.returncode)
    except subprocess.TimeoutExpired as e:
        output, end = e.stdout or b"", "%s was not done after %d s" % (on, timeout_s)
    lines = output.decode("utf-8", "replace").splitlines()
    marks = [w for w in map(str.split, lines) if len(w) == 3 and w[0] in ("pass", "fail")]
    failed = end or any(mark == "fail" for mark, _, _ in marks)
    report = [text for text in lines if not text.startswith("pass ")] if failed else []
    return [(module, test) for _, module, test in marks], "\n".join(report + [end]).strip()


def choose(parts):
    """The choices whose file or test name holds one of the parts; all files without any part."""
    files = sorted((ROOT / CORE).glob("test_*.py"))
    chosen = []
    for path in files:
        name = path.relative_to(ROOT).as_posix()
        if not parts or any(part in path.stem for part in parts):
            chosen.append(name)
            continue
        tests = re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.M)
        chosen += ["%s:%s" % (name, t) for t in tests if any(part in t for part in parts)]
    return chosen


def main(on, *parts):
    choices = choose(parts)
    if not choices:
        sys.exit("no test has such a name")
    if on == "cpython":
        nodes = [choice.replace(":", "::") for choice in choices]
        sys.exit(subprocess.call([sys.executable, "-m", "pytest", "-q", *nodes], cwd=ROOT))
    if on == "mpy":
        compile_product(BUILT)
    began = time.monotonic()
    ran, report = run(on, choices)
    print(report + "\n" if report else "", end="")
    print("%d tests on %s in %.1f s" % (len(ran), on, time.monotonic() - began))
    sys.exit(bool(report))


if __name__ == "__main__":
    if sys.argv[1:2] == [] or sys.argv[1] not in ON:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except Missing as e:
        sys.exit(str(e))
