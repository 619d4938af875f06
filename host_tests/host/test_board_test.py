"""`srvphone board-test`: the same table from the unix port, wasm32, and a REPL at a terminal."""

import json
import time

import pytest

from srvphone_host import board_test, cli
from srvphone_host.errors import LabError

MAIN = "print('srvphone 0 on UNIX')\nimport time\nwhile True:\n    time.sleep(1)\n"


def table(capsys, *arguments):
    """(exit code, what --json prints)."""
    try:
        code = cli.main(["board-test", "--json", *arguments])
    except LabError as e:
        pytest.skip(str(e))
    return code, json.loads(capsys.readouterr().out)


def whole(record):
    """Every row has a figure, and every test has passed."""
    rows = record["rows"]
    assert set(board_test.ROWS) - set(rows) <= {"small_end"}
    names = sum(path.read_text().count("\ndef test_") for path in board_test.TESTS)
    assert (rows["passed"], rows["failed"]) == (names, 0)
    assert record["faults"] == []
    assert rows["over"] == "yes"
    return rows


@pytest.mark.parametrize("on", ["unix", "wasm32"])
def test_a_table_as_of_a_board(capsys, on):
    code, record = table(capsys, "--on", on)
    rows = whole(record)
    assert code == 0
    assert rows["md5_own"] > 0 and rows["loop_us"] > 0
    assert (rows["md5_hashlib"] == "none") == (on == "wasm32")


def test_a_board_is_left_as_it_was(capsys, tmp_path):
    """Through mpremote's transport; the phone there starts again."""
    from srvphone_host.pty_board import PtyBoard

    (tmp_path / "main.py").write_text(MAIN)
    try:
        place = PtyBoard(tmp_path)
    except LabError as e:
        pytest.skip(str(e))
    with place as board:
        code, record = table(capsys, "--port", board.port)
        end = time.monotonic() + 10
        while "hard" not in board.resets and time.monotonic() < end:
            time.sleep(0.05)
        assert board.resets == ["soft"] * 4 + ["hard"]
    assert code == 0
    assert whole(record)["small"] == "yes"
    assert [path.name for path in tmp_path.iterdir()] == ["main.py"]


def test_a_cut_is_seen():
    """What a board said before it fell silent counts, and what is missing is named."""
    results = board_test.Results(90112)
    for line in ("pass test_md5 a", "fail test_md5 b", "row free_start 199376"):
        results.take(line)
    faults = results.faults()
    assert "failed: test_md5 b" in faults
    assert "the tests were not run to the end" in faults
    assert not any("free heap at the start" in fault for fault in faults)


def test_limits_are_verdicts_on_a_pico_w_alone():
    for machine, verdict in (("Raspberry Pi Pico W with RP2040", False), ("ESP32", None)):
        results = board_test.Results(90112)
        for line in ("row query_ms 401", "row free_registered 117455", "row small no"):
            results.take(line)
        results.take("row machine " + machine)
        for key in ("query_ms", "free_registered", "small", "register_ms"):
            assert results.verdict(key) is verdict
        for line in ("row query_ms 400", "row free_registered 117456", "row small yes"):
            results.take(line)
        for key in ("query_ms", "free_registered", "small"):
            assert results.verdict(key) is (None if verdict is None else True)


def test_every_board_says_how_much_heap_should_stay_free():
    results = board_test.Results(90112)
    for line in ("row machine ESP32", "row heap_free 40000", "row free_registered 39999"):
        results.take(line)
    assert results.verdict("free_registered") is False and results.verdict("small") is None
    results.take("row free_registered 40000")
    assert results.verdict("free_registered") is True


def test_the_rooms_are_those_of_the_start():
    rooms = board_test.rooms().split()
    assert {"core", "phone", "sip.registration", "board.runner"} <= set(rooms)
