"""The board without hardware behaves as one: what mpremote's own transport sees of it."""

import hashlib
import os
import time

import pytest
from mpremote.transport import TransportExecError
from mpremote.transport_serial import SerialTransport

from srvphone_host.pty_board import PtyBoard

MAIN = """
import time
print("main.py runs")
try:
    while True:
        time.sleep_ms(20)
        print("tick")
except KeyboardInterrupt:
    print("good bye")
    time.sleep_ms(300)
"""


@pytest.fixture(params=[False, True], ids=["uart", "usb"])
def board(request, tmp_path):
    (tmp_path / "main.py").write_text(MAIN)
    with PtyBoard(tmp_path, usb=request.param) as board:
        yield board


@pytest.fixture
def line(board):
    line = SerialTransport(board.port, timeout=5)
    line.enter_raw_repl(soft_reset=False)
    yield line
    line.serial.close()


def said(line, text):
    data = line.read_until(1, text, timeout=5)
    assert data.endswith(text), data
    return data


def test_a_file_is_put_with_flow_control_read_back_and_hashed(board, line, tmp_path):
    data = os.urandom(5000)
    line.fs_writefile("data", data)
    assert line.use_raw_paste  # else the transport has given it up
    assert (tmp_path / "data").read_bytes() == data == line.fs_readfile("data")
    assert line.fs_hashfile("data", "sha256") == hashlib.sha256(data).digest()
    assert line.exec("print(1)\nprint(2)") == b"1\r\n2\r\n"
    with pytest.raises(TransportExecError, match="ZeroDivisionError"):
        line.exec("1/0")
    assert board.resets == []


def test_it_sees_nothing_but_its_files(board, line, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/mine.py").write_text("X = 7")
    assert line.eval("__import__('os').getcwd()") == "/"
    assert set(line.eval("__import__('os').listdir('/')")) == {"rom0", "main.py", "lib"}
    assert line.eval("__import__('mine').X") == 7
    assert line.eval("__import__('sys').argv") == []
    with pytest.raises(TransportExecError, match="ENOENT"):
        line.exec("open(%r)" % str(tmp_path / "main.py"))


def test_ctrl_c_interrupts_what_runs_there(line):
    line.exec_raw_no_follow("import time\nwhile True: time.sleep_ms(10)")
    time.sleep(0.2)
    line.serial.write(b"\x03")
    _, error = line.follow(5)
    assert b"KeyboardInterrupt" in error and line.eval("1 + 1") == 2


def test_a_soft_reset_in_raw_repl_runs_no_main(board, line):
    line.exec("x = 1")
    line.enter_raw_repl(soft_reset=True)
    assert board.resets == ["soft"]
    with pytest.raises(TransportExecError, match="NameError"):
        line.exec("x")


def test_a_soft_reset_at_the_prompt_runs_main(board, line):
    line.exit_raw_repl()
    said(line, b">>> ")
    line.serial.write(b"\x04")
    assert b"MPY: soft reboot\r\n" in said(line, b"main.py runs\r\n")
    said(line, b"tick\r\n")
    line.serial.write(b"\x03")
    said(line, b"good bye\r\n")
    said(line, b">>> ")
    assert board.resets == ["soft"]


def test_a_hard_reset_and_its_cause(board, line):
    assert line.eval("__import__('machine').reset_cause() == __import__('machine').WDT_RESET") == 0
    line.exec_raw_no_follow("import machine, time\ntime.sleep_ms(50)\nmachine.reset()")
    end = time.monotonic() + 5
    while board.resets != ["hard"] and time.monotonic() < end:
        time.sleep(0.01)
    line.serial.close()
    time.sleep(0.6)  # USB comes back
    line = SerialTransport(board.port, timeout=5)
    said(line, b"tick\r\n")
    line.enter_raw_repl(soft_reset=False)
    assert line.eval("__import__('machine').reset_cause() == __import__('machine').WDT_RESET")
    line.serial.close()


def test_a_cable_that_is_pulled_takes_the_power_with_it(board, line, tmp_path):
    board.pull(after=3000)
    with pytest.raises(OSError):
        for _ in range(50):
            line.fs_writefile("data", b"x" * 1000)
    assert (tmp_path / "data").stat().st_size <= 1000
    board.pull()
    assert board.pulled and board._process.poll() is not None
    line.serial.close()
    board.plug()
    again = SerialTransport(board.port, timeout=5)
    said(again, b"tick\r\n")
    again.serial.close()
