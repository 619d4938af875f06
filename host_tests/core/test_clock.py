"""The arithmetic of wrapping milliseconds, and timers longer than it can count."""

from srvphone.clock import Timer, diff, later

WRAP = 1 << 30
STARTS = (0, 2**29 - 500, 2**30 - 500, 2**30 - 1)


def test_later_and_diff_wrap():
    for t in STARTS:
        for ms in (0, 1, 499, 500, 501, 3500, 86400000, 259200000, 2**29 - 1):
            assert later(t, ms) == (t + ms) % WRAP
            assert diff(later(t, ms), t) == ms
            assert diff(t, later(t, ms)) == -ms
            assert later(later(t, ms), -ms) == t


def test_timer_counts_seconds_longer_than_ticks():
    for t in STARTS:
        for seconds in (1, 60, 43200, 43201, 3888000):
            timer = Timer(t, seconds)
            passed_s = 0
            now = t
            while not timer.due(now):
                step = diff(timer.deadline(), now)
                assert 0 < step <= 43200000
                now = later(now, step)
                passed_s += step // 1000
            assert passed_s == seconds


def test_timer_with_milliseconds():
    for t in STARTS:
        timer = Timer(t, 10, -2500)
        assert not timer.due(later(t, 7499))
        assert timer.due(later(t, 7500))
        timer = Timer(t, 1, 250)
        assert diff(timer.deadline(), t) == 1250
        assert not timer.due(later(t, 1249))
        assert timer.due(later(t, 1250))


def test_timer_asked_often_does_not_drift():
    timer = Timer(0, 100)
    now = 0
    while not timer.due(now):
        now = later(now, 7)
    assert 100000 <= now < 100007
