"""The phone as a process of its own: the firmware, compiled as for a board, on MicroPython.

    interpreter = find_interpreter()
    with PhoneProcess(settings, folder, interpreter) as phone:
        line = phone.read(timeout_s=5)         # a Line of the trace; None if there was none
        phone.until(lambda line: line.status == 200)
        phone.stop()                           # un-REGISTER if it is set to, and end

`find_interpreter` takes the program that MICROPYTHON names, else the `micropython` command beside
this Python (a wheel from PyPI), else the system's. Where there is none the same code runs under
CPython, and `Interpreter.label` says so. Every wait is bounded; only the process that was started
here is ended, by its id.
"""

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple, Optional

from srvphone_host.errors import LabError
from srvphone_host.settings_doc import with_hints

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "firmware"
HEAP = "80wK"  # objects that take 80 KB on a board of 32 bits: 160 KB here
MPY_VERSION = 6  # of .mpy files: MicroPython 1.19 and newer

_LINE = re.compile(r"(\d+\.\d{3}) (\S+) (\S+) ?(.*)")
_DATAGRAM = re.compile(r"(\S+):(\d+) (\d+) (.*?)(?: \| ([0-9a-f]*))?$")


class Interpreter(NamedTuple):
    path: str
    label: str  # for people: "MicroPython 1.28.0", or why it is CPython
    micropython: bool

    def __str__(self):
        if self.micropython:
            return "%s, heap %s, firmware compiled to .mpy" % (self.label, HEAP)
        return self.label + ", so the same firmware runs on this Python"


class Line(NamedTuple):
    """One line of the trace. For a datagram `rule` is its channel and `event` its direction."""

    time: float  # seconds since the trace began, by the phone's clock
    rule: str  # G14, W3, ... or -; of a datagram sip, dns or tcp
    event: str  # a word; of a datagram > (sent) or < (received)
    text: str
    peer: Optional[tuple] = None  # (address, port) of a datagram
    length: int = 0
    data: bytes = b""  # the datagram, if the trace is "hex"

    @property
    def is_datagram(self):
        return self.peer is not None

    @property
    def status(self):
        """The status of a SIP response that came in, else 0."""
        if (self.rule, self.event) != ("sip", "<") or not self.text.startswith("SIP/2.0 "):
            return 0
        return int(self.text[8:11])


def parse(text):
    """One line of the phone's console as a Line, or None if it is no trace line."""
    found = _LINE.match(text)
    if not found:
        return None
    time, rule, event, rest = found.groups()
    if rule in ("sip", "dns", "tcp") and event in "<>":
        found = _DATAGRAM.match(rest)
        if found:
            address, port, length, info, data = found.groups()
            peer = (address, int(port))
            return Line(
                float(time), rule, event, info, peer, int(length), bytes.fromhex(data or "")
            )
    return Line(float(time), rule, event, rest)


def find_interpreter(environ=os.environ):
    """What the phone runs on. LabError if MICROPYTHON names something that is no MicroPython."""
    named = environ.get("MICROPYTHON")
    beside = Path(sys.executable).with_name("micropython")
    path = named or (str(beside) if beside.exists() else shutil.which("micropython"))
    if path:
        found = _asked(path)
        if found:
            return found
        if named:
            raise LabError(
                "MICROPYTHON=%s does not run as a MicroPython of the unix port, 1.19 or newer.\n"
                "Name one that does, or unset it to use the one from PyPI." % named
            )
    version = "%d.%d" % sys.version_info[:2]
    return Interpreter(sys.executable, "CPython %s: no MicroPython is here" % version, False)


def _asked(path):
    """The Interpreter at `path` if it says that it is a usable MicroPython, else None."""
    question = (
        "import sys; i = sys.implementation; print(i[0], '.'.join(str(n) for n in i[1][:3]),"
        " i._mpy & 255)"
    )
    try:
        done = subprocess.run(
            [path, "-c", question], stdin=subprocess.DEVNULL, capture_output=True, timeout=10
        )
        name, version, mpy = done.stdout.decode().split()
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    if name != "micropython" or int(mpy) != MPY_VERSION:
        return None
    return Interpreter(str(path), "MicroPython %s" % version, True)


