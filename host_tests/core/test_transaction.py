"""Client transactions over UDP (G14 to G16a), without a registration."""

from cases import SIP, STARTS
from srvphone.clock import later
from srvphone.core import Core
from srvphone.sip.transaction import Transaction, Transactions
from srvphone.trace import Trace

ANSWERED, SILENT, REFUSED, TIMEOUT, LATE = "answered", "silent", "refused", "timeout", "late"
PEER = ("192.0.2.13", 5060)
OTHER = ("192.0.2.12", 5060)


class Response:
    def __init__(self, status):
        self.status = status


class Bench:
    """Transactions, a task that collects what is posted to it, and virtual time."""

    def __init__(self, tick=0, t1_ms=500, t2_ms=4000):
        self.tick = tick
        self.core = Core(bytes, Trace())
        self.sip_t1_ms = t1_ms
        self.sip_t2_ms = t2_ms
        self.transactions = Transactions(self.core, self)
        self.posted = []
        self.task = self.core.spawn(self.collect())
        self.sent = []  # (ms, data, address)
        self.now = 0
        self.core.now = tick
        self.core.run()

    def collect(self):
        while True:
            event = yield None, Transaction
            self.posted.append((self.now, event, event.outcome))

    def send(self, key="k", address=PEER, sends=3):
        tr = self.transactions.send(self.task, address, key, b"data " + key.encode(), sends)
        self.look()
        return tr

    def look(self):
        for channel, data, address, port in self.core.out:
            assert (channel, port) == (SIP, 0)
            self.sent.append((self.now, data, address))
        self.core.out = []
        self.core.run()

    def run(self, until):
        """Wake at every millisecond at which a deadline is due."""
        while self.now < until:
            self.now += 1
            self.core.now = later(self.tick, self.now)
            if any(tr.deadline == self.core.now for tr in self.transactions.table):
                self.transactions.wake()
                self.look()

    def receive(self, status, key="k"):
        known = self.transactions.receive(key, Response(status))
        self.look()
        return known

    def times(self):
        return [ms for ms, _, _ in self.sent]


def test_g14_three_sends_of_the_same_bytes_then_silent():
    for tick in STARTS:
        bench = Bench(tick)
        tr = bench.send()
        bench.run(3499)
        assert bench.times() == [0, 500, 1500] and tr.outcome is None
        assert {(data, to) for _, data, to in bench.sent} == {(b"data k", PEER)}
        bench.run(10000)
        assert bench.posted == [(3500, tr, SILENT)] and len(bench.sent) == 3


def test_g14_t1_t2_and_the_number_of_sends_are_settings():
    bench = Bench(t1_ms=200, t2_ms=400)
    bench.send(sends=5)
    bench.run(10000)
    assert bench.times() == [0, 200, 600, 1000, 1400]
    assert bench.posted[0][0] == 1800
    bench = Bench()
    bench.send(sends=1)
    bench.run(10000)
    assert bench.times() == [0] and bench.posted[0][0] == 500


def test_g14_never_beyond_64_t1():
    bench = Bench()
    bench.send(sends=11)
    bench.run(40000)
    assert bench.times() == [0, 500, 1500, 3500] + [7500 + 4000 * i for i in range(7)]
    assert [(ms, outcome) for ms, _, outcome in bench.posted] == [(32000, SILENT)]


def test_g14_an_answer_ends_the_sends():
    for status in (200, 401, 503, 699):
        bench = Bench()
        tr = bench.send()
        bench.run(600)
        assert bench.receive(status)
        bench.run(60000)
        assert bench.posted == [(600, tr, ANSWERED)] and bench.times() == [0, 500]
        assert tr.response.status == status


def test_g15_a_provisional_response_keeps_the_request_there_until_64_t1():
    for tick in STARTS:
        bench = Bench(tick)
        tr = bench.send()
        bench.run(700)
        assert bench.receive(100)
        bench.run(40000)
        assert bench.times() == [0, 500] + [4700 + 4000 * i for i in range(7)]
        assert bench.posted == [(32000, tr, TIMEOUT)]


def test_g15_an_answer_after_a_provisional_one():
    bench = Bench()
    tr = bench.send()
    bench.receive(183)
    bench.run(20000)
    bench.receive(200)
    bench.run(60000)
    assert bench.posted == [(20000, tr, ANSWERED)] and tr.provisional


def test_g15_a_report_is_charged_if_one_transaction_can_be_meant():
    for peer in (PEER, None):
        bench = Bench()
        tr = bench.send()
        bench.transactions.failed(peer)
        bench.look()
        assert bench.posted == [(0, tr, REFUSED)]
        bench.transactions.failed(peer)  # another report of the same
        bench.run(60000)
        assert len(bench.posted) == 1 and bench.times() == [0]


def test_g15_a_report_that_may_mean_two_is_charged_to_none():
    bench = Bench()
    bench.send("a")
    bench.send("b")
    bench.send("c", OTHER)
    for peer in (PEER, None, ("192.0.2.99", 5060), ("192.0.2.13", 5070)):
        bench.transactions.failed(peer)
    assert bench.posted == [] and bench.core.counts == {"report not charged": 2}
    bench.transactions.failed(OTHER)
    bench.look()
    assert [outcome for _, _, outcome in bench.posted] == [REFUSED]


def test_g16a_an_answer_to_one_given_up_is_told_once_as_late():
    for tick in STARTS:
        bench = Bench(tick)
        tr = bench.send()
        bench.run(31999)
        assert bench.receive(200) and not bench.receive(200)
        assert [(ms, outcome) for ms, _, outcome in bench.posted] == [
            (3500, SILENT),
            (31999, LATE),
        ]
        assert tr.response.status == 200


def test_g16a_after_64_t1_nothing_is_known_any_more():
    for tick in STARTS:
        bench = Bench(tick)
        bench.send()
        bench.run(32000)
        assert not bench.receive(200) and bench.transactions.table == []
        assert len(bench.posted) == 1


def test_g16a_a_late_provisional_says_nothing():
    bench = Bench()
    bench.send()
    bench.run(5000)
    assert bench.receive(100) and len(bench.posted) == 1
    bench.run(40000)
    assert bench.times() == [0, 500, 1500]


def test_w5_a_response_of_nobody_s_and_a_repeated_one():
    bench = Bench()
    bench.send()
    assert not bench.receive(200, "another") and bench.posted == []
    assert bench.receive(200) and not bench.receive(200) and not bench.receive(503)
    bench.run(10000)
    assert [outcome for _, _, outcome in bench.posted] == [ANSWERED]


def test_w9_a_full_table_loses_the_oldest_that_was_given_up():
    bench = Bench()
    trs = [bench.send("%d" % i, (PEER[0], i)) for i in range(16)]
    for port in (3, 5):
        bench.transactions.failed((PEER[0], port))
    bench.send("new")
    assert trs[3] not in bench.transactions.table and trs[5] in bench.transactions.table
    assert len(bench.transactions.table) == 16 and bench.core.counts == {}


def test_w9_a_full_table_without_an_ended_one_loses_the_oldest_as_silent():
    bench = Bench()
    trs = [bench.send("%d" % i) for i in range(16)]
    bench.send("new")
    assert [(event, outcome) for _, event, outcome in bench.posted] == [(trs[0], SILENT)]
    assert len(bench.transactions.table) == 16
    assert bench.core.counts == {"sip transactions full": 1}
