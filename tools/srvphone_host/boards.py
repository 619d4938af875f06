"""What is known of each board, and the files that go onto it.

    boards()                            # ["ESP32_GENERIC", ...]: the folders in boards/
    load("RPI_PICO_W").WATCHDOG_MS      # 8300: the names that boards/RPI_PICO_W/board.py sets
    build("RPI_PICO_W")                 # {"main.py": b"...", "srvphone/phone.mpy": b"...", ...}

To add a board is to add a folder: `board.py` with the names of FIELDS, read as data here and
imported as `board` on the board itself; `manifest.py` for freezing; a README.md.
"""

import ast
import hashlib
import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

from srvphone_host.errors import LabError

ROOT = Path(__file__).resolve().parents[2]
BOARDS = ROOT / "boards"
FIRMWARE = ROOT / "firmware"
BUILT = ROOT / "build/boards"

# Every name that a board.py sets, and what its value can be.
FIELDS = {
    "NAME": str,  # of the folder, and of the firmware at micropython.org/download
    "PORT": str,  # rp2, esp32: sys.platform there; unix: a computer
    "MARCH": str,  # mpy-cross -march, "" for none
    "NETWORK": str,  # WLAN, LAN, WIZNET5K: the class of `network`; host: of the computer
    "NETWORK_PINS": dict,  # what that class wants to know, {} for WLAN
    "LED": (int, str, type(None)),  # machine.Pin of this; None: none
    "LED_KIND": str,  # pin, neopixel
    "LED_ON": int,  # the level that lights it
    "BUTTON": (int, str, type(None)),  # the pin, "BOOTSEL" (rp2.bootsel_button), None
    "BUTTON_DOWN": int,  # the level while it is pressed
    "WATCHDOG_MS": int,  # 0: none
    "HEAP_FREE": int,  # bytes that should stay free when the phone is registered
}

_NOT_LOADED = "srvphone/dns/compose.py"  # by a phone: it is for other programs
_OF_COMPUTERS = "srvphone/hostnet.py"


class BoardError(LabError):
    """There is no such board, or its folder is not as it should be."""


def boards(folder=BOARDS):
    """The names of all boards, sorted."""
    return sorted(path.parent.name for path in folder.glob("*/board.py"))


def load(name, folder=BOARDS):
    """The board's data as attributes, all of FIELDS. BoardError says what is wrong with it."""
    if name not in boards(folder):
        known = "\n  ".join(boards(folder))
        raise BoardError("there is no board %r. These are known:\n  %s" % (name, known))
    path = folder / name / "board.py"
    found = {}
    try:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign):
                (target,) = node.targets
                found[target.id] = ast.literal_eval(node.value)
            elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
                raise ValueError("line %d is something else" % node.lineno)
    except (SyntaxError, ValueError, AttributeError) as e:
        raise BoardError("%s: only NAME = literal, and %s" % (path, e)) from e
    wrong = set(FIELDS) ^ set(found)
    wrong |= {name for name in FIELDS if name in found and not _is(found[name], FIELDS[name])}
    if wrong:
        wrong = ", ".join(sorted(wrong))
        raise BoardError("%s: missing, unknown or of another type: %s" % (path, wrong))
    return SimpleNamespace(**found)


def _is(value, kind):
    return isinstance(value, kind) and not isinstance(value, bool)


def build(name, target=None, folder=BOARDS):
    """The phone for this board: {path on the board: bytes}, also as files in `target`.

    That is build/boards/<NAME> if none is given. What lies there is compiled again only if its
    source has changed. BoardError if something does not compile.

    As nothing is native code, the .mpy files of all architectures are the same, byte for byte:
    the header names one only where it is needed (py/persistentcode.h, MPY_FEATURE_ENCODE_ARCH).
    """
    from srvphone_host.mpy import VERSION, compile_file  # its wheel is not there everywhere

    board = load(name, folder)
    target = Path(target or BUILT / name)
    options = ["-msmall-int-bits=31"] if board.PORT != "unix" else []
    if board.MARCH:
        options.append("-march=" + board.MARCH)
    stamp = target / ".built"
    try:
        kept = json.loads(stamp.read_text())
    except (OSError, ValueError):
        kept = {}
    files, marks = {}, {}
    for path, source in _sources(board, folder / name).items():
        file, text = target / path, source.read_bytes()
        marks[path] = hashlib.sha256(repr((VERSION, options, text)).encode()).hexdigest()
        if kept.get(path) != marks[path] or not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                if file.suffix == ".py":
                    file.write_bytes(text)
                else:
                    compile_file(source, file, options)
            except subprocess.CalledProcessError as e:
                raise BoardError("%s does not compile:\n%s" % (source, e.stderr.strip())) from e
        files[path] = file.read_bytes()
    for path in set(kept) - set(marks):
        (target / path).unlink(missing_ok=True)
    stamp.write_text(json.dumps(marks, indent=1))
    return files


def _sources(board, folder):
    # {path on the board: its source}. MicroPython starts main.py, never a main.mpy.
    found = {"main.py": FIRMWARE / "main.py", "board.mpy": folder / "board.py"}
    for source in sorted((FIRMWARE / "srvphone").rglob("*.py")):
        path = source.relative_to(FIRMWARE).as_posix()
        # An empty __init__.py makes no file: any folder is a package.
        left_out = path == _NOT_LOADED or path == _OF_COMPUTERS and board.PORT != "unix"
        if source.stat().st_size and not left_out:
            found[path[:-2] + "mpy"] = source
    return found
