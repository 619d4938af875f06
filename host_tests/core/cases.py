"""What the portable tests share. Runs on CPython and on MicroPython."""

import json
import sys
from binascii import unhexlify

import micropython

CPYTHON = sys.implementation.name == "cpython"  # which is so fast that it gets more cases
STARTS = (0, 2**29 - 500, 2**30 - 500)  # of the clock, where time matters: it wraps at 2**30
DAY_MS = 86400000
SIP, DNS, TCP = 0, 1, 2  # channels


def raises(exc, f, *args):
    """Call f(*args); the exception `exc` that it must raise is returned."""
    try:
        f(*args)
    except exc as e:
        return e
    raise AssertionError("%s not raised" % exc.__name__)


def vector_text(name):
    """The text of the file `name` of host_tests/vectors, wherever the tests were started."""
    for base in sys.path:
        try:
            with open(base + "/../vectors/" + name) as f:
                return f.read()
        except OSError:
            pass
    raise OSError("no vector file " + name)


def vector(name):
    """What the JSON file `name` of host_tests/vectors holds."""
    return json.loads(vector_text(name))


def dns_messages(name):
    """The DNS messages of a vector file: dicts, with the bytes of each as "data" besides."""
    file = vector(name)
    cases = file["messages"] if "messages" in file else file["vectors"]
    for case in cases:
        case["data"] = unhexlify(case["hex"])
    return cases


class Seeded:
    """A small generator of bytes (xorshift32): the same on every interpreter for one seed."""

    def __init__(self, seed):
        self.hi = seed >> 16 & 0xFFFF
        self.lo = seed & 0xFFFF or 1

    def urandom(self, n):
        out = bytearray(n)
        for i in range(n):
            out[i] = self.next() & 0xFF
        return bytes(out)

    def next(self):
        x = self.hi << 16 | self.lo
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self.hi = x >> 16
        self.lo = x & 0xFFFF
        return x >> 8


def unallocated(f, a, *more):
    """f(a) or f(a, b), which must not allocate: on MicroPython the heap is locked meanwhile."""
    b = more[0] if more else None
    if hasattr(micropython, "heap_lock"):
        micropython.heap_lock()
    try:
        return f(a, b) if more else f(a)
    finally:
        if hasattr(micropython, "heap_lock"):
            micropython.heap_unlock()
