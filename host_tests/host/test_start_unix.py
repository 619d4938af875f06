"""The start-up as a board runs it, main.py and all, on MicroPython's unix port in real time.

Rules W6, W11, W12. The firmware is compiled, `import board` finds the data of a real board, and
`network` and `machine` are the stand-ins of tools/standins; servers and sockets are real. A reset
ends the process, and the test plays the power supply: it starts it again.
"""

import json
import os
import queue
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from sim import board as sim_board
from srvphone_host import boards
from srvphone_host.lab import Lab
from srvphone_host.phone_process import ROOT, compile_firmware, find_interpreter

RESET = 77  # the code with which the stand-in machine.reset() ends
SSID, WORD = "home", "wifi-secret"
WATCHDOG_MS = 3000


@pytest.fixture(scope="module")
def firmware(tmp_path_factory):
    place = tmp_path_factory.mktemp("board") / "firmware"
    compile_firmware(place)
    return place


@pytest.fixture
def lab():
    if not find_interpreter().micropython:
        pytest.skip("no MicroPython is here")
    with Lab() as it:
        yield it


class Board:
    """A board on the table: its files stay from start to start."""

    def __init__(self, name, firmware, lab, folder):
        self.firmware, self.folder = firmware, folder
        self.port = sim_board.BOARDS[name][0]
        text = (ROOT / "boards" / name / "board.py").read_text(encoding="utf-8")
        text, n = re.subn(r"(?m)^(WATCHDOG_MS) = \d+", r"\1 = %d" % WATCHDOG_MS, text)
        text, m = re.subn(r'(?m)^BUTTON = "BOOTSEL"', "BUTTON = None", text)  # that is rp2's own
        assert n == 1 and m == (self.port == "rp2")
        (folder / "board.py").write_text(text, encoding="utf-8")
        networks = [{"ssid": SSID, "password": WORD}]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:  # a port that is free
            s.bind(("0.0.0.0", 0))
            port = s.getsockname()[1]
        settings = lab.settings(networks=networks, trace="lines", local_sip_port=port)
        del settings["local_address"]  # DHCP says it
        (folder / "srvphone.json").write_text(json.dumps(settings), encoding="utf-8")
        self.point = {"ssid": SSID, "password": WORD, "on": True}
        self.point.update(address=lab.place.phone[0], dns=lab.place.dns[0])
        self.does = ""
        self.steer()
        self.process = None

    def steer(self, does="", **point):
        """Change the access point, or what the stand-in does."""
        self.point.update(point)
        new = self.folder / "ether.new"
        text = json.dumps({"points": [self.point], "does": does})
        new.write_text(text, encoding="utf-8")
        new.replace(self.folder / "ether.json")

    def start(self, cause=""):
        """Power on, or what comes after a reset."""
        paths = (self.folder, ROOT / "tools/standins", ROOT / "tools", self.firmware)
        self.process = subprocess.Popen(
            [find_interpreter().path, "-X", "heapsize=1M", str(self.firmware / "main.py")],
            cwd=self.folder,
            env={
                **os.environ,
                "MICROPYPATH": os.pathsep.join(map(str, paths)),
                "STANDIN_PORT": self.port,
                "STANDIN_ETHER": str(self.folder / "ether.json"),
                "STANDIN_CAUSE": cause,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.lines, self.said = queue.Queue(), []
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()

    def _read(self, process):
        for raw in process.stdout:
            self.lines.put(raw.decode("utf-8", "replace").rstrip())
        process.stdout.close()
        self.lines.put(None)

    def until(self, wanted, timeout_s=10):
        """Wait for a line of the console that holds the text."""
        end = time.monotonic() + timeout_s
        while True:
            try:
                line = self.lines.get(timeout=max(0.001, end - time.monotonic()))
            except queue.Empty:
                line = None
            assert line is not None, "no %r in:\n%s" % (wanted, "\n".join(self.said))
            self.said.append(line)
            if wanted in line:
                return line

    def ended(self, timeout_s=10):
        """The code with which it ends."""
        code = self.process.wait(timeout_s)
        while True:
            line = self.lines.get(timeout=5)
            if line is None:
                return code
            self.said.append(line)

    def crashes(self):
        return (self.folder / "crash.txt").read_text(encoding="utf-8")

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)


PICO_W, ESP32 = sim_board.PICO_W, sim_board.ESP32


@pytest.fixture
def board(request, firmware, lab, tmp_path):
    made = Board(request.param, firmware, lab, tmp_path)
    yield made
    made.close()


def boards_named(*names):
    return pytest.mark.parametrize("board", names, indirect=True)


def test_w6_simulated_boards_are_the_real_ones():
    for name in sim_board.BOARDS:
        real, made = boards.load(name), sim_board.Board(name)
        for key in (*sim_board.KEYS, "NAME", "NETWORK_PINS"):
            assert getattr(real, key) == getattr(made, key), (name, key)


@boards_named(PICO_W, ESP32)
def test_w6_start_registers_loses_the_network_and_registers_again(board):
    board.start()
    board.until("srvphone 0.1.0 on " + ("RPI_PICO_W" if board.port == "rp2" else "ESP32_GENERIC"))
    board.until("W6 joining " + SSID)
    board.until("W6 up " + board.point["address"])
    board.until("registered 0")
    board.steer(on=False)
    board.until("W6 down")
    board.steer(on=True)
    board.until("W6 up", 20)
    up = time.monotonic()
    board.until("registered 0")
    assert time.monotonic() - up < 5
    board.process.send_signal(signal.SIGINT)
    assert board.ended() == 0, "\n".join(board.said)
    assert board.said[0].startswith("srvphone 0.1.0 on ")
    assert not [line for line in board.said if WORD in line]
    assert "running" not in board.crashes()


@boards_named(ESP32)
def test_w12_crash_leaves_its_trace_and_after_three_the_network_stays_off(board):
    for n in (1, 2, 3):
        board.steer()
        board.start()
        board.until("registered 0")
        board.steer("crash")
        assert board.ended() == RESET
        assert board.crashes().startswith("crashes %d\n" % n)
        assert board.crashes().count("told to crash") == n
    board.steer()
    board.start()
    assert board.ended() == 3
    assert "3 crashes in a row" in board.said[1] and not [s for s in board.said if "W6" in s]
    board.start()  # switched off and on
    board.until("registered 0")


@boards_named(PICO_W)
def test_w11_watchdog_bites_a_real_loop_that_hangs(board):
    board.start()
    board.until("registered 0")
    time.sleep(2 * WATCHDOG_MS / 1000)  # it is fed all the time
    assert board.process.poll() is None
    board.steer("hang")
    hung = time.monotonic()
    assert board.ended() == -signal.SIGKILL
    assert time.monotonic() - hung < WATCHDOG_MS / 1000 + 1
    board.steer()
    board.start("wdt")
    board.until("registered 0")
    assert board.crashes().startswith("crashes 1 running\nwatchdog")
