"""What the portable tests share. Runs on CPython and on MicroPython."""

import json
import sys

import micropython


def raises(exc, f, *args):
    """Call f(*args); the exception `exc` that it must raise is returned."""
    try:
        f(*args)
    except exc as e:
        return e
    raise AssertionError("%s not raised" % exc.__name__)


def vector(name):
    """The JSON file `name` of host_tests/vectors, wherever the tests were started."""
    for base in sys.path:
        try:
            with open(base + "/../vectors/" + name) as f:
                return json.load(f)
        except OSError:
            pass
    raise OSError("no vector file " + name)


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
