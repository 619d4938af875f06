"""The tests of host_tests/core, on every interpreter that the phone runs on.

pytest runs them on CPython. Here they run on MicroPython unix (64 bit) and wasm32 (31-bit small
integers, ticks that wrap at 2^30), and once more with the product compiled as for a board. The
names of the tests that ran are compared, so that none is lost on the way.
"""

import functools
import subprocess
import sys

import pytest

import core_tests


@functools.cache
def collected():
    """What pytest finds in host_tests/core, in its order: {module: [test, ...]}."""
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", core_tests.CORE]
    done = subprocess.run(command, cwd=core_tests.ROOT, stdout=subprocess.PIPE, text=True)
    names = {}
    for line in done.stdout.splitlines():
        path, _, test = line.partition("::")
        if test:
            names.setdefault(path.split("/")[-1][:-3], []).append(test)
    return names


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The product as .mpy files."""
    target = tmp_path_factory.mktemp("mpy")
    core_tests.compile_product(target)
    return target


@pytest.mark.parametrize("on", [on for on in core_tests.ON if on != "cpython"])
@pytest.mark.parametrize("file", core_tests.choose([]))
def test_portable(file, on, built):
    try:
        ran, report = core_tests.run(on, [file], built)
    except core_tests.Missing as e:
        pytest.skip(str(e))
    if report:
        pytest.fail(report, pytrace=False)
    module = file.split("/")[-1][:-3]
    assert ran == [(module, test) for test in collected().get(module, ())]
