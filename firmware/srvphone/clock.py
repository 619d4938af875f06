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


class Timer:
    """A wait that may be longer than ticks can count, as seconds run down (45 days of Expires).

    timer = Timer(now, seconds, ms)
    timer.due(now)          # call it when timer.deadline() comes, at least
    """

    def __init__(self, now, seconds, ms=0):
        self.at = later(now, ms)
        self.left_s = seconds

    def due(self, now):
        """Is the wait over?"""
        passed_s = diff(now, self.at) // 1000
        self.at = later(self.at, passed_s * 1000)
        self.left_s -= passed_s
        return self.left_s < 0 or (self.left_s == 0 and diff(now, self.at) >= 0)

    def deadline(self):
        """The time to look again: its end, or 12 h from when `due` was last asked."""
        return later(self.at, min(self.left_s, 43200) * 1000)
