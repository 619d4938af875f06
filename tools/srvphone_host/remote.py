"""A board at the other end of a cable, spoken to by mpremote's own transport.

    with Board(choose(None)) as board:       # the one board that is plugged in
        board.facts.version                  # (1, 28, 0)
        board.put("srvphone.json.new", data) # in place and compared by its hash, or an error
        line = board.restart()               # "srvphone 0.1.0 on RPI_PICO_W"

The phone there is interrupted by Ctrl-C, which it takes for a good-bye: it un-REGISTERs if its
settings say so. Whatever happens, it is started again at the end. Every error is a sentence:
LabError if the board can't be used, Failed (exit code 1) if it did not do what it should.
"""

import ast
import contextlib
import hashlib
import io
import os
import re
import struct
import threading
import time
from typing import NamedTuple

from srvphone_host.errors import LabError
from srvphone_host.phone_process import MPY_VERSION

OLDEST = 1, 24
MD5_SINCE = 1, 27  # on rp2
FIRST_LINE = re.compile(r"srvphone \S+ on \S+")
SETTINGS = "srvphone.json"
BAUD = 115200

_ENTER_S = 8  # a phone's farewells take up to 5
_QUIET_S = 5  # at most between two bytes that are due
_MISSED_S = 4  # after a reset: if there was a first line, it has been missed
_BANNER = 'Type "help()"'
_CHUNK = 512  # bytes of a file in one go, which the board holds about four times
# sys.implementation._mpy >> 10 (docs/reference/mpyfiles.rst)
_ARCHS = (
    "",
    *("x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp"),
    *("xtensa", "xtensawin", "rv32imc", "rv64imc"),
)

# What a board is asked, all at once.
_FACTS = """\
import gc, os, sys
os.chdir("/")
gc.collect()
_i = sys.implementation
try:
    import hashlib
    _h = hashlib
except ImportError:
    _h = None
try:
    from board import NAME as _n, NETWORK as _w
except Exception:
    _n = _w = ""
_s = os.statvfs("/")
print((_i[0], _i[1][:3], sys.platform, getattr(_i, "_machine", ""), getattr(_i, "_mpy", 0),
    _s[0], _s[0] * _s[3], gc.mem_free(), hasattr(_h, "md5"), _n, _w, os.listdir()))
"""

# Files and folders below the names, as (path, SHA-256) and (path, None). One exec for all: each
# takes its time, and a file that is read here need not be sent.
_LOOK = """\
import hashlib, os
from binascii import hexlify
def _look(path):
    try:
        folder = os.stat(path)[0] & 0x4000
    except OSError:
        return
    if folder:
        print((path, None))
        for name in os.listdir(path):
            _look(path + "/" + name)
        return
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while True:
            data = f.read(512)
            if not data:
                break
            h.update(data)
    print((path, hexlify(h.digest()).decode()))
for _path in %r:
    _look(_path)
"""


class Failed(LabError):
    """It was tried, and did not happen."""

    exit_code = 1


class Port(NamedTuple):
    device: str
    usb: str  # "2e8a:0005"
    text: str

    def __str__(self):
        return "%-14s %s  %s" % self


class Facts(NamedTuple):
    """What a board says of itself."""

    name: str  # of the implementation: "micropython"
    version: tuple
    platform: str  # rp2, esp32, linux
    machine: str  # "Raspberry Pi Pico W with RP2040"
    mpy: int
    block: int  # bytes that a file takes at least
    room: int  # free bytes of the file system
    heap: int  # free bytes, beside a phone that was interrupted
    md5: bool
    board: str  # NAME and NETWORK of board.mpy, "" without
    network: str
    root: list  # names in /

    @property
    def arch(self):
        """As mpy-cross -march has it. Behind it are flags of RISC-V, from MicroPython 1.26 on."""
        number = self.mpy >> 10 & 15
        return _ARCHS[number] if number < len(_ARCHS) else "?"

    @property
    def text(self):
        return "MicroPython %d.%d.%d, %s" % (*self.version, self.machine or self.platform)


def ports():
    """The serial ports at which a board may be: those of USB."""
    from serial.tools import list_ports

    return [
        Port(p.device, "%04x:%04x" % (p.vid, p.pid), p.description or "")
        for p in sorted(list_ports.comports())
        if p.vid is not None and p.pid is not None
    ]


def choose(named):
    """The port to use: the one that was named, else the only one there is."""
    if named:
        return named
    found = ports()
    if len(found) == 1:
        return found[0].device
    if found:
        raise LabError(
            "several boards may be here; name one, as in PORT=%s (or --port):\n  %s"
            % (found[0].device, "\n  ".join(map(str, found)))
        )
    raise LabError(
        "no board is found at any USB port. Is it plugged in, with a cable that carries data? Is\n"
        "MicroPython on it (boards/<NAME>/README.md says how)? May you open its port (on Linux:\n"
        "group dialout)? If you know the port, name it: PORT=/dev/ttyACM0 (or --port).\n"
        "Without any board: python -m srvphone_host.pty_board FOLDER"
    )


