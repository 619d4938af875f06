"""Runs one part of the board test: story, speed or checks, with its arguments.

    micropython launch.py FOLDER PART [ARGUMENT...]

The same on a board, on the unix port and on wasm32. The part's `steps` yields wherever garbage
may be collected: wasm32 does that between calls from JavaScript alone, so there
tools/wasm/run.mjs is the one that calls `turn`. FOLDER is where everything lies.
"""

import gc
import sys

sys.path.insert(0, sys.argv[1])


def all_steps():
    gc.collect()
    yield
    free = gc.mem_free()  # before anything of ours is there
    import common

    yield from __import__(sys.argv[2]).steps(free - common.COULD_GROW, *sys.argv[3:])


def turn():
    """Go on to the next place; False at the end."""
    return next(run, run) is not run


run = all_steps()
while sys.platform != "webassembly" and turn():
    pass
