"""Runs the tests of host_tests/core on a MicroPython, one test a turn, and says how each went.

    micropython host_tests/run_portable.py FILE[:TEST] ...

Prints `pass FILE TEST` or `fail FILE TEST` and a traceback. The tests of a file are found in its
text, in order, since a MicroPython module does not keep the order of its names. `turn()` runs one
test and tells whether there was one; wasm32 frees memory only between calls from JavaScript, so
there tools/wasm/run.mjs is the one that calls it.
"""

import gc
import sys


def tests(choices):
    """Every test that the choices name, in the order of the source: (module, name, function)."""
    for choice in choices:
        path, _, only = choice.partition(":")
        with open(path) as source:
            names = [s[4 : s.find("(")] for s in source if s.startswith("def test_")]
        module = __import__(path.split("/")[-1].split(".")[0])
        for name in names:
            if only in ("", name):
                yield module.__name__, name, getattr(module, name)


def turn():
    """Run the next test; False when there is none left."""
    for module, name, test in todo:
        try:
            test()
            print("pass", module, name)
        except BaseException as e:  # a test that calls sys.exit() has failed like any other
            print("fail", module, name)
            sys.print_exception(e, sys.stdout)
        gc.collect()
        return True
    return False


todo = tests(sys.argv[1:])
while sys.platform != "webassembly" and turn():
    pass
