"""Lint and types hold: `make lint` and `make types`, as parts of the tests."""

import subprocess

import pytest

from core_tests import ROOT


@pytest.mark.parametrize("target", ["lint", "types"])
def test_make(target, need):
    command = [need("make"), "-C", str(ROOT), "--no-print-directory", target]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, "\n" + done.stdout
