"""Tasks, events, the out-tray and the surface of the core."""

from cases import STARTS, Seeded, raises
from srvphone.clock import later
from srvphone.core import CLOSED, DATA, DNS, NAMES, OPENED, SIP, TCP, Core, Task
from srvphone.trace import Trace


def made(listener=None):
    return Core(Seeded(1).urandom, Trace(listener))


def waiting(heard, *deadlines):
    """A task that waits for each deadline, or a word, in turn and notes the events."""
    try:
        for deadline in deadlines:
            heard.append((yield deadline, str))
    finally:
        heard.append("over")


def test_core_a_task_is_resumed_by_events_and_at_its_deadline():
    for start in STARTS:
        core = made()
        core.now = start
        heard = []
        task = core.spawn(waiting(heard, None, later(start, 100), later(start, 200)))
        assert task.deadline is None and heard == []
        core.run()
        core.post(task, "a")
        assert heard == []
        core.run()
        assert heard == ["a"] and task.deadline == later(start, 100) == core.deadline()
        core.wake(later(start, 99))
        assert heard == ["a"]
        core.wake(later(start, 100))
        assert heard == ["a", None] and task.deadline == later(start, 200)
        assert task.alive()
        core.wake(later(start, 300))
        assert heard == ["a", None, None, "over"]
        assert not task.alive() and core.deadline() is None and core.tasks == []


def test_core_an_event_comes_before_a_deadline_of_the_same_time():
    core = made()
    heard = []
    task = core.spawn(waiting(heard, 100, None, None))
    core.run()
    core.post(task, "a")
    core.wake(100)
    assert heard == ["a"]  # and no None for the wait that is over


def test_core_events_of_another_kind_stay_until_they_are_asked_for():
    core = made()
    heard = []

    def choosy():
        heard.append((yield None, int))
        heard.append((yield 100, (Task, bytes)))
        heard.append((yield None, (str, int)))
        heard.append((yield 200, ()))
        heard.append((yield None, (str, int)))

    task = core.spawn(choosy())
    core.run()
    core.post(task, "first")
    core.post(task, "second")
    core.run()
    assert heard == []
    core.post(task, 1)
    core.run()
    assert heard == [1]
    core.wake(100)
    assert heard == [1, None, "first"]
    core.wake(200)
    assert heard == [1, None, "first", None, "second"] and core.tasks == []


def test_core_what_was_not_asked_for_goes_with_the_task():
    core = made()
    ending, closed = core.spawn(waiting([], 100)), core.spawn(waiting([], 200))
    core.run()
    for task in (ending, closed):
        core.post(task, 1)
    core.wake(100)
    core.close(closed)
    assert core._events == []
    core.post(closed, "a")
    core.offer(closed, "a")
    assert core._events == []


def test_core_an_offer_counts_only_if_the_task_waits_for_it_now():
    core = made()
    heard = []

    def choosy():
        heard.append((yield None, int))
        heard.append((yield None, str))

    task = core.spawn(choosy())
    core.offer(task, "before its first step")
    core.run()
    core.offer(task, "not now")
    core.offer(task, 1)
    core.run()
    core.offer(task, "now")
    core.run()
    assert heard == [1, "now"]


def test_core_only_a_task_can_wait():
    core = made()
    seen = []

    def looks():
        seen.append(core.current_task())
        yield None, ()

    assert "no task" in str(raises(RuntimeError, core.current_task))
    task = core.spawn(looks())
    core.run()
    assert seen == [task]
    raises(RuntimeError, core.current_task)  # nor is the last one that ran

    def fails():
        raise OSError
        yield

    core.spawn(fails())
    raises(OSError, core.run)
    raises(RuntimeError, core.current_task)


def test_core_an_ended_task_is_told_to_its_parent():
    core = made()
    heard = []

    def parents():
        heard.append((yield None, Task))

    child = core.spawn(waiting([], 50), core.spawn(parents()))
    core.run()
    core.wake(50)
    assert heard == [child] and core.tasks == []


