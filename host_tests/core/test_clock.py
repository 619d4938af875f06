"""The arithmetic of wrapping milliseconds."""

from srvphone.clock import diff, later

WRAP = 1 << 30
STARTS = (0, 2**29 - 500, 2**30 - 500, 2**30 - 1)


def test_later_and_diff_wrap():
    for t in STARTS:
        for ms in (0, 1, 499, 500, 501, 3500, 86400000, 259200000, 2**29 - 1):
            assert later(t, ms) == (t + ms) % WRAP
            assert diff(later(t, ms), t) == ms
            assert diff(t, later(t, ms)) == -ms
            assert later(later(t, ms), -ms) == t
