"""A board without hardware: a real MicroPython REPL behind a pseudo-terminal (Linux).

    python -m srvphone_host.pty_board FOLDER      # prints the port; then, elsewhere:
    make flash BOARD=UNIX PORT=/dev/pts/7

    with PtyBoard(folder) as board:
        SerialTransport(board.port)               # mpremote's own

The folder is the board's file system, of which the interpreter (the unix port) sees nothing else.
At power-on and after machine.reset() main.py runs, then comes the REPL. Ctrl-C, raw REPL, raw
paste with its flow control, soft reset (Ctrl-D, sys.exit) and hard reset are those of a board.

How it differs from one:
- sys.platform is "linux", small integers have 63 bits, the heap is `heapsize` of 64-bit words, and
  .mpy files need no architecture. There is no boot.py, and a file is never lost by a power cut:
  what write() was given is there.
- File system and free space are those of the folder's disk; file names are exact.
- What is printed while nobody has the port open is lost, as on rp2; so is what nobody reads for
  half a second.
- machine and network are stand-ins (`paths`), and all hard resets look like those of the watchdog,
  as on rp2. Ctrl-C is noticed where MicroPython looks for signals, which a blocking call of C may
  delay.
- usb=True: the port goes at every hard reset and comes back, as on a board with native USB. Its
  name (a link to the pseudo-terminal) stays; a board's may change.
"""

import contextlib
import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

from srvphone_host.errors import LabError
from srvphone_host.phone_process import ROOT, find_interpreter

RESET = 77  # exit code of the interpreter: a hard reset, as death by a signal is one
# The stand-ins, of which a board without the phone needs `machine`, and what they are made from.
STANDINS = {".": ROOT / "tools/standins", "sim": ROOT / "tools/sim"}
_OF_SIM = ("machine.py", "ether.py")  # the rest of sim wants the phone
_SIGINT_BIT = 1 << (signal.SIGINT - 1)
_BOOTED = b"\x00booted\x00"  # what _BOOT prints when the file system is in place
_RAW = b"raw REPL; CTRL-B to exit\r\n"
_FRIENDLY = b'Type "help()" for more information.\r\n'
_LOST_S = 0.5  # output that nobody has taken for so long is dropped
_USB_S = 0.3  # how long the port of a USB board is away at a reset
_HELD = 65536  # bytes of output that may wait

# Runs first in every interpreter: the folder becomes "/", main.py runs as a board would run it.
# MICROPYINSPECT gives a REPL at the end of the script, but sys.exit in main.py is a reset.
_BOOT = """\
import os, sys
_run, _folder = sys.argv[1:3]
_paths = sys.argv[3:]
sys.argv.clear()
sys.path[:] = ["", ".frozen", "/lib"]
_fs = [os.VfsPosix(path) for path in _paths]
os.umount("/")
os.mount(os.VfsPosix(_folder), "/")
for _n in range(len(_fs)):
    sys.path.append("/rom%d" % _n)
    os.mount(_fs[_n], sys.path[-1])
os.chdir("/")
os.putenv("MICROPYINSPECT", "1")
sys.stdout.write("\\0booted\\0")
del _folder, _paths, _fs
if _run == "1" and "main.py" in os.listdir():
    try:
        execfile("main.py")
    except SystemExit:
        os.unsetenv("MICROPYINSPECT")
        raise
    except BaseException as e:
        sys.print_exception(e)
"""