def test_core_closing_runs_the_finally_and_tells_nobody():
    core = made()
    heard, told = [], []
    parent = core.spawn(waiting(told, None))
    task = core.spawn(waiting(heard, 50), parent)
    core.run()
    core.post(task, "a")
    core.close(task)
    assert heard == ["over"] and task.deadline is None and core.tasks == [parent]
    core.wake(100)
    core.close(task)
    assert heard == ["over"] and told == []
    unborn = core.spawn(waiting(heard, 50))
    core.close(unborn)
    core.run()
    assert heard == ["over"] and core.tasks == [parent]
    core.spawn(waiting(heard, 500))
    core.run()
    core.close_all()
    assert heard == ["over", "over"] and told == ["over"] and core.tasks == []


def test_core_tasks_may_post_to_each_other():
    core = made()
    heard = []
    task = core.spawn(waiting(heard, None, None))

    def other():
        core.post(task, "1")
        yield None, str
        core.post(task, "2")

    core.post(core.spawn(other()), "go")
    core.run()
    assert heard == ["1", "2", "over"]


class Room:
    """Notes what it is told, with the time."""

    def __init__(self, core):
        self.core = core
        self.heard = []
        self.due = None

    def receive(self, data, address, cut):
        self.heard.append((self.core.now, data, address))

    def failed(self, address):
        self.heard.append((self.core.now, address))

    def stream(self, event, data):
        self.heard.append((self.core.now, event, data))

    def wake(self):
        self.heard.append((self.core.now, "wake"))

    def deadline(self):
        return self.due


def test_core_what_comes_in_goes_to_who_is_there_for_it():
    core = made()
    sip, dns = Room(core), Room(core)
    core.on(SIP, sip.receive, sip.failed)
    core.on(DNS, dns.receive, dns.failed)
    core.receive(SIP, b"x", ("192.0.2.1", 5060), 10)
    core.receive(DNS, b"y", ("192.0.2.2", 53), 20)
    core.failed(SIP, None, 111, 30)
    core.failed(DNS, ("192.0.2.2", 53), 111, 40)
    assert sip.heard == [(10, b"x", ("192.0.2.1", 5060)), (30, None)]
    assert dns.heard == [(20, b"y", ("192.0.2.2", 53)), (40, ("192.0.2.2", 53))]
    assert core.counts == {"errno 111": 2}


def test_core_a_happening_resumes_who_waits_for_it():
    core = made()
    heard = []
    task = core.spawn(waiting(heard, None))
    core.turn(5, core.post, task, "a")
    assert heard == ["a", "over"] and core.now == 5


def test_w9_that_memory_was_short_is_said_once_it_is_there():
    records = []
    core = made(records.append)
    core.turn(1, starving)
    core.wake(2)
    core.wake(3)
    assert [record[2:5] for record in records] == [("W9", "no-memory", "times 1")]
    core._told = 0
    core.note = starving  # still not
    core.wake(4)
    core.wake(5)
    assert core.starved == 3  # one try for each time


def starving(*arguments):
    raise MemoryError


def test_w9_no_memory_error_leaves_the_core():
    core = made()
    room = Room(core)
    core.on(SIP, starving, starving)
    core.receive(SIP, b"x", ("192.0.2.1", 5060), 1)
    core.failed(SIP, None, 111, 2)
    room.stream = starving
    core.stream(core.connect(room, b"x", ("192.0.2.1", 53)), DATA, b"y", 3)
    room.wake = starving
    core.has_timers(room)
    core.wake(4)
    assert core.starved == 4 and core.now == 4
    # What waits for something else goes on.
    heard = []
    core.spawn(waiting(heard, 5))
    core.wake(5)
    core.wake(6)
    assert heard == [None, "over"] and core.starved == 6