def compile_firmware(target):
    """Compile firmware/srvphone into .mpy files below `target`, and put main.py there."""
    from srvphone_host.mpy import compile_tree  # its wheel is not there for every machine

    try:
        compile_tree(FIRMWARE / "srvphone", target / "srvphone")
    except subprocess.CalledProcessError as e:
        raise LabError("the firmware does not compile:\n" + e.stderr.strip()) from e
    shutil.copy(FIRMWARE / "main.py", target)


class PhoneProcess:
    """The phone, started with `settings` (a dict, as in the settings file) in `folder`."""

    def __init__(self, settings, folder, interpreter):
        folder = Path(folder)
        file = folder / "settings.json"
        self._settings = json.dumps(settings, indent=1)
        file.write_text(self._settings, encoding="utf-8")
        environ = {k: v for k, v in os.environ.items() if k != "MICROPYPATH"}
        if interpreter.micropython:
            place = folder / "firmware"
            if not place.exists():
                compile_firmware(place)
            command = [interpreter.path, "-X", "heapsize=" + HEAP]
        else:
            place = FIRMWARE
            command = [interpreter.path, "-u"]
            environ["PYTHONPATH"] = os.pathsep.join(map(str, (FIRMWARE, ROOT / "tools/shim")))
            environ["PYTHONDONTWRITEBYTECODE"] = "1"
        self._process = subprocess.Popen(
            [*command, str(place / "main.py"), str(file)],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.said = []  # what was no trace line: the first, faults in the settings, a traceback
        self._lines = queue.Queue()
        self._reader = threading.Thread(target=self._read_all, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def _read_all(self):
        for raw in self._process.stdout:
            text = raw.decode("utf-8", "replace").rstrip("\r\n")
            line = parse(text)
            if line:
                self._lines.put(line)
            elif text:
                self.said.append(text)
        self._lines.put(None)

    @property
    def pid(self):
        return self._process.pid

    @property
    def running(self):
        return self._process.poll() is None

    def read(self, timeout_s):
        """The next Line, or None after `timeout_s` without one. LabError if the phone ended."""
        try:
            line = self._lines.get(timeout=max(timeout_s, 0.001))
        except queue.Empty:
            return None
        if line is None:
            self._lines.put(None)
            mark = "settings fault: "
            faults = [text[len(mark) :] for text in self.said if text.startswith(mark)]
            if faults:
                told = with_hints(faults, self._settings)
                raise LabError("\n".join(["the phone refuses its settings:", *told]))
            raise LabError("the phone ended by itself:\n%s" % "\n".join(self.said[-20:]))
        return line

    def until(self, wanted, timeout_s=10):
        """The Lines up to the first for which wanted(line) is true. LabError if none comes."""
        lines, end = [], time.monotonic() + timeout_s
        while not lines or not wanted(lines[-1]):
            line = self.read(end - time.monotonic())
            if not line:
                so_far = "\n".join("%.3f %s %s %s" % line[:4] for line in lines)
                raise LabError("not seen in %d s, only:\n%s" % (timeout_s, so_far))
            lines.append(line)
        return lines

    def stop(self, timeout_s=3):
        """Interrupt it as a person would (Ctrl-C), wait, and return the Lines it still wrote."""
        self._end(signal.SIGINT, timeout_s)
        self.close()
        self._reader.join(1)
        last = list(self._lines.queue)
        return [line for line in last if line]

    def close(self):
        """End it now."""
        if self._process.poll() is None:
            self._end(signal.SIGTERM, 1) or self._end(signal.SIGKILL, 5)
        self._reader.join(1)
        self._process.stdout.close()

    def _end(self, signum, timeout_s):
        self._process.send_signal(signum)
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True
