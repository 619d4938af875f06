"""Bytes of heap in use after each stage of a run, on MicroPython wasm32; tools/size.py starts it.

    node tools/wasm/run.mjs ROOT PATHS tools/heap.py LABEL CODE [LABEL CODE ...]

Prints `LABEL<tab>BYTES` for each stage: Python code, all in one namespace. A stage without a label
belongs to the measurement (a simulated network, say); what it takes is not counted. A stage that
leaves an iterator `steps` goes on until that ends, and its figure is the highest after any step.
Every step is a turn and every figure another: this port collects garbage between turns alone.
"""

import gc
import sys


def stages(arguments):
    """Yields after each step, and prints the figures."""
    names = {}
    gc.collect()
    yield
    zero = gc.mem_alloc()
    for i in range(0, len(arguments), 2):
        label = arguments[i]
        before = gc.mem_alloc()
        exec(arguments[i + 1], names)
        steps = names.pop("steps", None)
        gc.collect()
        yield
        most = gc.mem_alloc()
        while steps and next(steps, steps) is not steps:
            gc.collect()
            yield
            most = max(most, gc.mem_alloc())
        if label:
            print("%s\t%d" % (label, most - zero))
        else:
            zero += gc.mem_alloc() - before


def turn():
    """Go on to the end of the next step; False at the end."""
    return next(run, run) is not run


run = stages(sys.argv[1:])
