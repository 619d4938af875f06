"""The arithmetic of wrapping milliseconds."""

from cases import STARTS
from srvphone.clock import diff, later

WRAP = 1 << 30


def test_later_and_diff_wrap():
    for t in STARTS + (WRAP - 1,):
        for ms in (0, 1, 499, 500, 501, 3500, 86400000, 259200000, 2**29 - 1):
            assert later(t, ms) == (t + ms) % WRAP
            assert diff(later(t, ms), t) == ms
            assert diff(t, later(t, ms)) == -ms
            assert later(later(t, ms), -ms) == t
