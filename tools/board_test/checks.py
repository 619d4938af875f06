"""The part `checks`: runs the tests that tests.txt names, and says of each how it went."""

import gc
import sys

from common import folder


def steps(_):
    with open(folder() + "tests.txt") as source:
        tests = [line.split() for line in source]
    passed = failed = 0
    for name, test in tests:
        gc.collect()
        yield
        try:
            module = sys.modules.get(name)
            if not module:
                for old, _ in tests:  # a board has no room for all of them at once
                    sys.modules.pop(old, None)
                gc.collect()
                module = __import__(name)
            getattr(module, test)()
            passed += 1
            print("pass", name, test)
        except Exception as e:
            failed += 1
            print("fail", name, test)
            sys.print_exception(e, sys.stdout)
        module = None
    print("row passed", passed)
    print("row failed", failed)
