"""A command on a terminal of its own, as a person would use it.

with Terminal("provision", "--port", port) as terminal:
    terminal.until("SIP Server")       # what has come so far
    terminal.type("example.com\\r")
    code, output = terminal.end()
"""

import os
import pty
import select
import signal
import subprocess
import sys
import time

from core_tests import ROOT


class Terminal:
    def __init__(self, *words):
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "srvphone_host", *map(str, words)],
            cwd=ROOT / "tools",
            env={**os.environ, "TERM": "dumb", "COLUMNS": "200"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.output = ""
        self._seen = 0

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(10)
        os.close(self._master)

    def _read(self, timeout_s):
        if not select.select([self._master], [], [], timeout_s)[0]:
            return True
        try:
            data = os.read(self._master, 4096)
        except OSError:  # it has ended
            return False
        self.output += data.decode("utf-8", "replace")
        return bool(data)

    def until(self, text, timeout_s=20):
        """Wait for a text after the one that was waited for last; what has come up to it."""
        end = time.monotonic() + timeout_s
        while text not in self.output[self._seen :]:
            more = self._read(0.1)
            assert more and time.monotonic() < end, "no %r in %r" % (text, self.output)
        start = self._seen
        self._seen = self.output.index(text, start) + len(text)
        return self.output[start : self._seen]

    def type(self, text):
        os.write(self._master, text.encode())

    def interrupt(self):
        """Ctrl-C, once it waits: input() would not notice one between its prompt and its wait."""
        time.sleep(0.3)
        self._process.send_signal(signal.SIGINT)

    def end(self, timeout_s=20):
        """Wait until the command has ended: (its exit code, all that it wrote)."""
        end = time.monotonic() + timeout_s
        while self._read(0.1):
            assert time.monotonic() < end, self.output
        return self._process.wait(5), self.output
