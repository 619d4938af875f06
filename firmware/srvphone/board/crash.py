"""What crashed, in a file that stays small, and how often in a row (W12).

    guard(machine, files, run)          # run(crashes), on a board; files: has open and rename

    crashes = Crashes(files)
    if crashes.begin(watchdog): ...     # three in a row: start with the network off
    crashes.crashed(text); crashes.calm(); crashes.end()

The first line is `crashes N`, and `running` behind it while the phone runs. Below stand the
traces, newest first, 2,048 bytes in all. `watchdog` says that the board restarts because the
watchdog bit. rp2 shows machine.reset() as the same, so only a run that neither ended nor crashed
counts as bitten; a power cut never does. A file that can't be read counts as none, and one that
can't be written stops nobody.
"""

import io
import sys

from micropython import const

_BYTES = const(2048)
_MOST = const(3)


class Crashes:
    def __init__(self, files, path="crash.txt"):
        self.files = files
        self.path = path
        self.count = 0  # in a row
        self.running = False

    def begin(self, watchdog):
        """A start. True after three crashes in a row; the next start tries once more."""
        text = self._load()
        if self.running and watchdog:
            self.count += 1
            text = b"watchdog\n" + text
        off = self.count >= _MOST
        if off:
            self.count = _MOST - 1
        self._save(not off, text)
        return off

    def crashed(self, text):
        """The phone crashed; `text` is the trace."""
        old = self._load()
        self.count += 1
        self._save(False, text.encode() + old)

    def calm(self):
        """It has run well for long."""
        if self.count:
            text = self._load()
            self.count = 0
            self._save(True, text)

    def end(self):
        """It has ended as it should."""
        self._save(False, self._load())

    def _load(self):
        self.count = 0
        self.running = False
        try:
            with self.files.open(self.path, "rb") as f:
                head, _, text = f.read(_BYTES).partition(b"\n")
            words = head.split()
            if words[0] == b"crashes":
                self.count = int(words[1])
                self.running = len(words) > 2
                return text
        except (OSError, ValueError, IndexError):
            pass
        return b""

    def _save(self, running, text):
        head = b"crashes %d%s\n" % (self.count, b" running" if running else b"")
        try:
            with self.files.open(self.path + ".new", "wb") as f:
                f.write(head)
                f.write(text[: _BYTES - len(head)])
            self.files.rename(self.path + ".new", self.path)
        except OSError:
            pass


def guard(machine, files, run):
    """What run(crashes) returns, 3 if there were too many crashes, 0 after Ctrl-C while it starts.
    A crash restarts the board."""
    crashes = Crashes(files)
    if crashes.begin(machine.reset_cause() == machine.WDT_RESET):
        return 3
    code = 0
    try:
        code = run(crashes)
    except KeyboardInterrupt:
        pass
    except Exception as e:
        try:
            text = io.StringIO()
            sys.print_exception(e, text)
            print(text.getvalue())
            crashes.crashed(text.getvalue())
        finally:
            machine.reset()
    crashes.end()
    return code
