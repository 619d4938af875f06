"""Milliseconds that wrap: the only arithmetic on times in the project.

A time is an int of milliseconds modulo 2**30, as `time.ticks_ms` of a board gives it. Two times
are compared with `diff` alone; `<` between them is a fault. Intervals are below 2**29 ms (6.2
days). Both functions stay within the 31-bit small integers of a 32-bit board.
"""


def later(t, ms):
    """The time `ms` milliseconds after (or, negative, before) the time `t`."""
    return (t - 0x20000000 + ms) & 0x3FFFFFFF ^ 0x20000000


def diff(a, b):
    """Milliseconds from the time `b` to the time `a`: above 0 if `a` is the later one."""
    return ((a - b) & 0x3FFFFFFF ^ 0x20000000) - 0x20000000


def earlier(a, b):
    """The earlier of two times; None is no time."""
    if a is None or b is not None and diff(b, a) < 0:
        return b
    return a
