"""A board's memory, on wasm32: objects of a board's size in a heap that can't grow."""

import pytest

import size
from srvphone_host import board_test
from srvphone_host.errors import LabError


def story(*arguments):
    """The rows of the board test's story, and all that it printed."""
    results = board_test.Results(size.SMALL)
    lines = []

    def take(line):
        results.take(line)
        lines.append(line)

    try:
        with board_test.Wasm32() as place:
            place.part(take, "story", *arguments)
    except LabError as e:
        pytest.skip(str(e))
    return results.rows, "\n".join(lines)


def test_w9_a_pico_w_has_enough_left_when_registered():
    rows, text = story()
    assert abs(rows["free_start"] - size.FREE) < 1024, text
    assert rows["free_start"] - rows["free_registered"] <= size.LOADED
    assert rows["over"] == "yes"


def test_w9_with_88_kib_free_the_phone_fails_over_and_back():
    rows, text = story(size.SMALL)
    assert rows["small_grows"] == 0  # what is free is all there is
    # 5 KB for the garbage of one turn, which wasm32 does not collect before its end
    assert abs(rows["small_free"] - size.SMALL - 5120) < 256
    assert rows.get("small") == "yes", text


def test_the_small_heap_is_really_bounded():
    """With half of it the same story ends in a MemoryError."""
    rows, text = story(size.SMALL // 2)
    assert "MemoryError" in text and "small" not in rows