def options(parser):
    """The options that all commands for a board have."""
    parser.add_argument(
        "--port", metavar="PORT", help="the board's serial port; not needed if there is but one"
    )


def connect(device):
    """mpremote's transport. LabError if the port does not open."""
    from mpremote.transport import TransportError
    from mpremote.transport_serial import SerialTransport

    try:
        transport = SerialTransport(device, baudrate=BAUD, timeout=_QUIET_S)
    except (TransportError, OSError, ValueError):
        raise LabError(not_open(device)) from None
    transport.serial.write_timeout = _QUIET_S
    return transport


def not_open(device):
    if not os.path.exists(device) and device.startswith("/"):
        there = "\n  ".join(map(str, ports())) or "none"
        return "there is no port %s. Serial ports of USB that are here:\n  %s" % (device, there)
    return (
        "%s does not open. Does another program have it (a console, a trace)? May you open it\n"
        "(on Linux: group dialout; then log in anew)?" % device
    )


def _broken():
    # What a transport raises when the line is cut or what comes is no answer.
    from mpremote.transport import TransportError

    try:
        from termios import error
    except ImportError:  # Windows
        error = OSError
    return TransportError, OSError, struct.error, UnicodeDecodeError, error


class Board:
    """A board in raw REPL. `with` sees to it that the phone runs again afterwards."""

    def __init__(self, device, out=None):
        self.device = device
        self.out = out
        self.broken = False  # is the line cut?
        self._idle = False  # is there nothing that would have to be started again?
        self.left = "Nothing on it was changed."  # what holds if the line is cut now
        self.transport = connect(device)
        try:
            self._enter()
            self.facts = self._facts()
        except BaseException:
            self._close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if not self._idle and not self.broken:
            with contextlib.suppress(Exception):
                self._reset()
        self._close()

    def _close(self):
        with contextlib.suppress(Exception):
            if self.transport.serial.is_open and self.transport.in_raw_repl:
                self.transport.exit_raw_repl()
        # Not the transport's own, which stumbles over a port that has gone.
        with contextlib.suppress(Exception):
            self.transport.serial.close()

    def _enter(self):
        # No soft reset. The phone may have started the watchdog, which nothing but a hard reset
        # stops. Interrupted by Ctrl-C it feeds it from a Timer on; a soft reset would end the
        # Timer, and then an RP2040 starts anew after 8 s, in the middle of what is done here.
        #
        # It may have reset itself just then, so this is said twice.
        try:
            self._enter_once()
        except _broken():
            try:
                self._enter_once()
            except _broken():
                raise LabError(
                    "what is at %s does not answer as MicroPython does. Is MicroPython on the\n"
                    "board (boards/<NAME>/README.md says how)? If so, plug it in anew and try "
                    "again." % self.device
                ) from None

    def _enter_once(self):
        # The transport prints what it did not expect, and waits as long as something comes; and a
        # board that starts over and over again has much to say.
        enough = threading.Timer(_ENTER_S + 1, self.transport.serial.cancel_read)
        enough.start()
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                self.transport.enter_raw_repl(soft_reset=False, timeout_overall=_ENTER_S)
        finally:
            enough.cancel()

    def run(self, code, show=None):
        """What `code` prints there. show(data) gets it byte by byte as it comes, if it is given.
        Failed if it raises an exception there or the line is cut."""
        from mpremote.transport import TransportExecError

        try:
            return self.transport.exec(code, data_consumer=show).decode()
        except TransportExecError as e:
            # The last line alone: MicroPython shows no source there, so nothing that was sent.
            raise Failed(_refusal(e.error_output)) from None
        except _broken():
            raise self._cut() from None

    def _cut(self):
        self.broken = True
        return Failed(
            "the line to %s was cut (the cable?). %s\nPlug the board in and say it again."
            % (self.device, self.left)
        )

    def _records(self, code):
        lines = self.run(code).splitlines()
        try:
            return [ast.literal_eval(line) for line in lines if line]
        except (ValueError, SyntaxError):
            raise self._cut() from None

    def _facts(self):
        try:
            ((name, version, *more),) = self._records(_FACTS)
            return Facts(name, version, *more)
        except (ValueError, TypeError):
            raise self._cut() from None

    def check_version(self):
        """LabError if the phone can't run on the MicroPython that is there."""
        facts = self.facts
        if facts.name != "micropython":
            raise LabError("on %s is %s, not MicroPython." % (self.device, facts.name))
        if facts.version[:2] < OLDEST:
            raise LabError(
                "MicroPython %d.%d.%d on %s is too old: the phone asks the network for its\n"
                "address and DNS servers by ipconfig(), which came with 1.24. "
                "boards/<NAME>/README.md says\nhow to put a new one on the board."
                % (*facts.version, self.device)
            )
        if facts.mpy & 255 != MPY_VERSION:
            raise LabError(
                "MicroPython %d.%d.%d on %s loads .mpy files of version %d; the compiler here,\n"
                "mpy-cross, makes version %d. Take a MicroPython that loads those."
                % (*facts.version, self.device, facts.mpy & 255, MPY_VERSION)
            )

    def look(self, *names):
        """{path: SHA-256 in hex, or None for a folder} of all that is there below the names."""
        return dict(self._records(_LOOK % (names,)))

    def put(self, path, data, sent=lambda count: None):
        """Write a file. It is read back and compared by its hash. sent(count): bytes so far."""
        from mpremote.transport import TransportExecError

        try:
            self.transport.fs_writefile(
                path, data, _CHUNK, progress_callback=lambda count, _: sent(count)
            )
            found = self.transport.fs_hashfile(path, "sha256", 512)
        except TransportExecError as e:
            raise Failed("%s: %s" % (path, _refusal(e.error_output))) from None
        except OSError as e:
            # of the board if mpremote made it, which then has the path in it; else of the line
            if e.args[1:] == (path,):
                raise Failed("%s: %s" % (path, _refusal("OSError: %d" % e.errno))) from None
            raise self._cut() from None
        except _broken():
            raise self._cut() from None
        if found != hashlib.sha256(data).digest():
            raise Failed(
                "%s did not arrive as it was sent, and was not used. A bad cable, or flash that\n"
                "is worn out?" % path
            )

    def read(self, path):
        """A file's bytes; None if there is no such file."""
        if path not in self.look(path):
            return None
        try:
            return bytes(self.transport.fs_readfile(path, 512))
        except _broken():
            raise self._cut() from None

    def _reset(self):
        # The pause is for what was said to come through.
        self.transport.exec_raw_no_follow(
            "import machine, time\ntime.sleep_ms(50)\nmachine.reset()"
        )
        self.transport.in_raw_repl = False

    def reset(self):
        """Start it anew, and do not wait for anything."""
        self._idle = True
        with contextlib.suppress(*_broken()):
            self._reset()

    def restart(self, timeout_s=15):
        """Reset it. The phone's first line; Failed, with what came instead, if there is none.

        A board with native USB goes and comes back meanwhile, and what it said before we had its
        port again is lost. So if nothing comes, it is interrupted and started by Ctrl-D.
        """
        self.reset()
        said, end, again = [], time.monotonic() + timeout_s, time.monotonic() + _MISSED_S
        with Lines(self.device, self.transport.serial) as lines:
            while time.monotonic() < end:
                text = lines.read(0.2)
                if text:
                    said.append(text)
                    found = FIRST_LINE.search(text)
                    if found:
                        return found.group()
                if again and time.monotonic() > again and lines.write(b"\r\x03"):
                    again = None
                    time.sleep(1)
                    lines.write(b"\x04")
                elif again and text and _BANNER in text:
                    break  # main.py has ended
        came = "\n  ".join(said[-12:])
        raise Failed(
            "the phone was started, but did not say its first line. %s"
            % ("Instead:\n  " + came if came else "`make console` shows more.")
        )


