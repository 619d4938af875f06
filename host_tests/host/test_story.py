"""A seeded story has one SHA-256 on all interpreters: the trace and every byte on the network."""

import subprocess

import pytest

import core_tests
from sim.story import NAMES, tell


def told(on, seed):
    """What `story.py all SEED` prints on an interpreter."""
    try:
        line, environment = core_tests.command(
            on, "tools/sim/story.py", ["all", str(seed)], core_tests.SOURCE
        )
    except core_tests.Missing as e:
        pytest.skip(str(e))
    return subprocess.run(
        line,
        cwd=core_tests.ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    ).stdout


@pytest.mark.parametrize("on", ["unix", "wasm32"])
def test_sim_stories_are_the_same_on_every_interpreter(on):
    for seed in (1, 2):
        want = ["%s %s" % (name, tell(name, seed).digest()) for name in NAMES]
        assert told(on, seed).split("\n") == want + [""]


@pytest.mark.parametrize("name", NAMES)
def test_sim_stories_do_not_depend_on_the_clock(name):
    digests = {tell(name, 1, tick).digest() for tick in (0, 2**29 - 500, 2**30 - 500)}
    assert len(digests) == 1
