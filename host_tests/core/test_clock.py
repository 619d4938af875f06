"""The arithmetic of wrapping milliseconds. A board runs this file alone, without `cases`."""

from srvphone.clock import diff, earlier, later

WRAP = 1 << 30
STARTS = (0, 2**29 - 500, 2**30 - 500, 2**30 - 1)


def test_later_and_diff_wrap():
    for t in STARTS:
        for ms in (0, 1, 499, 500, 501, 3500, 86400000, 259200000, 2**29 - 1):
            assert later(t, ms) == (t + ms) % WRAP
            assert diff(later(t, ms), t) == ms
            assert diff(t, later(t, ms)) == -ms
            assert later(later(t, ms), -ms) == t


def test_the_earlier_of_two_times_none_is_no_time():
    for t in STARTS:
        for ms in (0, 1, 3500, 2**29 - 1):
            assert earlier(t, later(t, ms)) == earlier(later(t, ms), t) == t
        assert earlier(t, None) == earlier(None, t) == t
    assert earlier(None, None) is None
