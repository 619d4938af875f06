"""A board as a script says, for what only a board can do: an old MicroPython, full flash, a line
that is cut at a certain word, power that fails at a certain byte.

    line = Scripted(fs, version=(1, 22, 0))      # fs: Files of a flash_cut.Flash
    monkeypatch.setattr(remote, "connect", lambda device: line)

It has the interface of mpremote's SerialTransport and its file functions. How it differs from the
real thing: what is sent to be run there is run by this Python, with `os`, `open` and the rest of a
board, over littlefs; so syntax and modules are not checked as MicroPython would. No byte goes over
a line, no window is kept, and nothing runs by itself: there is no phone to interrupt, and after
reset() `lines` are what it says. pty_board has all of that, and none of what is here.
"""

import binascii
import errno
import hashlib
from types import ModuleType, SimpleNamespace

from mpremote.transport import Transport, TransportExecError
from mpremote.transport_serial import SerialTransport


class Implementation(tuple):
    """sys.implementation: a tuple with attributes."""


class Serial:
    """The line after a reset: it says what is in `lines`."""

    def __init__(self, text):
        self.text = text
        self.is_open = True
        self.sent = b""
        self.timeout = self.write_timeout = None

    @property
    def in_waiting(self):
        return len(self.text)

    def read(self, size):
        data, self.text = self.text[:size], self.text[size:]
        return data

    def write(self, data):
        self.sent += data

    def cancel_read(self):
        pass

    def close(self):
        self.is_open = False


class Scripted(Transport):
    def __init__(
        self,
        fs,
        version=(1, 28, 0),
        platform="rp2",
        machine="Raspberry Pi Pico W with RP2040",
        mpy=4 << 10 | 6,
        modules=("md5",),
        name="micropython",
        room=None,  # free bytes; None: what littlefs has
        lines="srvphone 0.1.0 on RPI_PICO_W\r\n",
    ):
        self.fs, self.room, self.ran = fs, room, []
        self.cut_at = None  # (words of the code that is cut, the exception)
        self.resets = 0
        self.serial = Serial(b"")
        self.in_raw_repl = False
        self._lines = lines.encode()
        implementation = Implementation((name, version))
        implementation.__dict__.update(_machine=machine, _mpy=mpy)
        hashes = SimpleNamespace(sha256=hashlib.sha256)
        if "md5" in modules:
            hashes.md5 = hashlib.md5
        self._modules = {
            "sys": SimpleNamespace(implementation=implementation, platform=platform),
            "os": SimpleNamespace(
                chdir=lambda path: None,
                statvfs=self._statvfs,
                **{n: getattr(fs, n) for n in ("listdir", "mkdir", "remove", "rename", "rmdir")},
                stat=fs.stat,
            ),
            "gc": SimpleNamespace(collect=lambda: None, mem_free=lambda: 190000),
            "hashlib": hashes,
            "binascii": binascii,
            "machine": SimpleNamespace(reset=self._reset),
            "time": SimpleNamespace(sleep_ms=lambda ms: None),
        }
        self._globals = {"__builtins__": self._builtins()}

    def _builtins(self):
        real = __builtins__ if isinstance(__builtins__, dict) else vars(__builtins__)
        return {**real, "open": self.fs.open, "print": self._print, "__import__": self._import}

    def _import(self, name, *_):
        if name not in self._modules:
            raise ImportError("no module named '%s'" % name)
        module = ModuleType(name)
        module.__dict__.update(vars(self._modules[name]))
        return module

    def _print(self, *values):
        self._out.append(" ".join(map(str, values)) + "\r\n")

    def _statvfs(self, path):
        littlefs = self.fs._littlefs
        if self.room is None:
            free = littlefs.block_count - littlefs.used_block_count
            return (4096, 4096, littlefs.block_count, free)
        return (4096, 4096, 0, self.room // 4096)

    def _reset(self):
        self.resets += 1
        self.serial.text = self._lines

    def enter_raw_repl(self, soft_reset=True, timeout_overall=10):
        assert not soft_reset, "a soft reset would end the Timer that feeds the watchdog"
        self.in_raw_repl = True

    def exit_raw_repl(self):
        self.in_raw_repl = False

    def exec(self, command, data_consumer=None):
        self.ran.append(command)
        self._out = []
        if self.cut_at and self.cut_at[0] in command:
            raise self.cut_at[1]
        try:
            exec(command, self._globals)
        except Exception as e:
            text = "%s: %s" % (type(e).__name__, e)
            if isinstance(e, OSError):
                text = "OSError: [Errno %d] %s" % (e.errno, errno.errorcode.get(e.errno))
            traceback = "Traceback (most recent call last):\r\n%s\r\n" % text
            raise TransportExecError("".join(self._out).encode(), traceback) from None
        return "".join(self._out).encode()

    exec_raw_no_follow = exec
    eval = SerialTransport.eval
