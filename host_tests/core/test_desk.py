"""Flows, events and the out-tray."""

from cases import DNS, SIP, STARTS, TCP, Seeded
from srvphone.clock import later
from srvphone.desk import NAMES, Desk
from srvphone.trace import Trace


def desk(listener=None):
    return Desk(Seeded(1).urandom, Trace(listener))


def waiting(heard, *deadlines):
    """A flow that waits for each deadline in turn and notes the events."""
    try:
        for deadline in deadlines:
            heard.append((yield deadline))
    finally:
        heard.append("over")


def test_desk_a_flow_is_resumed_by_events_and_at_its_deadline():
    for start in STARTS:
        d = desk()
        d.now = start
        heard = []
        flow = d.spawn(waiting(heard, None, later(start, 100), later(start, 200)))
        assert flow.deadline is None and heard == []
        d.run()
        d.post(flow, "a")
        assert heard == []
        d.run()
        assert heard == ["a"] and flow.deadline == later(start, 100)
        d.now = later(start, 99)
        d.run()
        assert heard == ["a"]
        d.now = later(start, 100)
        d.run()
        assert heard == ["a", None] and flow.deadline == later(start, 200)
        d.now = later(start, 300)
        d.run()
        assert heard == ["a", None, None, "over"]
        assert flow.steps is None and flow.deadline is None and d.flows == []


def test_desk_an_event_comes_before_a_deadline_of_the_same_time():
    d = desk()
    heard = []
    flow = d.spawn(waiting(heard, 100, None, None))
    d.run()
    d.now = 100
    d.post(flow, "a")
    d.run()
    assert heard == ["a"]  # and no None for the wait that is over


def test_desk_an_ended_flow_is_told_to_its_parent():
    d = desk()
    heard = []
    parent = d.spawn(waiting(heard, None))
    child = d.spawn(waiting([], 50))
    child.parent = parent
    d.run()
    d.now = 50
    d.run()
    assert heard == [child, "over"] and d.flows == []


def test_desk_closing_runs_the_finally_and_tells_nobody():
    d = desk()
    heard, told = [], []
    parent = d.spawn(waiting(told, None))
    flow = d.spawn(waiting(heard, 50))
    flow.parent = parent
    d.run()
    d.post(flow, "a")
    d.close(flow)
    assert heard == ["over"] and flow.deadline is None and d.flows == [parent]
    d.now = 100
    d.run()
    d.close(flow)
    assert heard == ["over"] and told == []
    unborn = d.spawn(waiting(heard, 50))
    d.close(unborn)
    d.run()
    assert heard == ["over"] and d.flows == [parent]


def test_desk_flows_may_post_to_each_other():
    d = desk()
    heard = []
    flow = d.spawn(waiting(heard, None, None))

    def other():
        d.post(flow, 1)
        yield None
        d.post(flow, 2)

    d.post(d.spawn(other()), "go")
    d.run()
    assert heard == [1, 2, "over"]


def test_desk_out_tray_counts_and_notes():
    records = []
    d = desk(records.append)
    d.send(SIP, b"x", ("192.0.2.1", 5060))
    d.send(DNS, b"y", ("192.0.2.1", 53), 40000)
    d.send(TCP, None, None)
    assert d.out == [
        (SIP, b"x", ("192.0.2.1", 5060), 0),
        (DNS, b"y", ("192.0.2.1", 53), 40000),
        (TCP, None, None, 0),
    ]
    assert [record[2] for record in records] == list(NAMES[:2])
    d.count("a")
    d.count("a")
    d.count("b")
    assert d.counts == {"a": 2, "b": 1}
    d.note("G1", "word", "text")
    assert records[-1][2:5] == ("G1", "word", "text")


# Random numbers, from handed-in bytes.


def test_below_is_uniform_and_in_range():
    desk = Desk(Seeded(7).urandom, None)
    for n in (1, 2, 3, 10, 1000):
        counts = {}
        for _ in range(2000):
            r = desk.below(n)
            assert 0 <= r < n
            counts[r] = counts.get(r, 0) + 1
        if n <= 10:
            assert len(counts) == n
            for r in counts:
                assert abs(counts[r] - 2000 // n) < 250 // n + 100


def test_below_refuses_what_would_favour_small_numbers():
    draws = [b"\x3f\xff\xff\xff", b"\xe0\0\0\0", b"\x1f\xff\xff\xff", b"\0\0\0\0"]
    desk = Desk(lambda n: draws.pop(0), None)
    assert desk.below(1 << 29) == (1 << 29) - 1  # of the first 2**29; the top is drawn again
    assert desk.below(1 << 29) == 0


def test_token_is_hexadecimal():
    assert Desk(lambda n: bytes(range(n)), None).token(4) == b"00010203"