def test_w9_a_task_that_lacks_memory_ends_and_its_parent_is_told():
    core = made()
    heard = []

    def parents():
        heard.append((yield None, Task))

    def starves():
        try:
            yield 10, ()
            starving()
        finally:
            heard.append("over")

    child = core.spawn(starves(), core.spawn(parents()))
    core.run()
    core.wake(10)
    assert heard == ["over", child] and core.starved == 1 and core.tasks == []


def test_core_a_stream_is_known_by_its_number():
    core = made()
    one, two = Room(core), Room(core)
    first = core.connect(one, b"\0\1x", ("192.0.2.1", 53))
    second = core.connect(two, b"\0\1y", ("192.0.2.2", 53))
    assert core.take(1) == [
        (TCP, b"\0\1x", ("192.0.2.1", 53), first),
        (TCP, b"\0\1y", ("192.0.2.2", 53), second),
    ]
    core.stream(second, OPENED, None, 10)
    core.stream(first, DATA, b"z", 20)
    assert two.heard == [(10, OPENED, None)] and one.heard == [(20, DATA, b"z")]
    core.disconnect(first)
    assert core.take(30) == [(TCP, None, None, first)]
    core.stream(first, CLOSED, None, 30)  # too late
    core.stream(7, DATA, b"z", 30)  # nobody's
    assert len(one.heard) == len(two.heard) == 1
    core._last_stream = 0xFFFF
    assert core.connect(one, b"\0\1x", ("192.0.2.1", 53)) == 1


def test_core_tables_with_timers_are_woken():
    for start in STARTS:
        core = made()
        assert core.deadline() is None
        one, two = Room(core), Room(core)
        core.has_timers(one)
        core.has_timers(two)
        two.due = later(start, 100)
        core.spawn(waiting([], later(start, 50)))
        assert core.deadline() == two.due
        core.wake(start)
        assert core.deadline() == later(start, 50)
        one.due = later(start, 20)
        assert core.deadline() == one.due
        assert one.heard == two.heard == [(start, "wake")]


def test_core_out_tray_counts_and_notes():
    records = []
    core = made(records.append)
    core.send(SIP, b"x", ("192.0.2.1", 5060))
    core.send(DNS, b"y", ("192.0.2.1", 53), 40000)
    core.send(DNS, None, None)
    assert core.take(7) == [
        (SIP, b"x", ("192.0.2.1", 5060), 0),
        (DNS, b"y", ("192.0.2.1", 53), 40000),
        (DNS, None, None, 0),
    ]
    assert core.now == 7 and core.take(7) == []
    assert [record[2] for record in records] == list(NAMES[:2])
    core.count("a")
    core.count("a")
    core.count("b")
    assert core.counts == {"a": 2, "b": 1}
    core.note("G1", "word", "text", ("192.0.2.1", 53), 7)
    assert records[-1][2:5] == ("G1", "word", "text 192.0.2.1:53 7")
    core.note("G1", "word")
    assert records[-1][2:5] == ("G1", "word", "")


# Random numbers, from handed-in bytes.


def test_randbelow_is_uniform_and_in_range():
    core = Core(Seeded(7).urandom, None)
    for n in (1, 2, 3, 10, 1000):
        counts = {}
        for _ in range(2000):
            r = core.randbelow(n)
            assert 0 <= r < n
            counts[r] = counts.get(r, 0) + 1
        if n <= 10:
            assert len(counts) == n
            for r in counts:
                assert abs(counts[r] - 2000 // n) < 250 // n + 100


def test_randbelow_refuses_what_would_favour_small_numbers():
    draws = [b"\x3f\xff\xff\xff", b"\xe0\0\0\0", b"\x1f\xff\xff\xff", b"\0\0\0\0"]
    core = Core(lambda n: draws.pop(0), None)
    assert core.randbelow(1 << 29) == (1 << 29) - 1  # of the first 2**29; the top is drawn again
    assert core.randbelow(1 << 29) == 0


def test_token_hex_is_hexadecimal():
    assert Core(lambda n: bytes(range(n)), None).token_hex(4) == b"00010203"