def _refusal(traceback):
    # A board's exception in a sentence
    last = (traceback.strip().splitlines() or ["no answer"])[-1]
    if re.search(r"ENOSPC|OSError: (\[Errno )?28\b", last):
        return "the board's file system is full"
    if "MemoryError" in last:
        return "the board has too little memory for this (%s)" % last
    return "the board says: %s" % last


class Lines:
    """The lines that a board prints. It may go and come: the port is opened again."""

    def __init__(self, device, line=None):
        self._device = device
        self._line = line
        self._rest = b""
        self.gone = False  # just now

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        if self._line:
            with contextlib.suppress(Exception):
                self._line.close()
        self._line = None

    def open(self):
        """Open the port: is it open?"""
        import serial

        if self._line:
            return True
        try:
            self._line = serial.serial_for_url(
                self._device, baudrate=BAUD, timeout=0.1, exclusive=True
            )
        except _broken():
            return False
        self.gone = False
        return True

    def write(self, data):
        """Is it sent?"""
        if self._line:
            try:
                self._line.write(data)
                return True
            except _broken():
                self._lost()
        return False

    def read(self, timeout_s):
        """The next line, without its end; None if none came; "" if the port has just gone."""
        end = time.monotonic() + timeout_s
        while True:
            head, newline, rest = self._rest.partition(b"\n")
            if newline:
                self._rest = rest
                text = head.rstrip(b"\r").decode("utf-8", "replace")
                if text:
                    return text
                continue
            if time.monotonic() >= end:
                return None
            if not self.open():
                time.sleep(0.1)
                continue
            try:
                self._line.timeout = 0.1
                self._rest += self._line.read(self._line.in_waiting or 1)
            except _broken():
                self._lost()
                return ""

    def _lost(self):
        self.close()
        self._rest = b""
        self.gone = True
