"""The longest settings file on wasm32, in a heap that cannot grow (W8)."""

import os
import subprocess

import pytest

from core_tests import ROOT, SOURCE, command
from test_account import SHORT, longest


@pytest.mark.parametrize("heap,faults", [(400000, []), (200000, SHORT), (110000, SHORT)])
def test_w8_a_file_that_is_too_long_for_the_heap_is_said_to_be(heap, faults):
    text = longest().decode()
    line, _ = command("wasm32", "host_tests/settings_heap.py", [text], SOURCE)
    done = subprocess.run(
        line,
        cwd=ROOT,
        env={**os.environ, "HEAP": str(heap)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    took, stays, said = (done.stdout.rstrip("\n") + " ").split(" ", 2)
    assert said.strip() == "".join(faults)
    assert int(took) < 256 * 1024 and int(stays) < 16 * 1024
