"""The console and the trace of a phone on a board: a real REPL behind a pseudo-terminal."""

import json
import time

import pytest

from srvphone_host import cli, remote
from srvphone_host.pty_board import PtyBoard

from .terminal import Terminal

# Says what a phone's trace says, again and again.
TALKER = """
import time
print("srvphone 0.1.0 on UNIX")
n = 0
while True:
    n += 1
    print("%d.000 G14 silent 0 192.0.2.1:5060" % n)
    print("%d.001 sip > 192.0.2.1:5060 5 REGISTER sip:\\x1b[31m | 4849500d0a" % n)
    print("what is no note")
    time.sleep_ms(20)
    if n == RESETS:
        import machine
        machine.reset()
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "board").mkdir()
    (tmp_path / "board/main.py").write_text(TALKER.replace("RESETS", "0"))
    return tmp_path / "board"


@pytest.fixture
def board(folder):
    with PtyBoard(folder) as board:
        yield board


def test_the_console_leaves_the_phone_alone_until_ctrl_c(board):
    with Terminal("console", "--port", board.port) as terminal:
        assert "Ctrl-] leaves" in terminal.until("Connected to MicroPython")
        for _ in range(20):  # it goes on talking
            terminal.until("G14 silent")
        assert board.received == 0 and board.resets == []
        terminal.type("\x03")
        terminal.until("KeyboardInterrupt")
        terminal.until(">>> ")
        terminal.type("print(6 * 7)\r")
        terminal.until("\r\n42\r\n")
        terminal.type("\x04")
        terminal.until("srvphone 0.1.0 on UNIX")
        assert board.resets == ["soft"]
        before = board.received
        terminal.type("\x1d")
        code, _ = terminal.end()
        assert code == 0
        time.sleep(0.2)
        assert board.received == before and board.resets == ["soft"]  # the phone goes on


def test_the_console_tells_when_the_board_has_gone(board):
    with Terminal("console", "--port", board.port) as terminal:
        terminal.until("G14 silent")
        board.pull()
        code, output = terminal.end()
    assert code == 1 and "Traceback" not in output and "has gone (the cable?)" in output


def test_the_console_wants_a_terminal(board, capsys):
    assert cli.main(["console", "--port", board.port]) == 2
    assert "wants a terminal" in capsys.readouterr().err
    assert cli.main(["console", "--port", board.port, "--dry-run"]) == 0
    assert "connect %s resume repl" % board.port in capsys.readouterr().out
    assert board.received == 0


def test_the_trace_only_listens(board, capsys):
    assert cli.main(["trace", "--port", board.port, "--seconds", "0.6"]) == 0
    out = capsys.readouterr().out
    assert ".000 account 1: 192.0.2.1:5060 did not answer (G14)\n" in out
    assert ".001 sip > 192.0.2.1:5060 5 REGISTER sip:" in out and "\nwhat is no note\n" in out
    assert "\x1b" not in out and "G14 silent" not in out
    assert board.received == 0 and board.resets == []


def test_the_trace_as_the_board_sends_it(board, capsys):
    assert cli.main(["trace", "--port", board.port, "--seconds", "0.6", "--raw"]) == 0
    out = capsys.readouterr().out
    assert ".000 G14 silent 0 192.0.2.1:5060\n" in out and "did not answer" not in out
    assert "\nwhat is no note\n" in out and "\x1b" not in out


def test_the_trace_in_json(board, capsys):
    assert cli.main(["trace", "--port", board.port, "--seconds", "0.6", "--json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    notes = [record for record in records if record.get("rule") == "G14"]
    assert len(notes) > 5 and set(notes[0]) == {"time", "rule", "event", "text"}
    assert {(n["event"], n["text"]) for n in notes} == {("silent", "0 192.0.2.1:5060")}
    assert [n["time"] for n in notes[1:]] == [n["time"] + 1 for n in notes[:-1]]
    sip = next(record for record in records if record.get("rule") == "sip")
    assert sip["peer"] == ["192.0.2.1", 5060] and sip["length"] == 5
    assert bytes.fromhex(sip["data"]) == b"HIP\r\n"
    assert {"text": "what is no note"} in records


def test_the_trace_goes_on_after_a_reset(folder, capsys):
    (folder / "main.py").write_text(TALKER.replace("RESETS", "20"))
    with PtyBoard(folder, usb=True) as board:
        assert cli.main(["trace", "--port", board.port, "--seconds", "4", "--json"]) == 0
        assert len(board.resets) > 1 and set(board.resets) == {"hard"}
    done = capsys.readouterr()
    times = [json.loads(line).get("time") for line in done.out.splitlines()]
    assert times.count(20.0) > 1 and "(the board has gone; waiting for it)" in done.err


def test_the_trace_ends_at_ctrl_c(board):
    with Terminal("trace", "--port", board.port) as terminal:
        terminal.until("did not answer")
        terminal.interrupt()
        code, output = terminal.end()
    assert code == 0 and "Traceback" not in output and board.received == 0


def test_the_trace_of_a_port_that_another_program_has(board, capsys):
    with remote.Board(board.port):
        assert cli.main(["trace", "--port", board.port, "--seconds", "1"]) == 2
    assert "does not open. Does another program have it" in capsys.readouterr().err
    assert cli.main(["trace", "--port", board.port, "--dry-run"]) == 0
    assert "Would listen" in capsys.readouterr().out