class PtyBoard:
    """`port` is what to open. `paths`: folders of modules that the board has beside its files and
    the stand-ins; `environ`: what os.getenv says there."""

    def __init__(self, folder, heapsize="1M", paths=(), usb=False, environ=None):
        self._folder = Path(folder).resolve()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._heapsize = heapsize
        self._usb = usb
        self._temporary = tempfile.TemporaryDirectory(prefix="srvphone-board-")
        self._environ = {"PATH": os.environ.get("PATH", ""), **(environ or {})}
        own = Path(self._temporary.name)
        (own / "boot.py").write_text(_BOOT, encoding="utf-8")
        (own / "rom/sim").mkdir(parents=True)
        for name, source in STANDINS.items():
            for file in source.glob("*.py"):
                if name == "." or file.name in _OF_SIM:
                    shutil.copy(file, own / "rom" / name)
        self._paths = [str(own / "rom"), *map(str, paths)]
        interpreter = find_interpreter()
        if not interpreter.micropython or not os.path.exists("/proc/self/status"):
            raise LabError("a board without hardware needs MicroPython (`make setup`) and Linux")
        self._interpreter = interpreter.path
        self._link = own / "ttyBOARD"
        self.resets = []  # "hard" and "soft", as they happened
        self.received = 0  # bytes from the host
        self._limit = None  # pull the cable when so many were received
        self._process = self._thread = None
        self.plug()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        self.pull()
        self._temporary.cleanup()

    @property
    def pulled(self):
        """Has the cable been pulled?"""
        return self._thread is None or not self._thread.is_alive()

    def plug(self):
        """Connect and power it: the port is there, main.py runs."""
        self._limit = None
        self._environ.pop("STANDIN_CAUSE", None)
        self._open()
        self._start(main=True)
        self._wake_read, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def pull(self, after=0):
        """Pull the cable, which is its power, too: now, or when `after` more bytes have come."""
        if after:
            self._limit = self.received + after
        elif self._thread:
            if self._thread.is_alive():
                os.write(self._wake, b"x")
            self._thread.join(10)
            self._thread = None
            os.close(self._wake)
            os.close(self._wake_read)

    def _open(self):
        self._host, slave = _raw_pair()
        self.port = os.ttyname(slave)
        os.close(slave)  # so that the master knows whether somebody has it open
        if self._usb:
            new = self._link.with_suffix(".new")
            new.symlink_to(self.port)
            new.replace(self._link)
            self.port = str(self._link)
        self._to_host, self._stuck = bytearray(), None
        self._to_board, self._since = bytearray(), b""  # to come; what followed a Ctrl-C

    def _unplug(self):
        os.close(self._host)
        self._link.unlink(missing_ok=True)

    def _start(self, main, raw=False):
        """A new interpreter, which runs main.py or not, and begins with the raw REPL or not."""
        self._inner, slave = _raw_pair()
        boot = Path(self._temporary.name) / "boot.py"
        command = [self._interpreter, "-X", "heapsize=" + self._heapsize, str(boot)]
        self._process = subprocess.Popen(
            [*command, "01"[main], str(self._folder), *self._paths],
            cwd=self._temporary.name,
            env=self._environ,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        # All up to this mark is swallowed; after a soft reset in the raw REPL, up to its prompt.
        self._until = _BOOTED
        self._raw_next = raw
        self._raw = False
        self._tail = b""
        self._interrupted = False

    def _stop(self):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(10)
        os.close(self._inner)

    def _serve(self):
        try:
            while self._turn():
                pass
        finally:
            self._stop()
            self._unplug()

    def _turn(self):
        """Pass on what has come. False when the cable is pulled."""
        readers = [self._wake_read]
        if self._connected():
            readers.append(self._host)
        else:
            self._to_host.clear()
        if len(self._to_host) < _HELD:
            readers.append(self._inner)
        writers = [self._host] if self._to_host else []
        readable, writable, _ = select.select(readers, writers, [], 0.02)
        if self._wake_read in readable:
            return False
        if self._host in readable:
            try:
                data = os.read(self._host, 4096)
            except OSError:  # closed just now
                data = b""
            if self._limit is not None:
                data = data[: self._limit - self.received]
            self.received += len(data)
            self._to_board += data
        self._feed()
        if self._limit is not None and self.received >= self._limit:
            return False
        if self._inner in readable:
            try:
                self._show(os.read(self._inner, 4096))
            except OSError:  # it has ended
                self._again()
        if writable:
            self._stuck = None
            with contextlib.suppress(OSError):
                del self._to_host[: os.write(self._host, self._to_host[:1024])]
        elif writers:
            self._stuck = self._stuck or time.monotonic()
            if time.monotonic() > self._stuck + _LOST_S:
                self._to_host.clear()
                self._stuck = None
        return True

    def _connected(self):
        """Has somebody the port open?"""
        poll = select.poll()
        poll.register(self._host, select.POLLIN)
        return not any(events & select.POLLHUP for _, events in poll.poll(0))

    def _feed(self):
        """Give the interpreter what it may have now.

        Ctrl-C is a signal while Python code runs, else a byte. What comes after it waits until
        the REPL is there, whose start throws away what has come before.
        """
        while self._to_board and not self._until:
            in_repl = not termios.tcgetattr(self._inner)[3] & termios.ISIG
            if self._to_board[0] == 3:
                del self._to_board[0]
                if self._runs():
                    self._process.send_signal(signal.SIGINT)
                    self._interrupted = not in_repl
                    self._since = b""
                elif in_repl:
                    os.write(self._inner, b"\x03")
                else:  # between main.py and the REPL
                    self._interrupted = True
            elif self._interrupted and not in_repl:
                again = self._to_board.rfind(3)
                if again < 0:
                    return
                del self._to_board[:again]  # as on a board, where Ctrl-C empties the buffer
            else:
                self._interrupted = False
                end = self._to_board.find(3)
                end = len(self._to_board) if end < 0 else end
                try:
                    count = os.write(self._inner, self._to_board[: min(end, 512)])
                except BlockingIOError:
                    return
                self._since = (self._since + self._to_board[:count])[-64:]
                del self._to_board[:count]

    def _runs(self):
        """Does Python code run? MicroPython catches SIGINT only then."""
        try:
            status = Path("/proc/%d/status" % self._process.pid).read_text(encoding="ascii")
        except OSError:
            return False
        return bool(int(status.partition("SigCgt:")[2].split()[0], 16) & _SIGINT_BIT)

    def _show(self, data):
        self._tail = (self._tail + data)[-4096:]
        if self._until:
            before, mark, after = self._tail.partition(self._until)
            if not mark:
                return
            if self._until == _BOOTED and self._raw_next:  # no main.py: to the raw REPL at once
                self._tail = after
                self._until = _RAW
                os.write(self._inner, b"\x01")
                return
            data = (self._until if self._until == _RAW else b"") + after
            self._until = b""
            self._tail = data
        where = self._tail.rfind(_RAW), self._tail.rfind(_FRIENDLY)
        if max(where) >= 0:
            self._raw = where[0] > where[1]
        self._say(data)

    def _say(self, data):
        # as a board's stdout: every line ends with \r\n
        self._to_host += data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")

    def _again(self):
        """The interpreter has ended: start it again, as a board does."""
        code = self._process.wait(10)
        os.close(self._inner)
        if code == -signal.SIGINT:  # Ctrl-C just when no code ran any more: the REPL is due
            self._to_board[:0] = self._since
            return self._start(main=False)
        soft = 0 <= code != RESET
        self.resets.append("soft" if soft else "hard")
        if soft:
            self._say(b"MPY: soft reboot\r\n")
            return self._start(main=not self._raw, raw=self._raw)
        if self._usb:
            self._unplug()
            time.sleep(_USB_S)
            self._open()
        self._to_board.clear()
        self._environ["STANDIN_CAUSE"] = "wdt"
        self._start(main=True)


def _raw_pair():
    """A pseudo-terminal that changes nothing: (master, which never blocks, slave)."""
    master, slave = os.openpty()
    mode = termios.tcgetattr(slave)
    mode[0] &= ~(termios.ICRNL | termios.IXON)
    mode[1] &= ~termios.OPOST
    # ISIG has no effect here, but goes when MicroPython's REPL begins, which tells that it has.
    mode[3] = termios.ISIG
    termios.tcsetattr(slave, termios.TCSANOW, mode)
    fcntl.fcntl(master, fcntl.F_SETFL, fcntl.fcntl(master, fcntl.F_GETFL) | os.O_NONBLOCK)
    return master, slave


def main(arguments):
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__)
        return 2
    # ended from outside: leave through the `with` block, which ends the interpreter
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with PtyBoard(arguments[0]) as board:
        print(board.port, flush=True)
        print("A board is there as long as this runs (Ctrl-C ends it).", flush=True)
        try:
            while not board.pulled:
                time.sleep(0.5)
        except KeyboardInterrupt:
            pass
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except LabError as e:
        sys.exit(str(e))
