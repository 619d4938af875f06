"""Reads a settings file in a heap that cannot grow: for host_tests/host/test_settings_heap.py.

    HEAP=BYTES node tools/wasm/run.mjs ROOT PATHS host_tests/settings_heap.py TEXT

Prints bytes that reading took (this port collects no garbage within a turn, so garbage counts),
bytes of what stays, and the faults.
"""

import gc
import sys

from srvphone.account import load


def steps():
    text = sys.argv.pop().encode()
    gc.collect()
    yield
    gc.collect()
    yield
    used = gc.mem_alloc()
    settings, faults = load(text)
    took = gc.mem_alloc() - used
    yield
    gc.collect()
    yield
    print(took, gc.mem_alloc() - used, *faults)
    del settings


run = steps()


def turn():
    """Go on to the next step; False at the end."""
    return next(run, run) is not run
