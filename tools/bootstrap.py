"""Sets up what the project needs, inside its own tree, and shows what it does meanwhile.

    python3 tools/bootstrap.py        the `srvphone` command: .venv
    python3 tools/bootstrap.py test   and what tests, lint and type checks need

Any Python from 3.9 on; npm for MicroPython on wasm32. A step whose inputs have not changed since
it was last done (a stamp beside its result tells) is passed over, so a second run takes no time.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
PIP = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--progress-bar=off"]
WASM = ROOT / "tools/wasm"
STDLIB_STUBS = "micropython-stdlib-stubs==1.29.0.post2"
# One folder a board, since the stubs of all boards hold modules of the same names.
STUBS = {
    "rp2": ("micropython-rp2-stubs==1.29.0.post1", STDLIB_STUBS),
    "esp32": ("micropython-esp32-stubs==1.29.0.post1", STDLIB_STUBS),
}


def show(*command):
    """Run a command; its last line of output stays in sight, all of it is shown if it fails."""
    began, lines, live = time.monotonic(), [], sys.stdout.isatty()
    width = shutil.get_terminal_size().columns - 4
    work = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    for line in work.stdout:
        lines.append(line)
        text = line.strip()[:width]
        if live:
            print("\r\033[K  %s" % text, end="", flush=True)
        elif text.startswith(("Collecting", "Building", "Installing")):
            print("  %s" % text[:95], flush=True)
    print("\r\033[K" if live else "", end="")
    if work.wait():
        sys.exit("%s\nfailed: %s" % ("".join(lines), " ".join(command)))
    print("  done in %.1f s" % (time.monotonic() - began), flush=True)


def step(what, stamp, inputs, command):
    """Run a command, unless `stamp` says that it was done with these inputs."""
    mark = hashlib.sha256(repr((inputs, command[1:])).encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != mark:
        print(what, flush=True)
        show(*command)
        stamp.write_text(mark)


def main(what="run"):
    if sys.version_info < (3, 9):
        sys.exit("srvphone's tools want Python 3.9 or newer; this is %s" % sys.version.split()[0])
    # The scripts in it name its path and its Python: if one of the two has gone, a new one is due.
    create = (sys.executable, "-m", "venv", "--clear", str(VENV))
    if not PYTHON.exists():
        shutil.rmtree(VENV, ignore_errors=True)
    step("a virtual environment, .venv", VENV / ".created", str(ROOT), create)

    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    if what == "run" and not (VENV / ".test").exists():
        step("srvphone and its packages", VENV / ".run", project, (*PIP, "-e", "."))
    else:
        step(
            "srvphone, its packages and those of the tests",
            VENV / ".test",
            project,
            (*PIP, "-e", ".[test]"),
        )
    if what == "run":
        return

    for board, packages in STUBS.items():
        folder = VENV / "stubs" / board
        install = (*PIP, "--no-deps", "--upgrade", "--target", str(folder), *packages)
        step("types of the %s port" % board, folder / ".installed", (), install)
    npm = shutil.which("npm")
    if npm:
        lock = (WASM / "package-lock.json").read_text(encoding="utf-8")
        install = (npm, "ci", "--no-fund", "--no-audit", "--prefix", str(WASM))
        step("MicroPython for wasm32", WASM / "node_modules/.installed", lock, install)
    else:
        print("npm is not here (Node.js 18 or newer has it): no tests on wasm32", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
