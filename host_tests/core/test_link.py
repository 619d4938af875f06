"""Which network is joined, and when: the state machine alone, fed with states (W6)."""

from cases import unallocated
from srvphone.board.link import Link
from srvphone.clock import diff, later

DOWN, JOINING, UP, NO_NETWORK, BAD_PASSWORD, FAILED = range(6)
JOIN, LEAVE = 1, 2
LOOK_MS = 250
DAY_S = 86400


class Network:
    def __init__(self, ssid):
        self.ssid = ssid
        self.password = "hush-hush"


class Bench:
    """A Link that is looked after every 250 ms, and what it did: [(ms, command, ssid), ...]."""

    def __init__(self, *ssids, tick=0):
        self.notes = []
        self.link = Link([Network(ssid) for ssid in ssids], self.note)
        self.begun = self.now = tick
        self.did = []

    def note(self, now, rule, event, text):
        assert now == self.now and rule == "W6"
        self.notes.append((event, text))

    def see(self, state, ms=LOOK_MS):
        """The interface shows `state` for so long; what was told to it meanwhile."""
        before = len(self.did)
        for _ in range(ms // LOOK_MS):
            command = self.link.turn(self.now, state)
            if command is not None:
                self.did.append((diff(self.now, self.begun), command, self.link.network.ssid))
            self.now = later(self.now, LOOK_MS)
        return [(command, ssid) for _, command, ssid in self.did[before:]]


def test_w6_joins_once_and_waits_for_the_result():
    for tick in (0, 2**30 - 500):
        bench = Bench("home", tick=tick)
        assert bench.see(DOWN) == [(JOIN, "home")]
        assert bench.see(JOINING, 5000) == bench.see(UP, 60000) == []
        assert bench.notes == [("joining", "home")]


def test_w6_lost_is_joined_again_at_once():
    bench = Bench("home", "office")
    bench.see(DOWN)
    bench.see(NO_NETWORK, 3750)
    assert bench.see(DOWN) == [(JOIN, "office")]
    bench.see(UP, 10000)
    for state in (DOWN, JOINING, FAILED):  # rp2 shows the first two, an ESP32 the third
        assert bench.see(state) == [(JOIN, "office")], state
        bench.see(UP, 1000)


def test_w6_known_networks_in_turn():
    bench = Bench("home", "office", "phone")
    for _ in range(2):
        for ssid in ("home", "office", "phone"):
            assert bench.see(DOWN) == [(JOIN, ssid)]
            bench.see(JOINING, 1500)
            assert bench.see(NO_NETWORK) == [(LEAVE, ssid)]
            assert bench.see(DOWN, 2000) == []
    times = [ms for ms, command, _ in bench.did if command == JOIN]
    assert {b - a for a, b in zip(times, times[1:])} == {4000}


def test_w6_no_result_in_20_s_leaves():
    for state in (DOWN, JOINING):
        bench = Bench("home", "office")
        bench.see(state, 20000)
        assert bench.did == [(0, JOIN, "home")]
        assert bench.see(state, 500) == [(LEAVE, "home"), (JOIN, "office")]
        assert ("failed", "home") in bench.notes


def test_w6_wrong_password_waits_30_s():
    bench = Bench("home")
    for _ in range(2):
        bench.see(DOWN)
        bench.see(JOINING, 3000)
        bench.see(BAD_PASSWORD)
        bench.see(DOWN, 26500)
    times = [ms for ms, command, _ in bench.did if command == JOIN]
    assert times == [0, 30000]
    assert bench.notes == [("joining", "home"), ("bad-password", "home")]
    bench = Bench("home", "office")  # where there is another one, it is tried meanwhile
    bench.see(DOWN)
    bench.see(BAD_PASSWORD)
    bench.see(DOWN, 4000)
    assert bench.did[-1] == (4000, JOIN, "office")


def test_w6_an_old_failure_is_no_result():
    """An ESP32 shows the old reason until it is up."""
    bench = Bench("home")
    bench.see(DOWN)
    bench.see(NO_NETWORK, 3750)
    assert bench.see(NO_NETWORK) == [(JOIN, "home")]
    assert bench.see(NO_NETWORK, 3250) == []  # it may be about to succeed
    assert bench.see(UP, 5000) == []
    bench = Bench("home")
    bench.see(DOWN)
    bench.see(NO_NETWORK, 4000)
    assert bench.see(NO_NETWORK, 3500) == [(LEAVE, "home")]  # or not
    bench = Bench("home")
    bench.see(DOWN)
    bench.see(NO_NETWORK, 4000)
    assert bench.see(BAD_PASSWORD, 250) == [(LEAVE, "home")]  # that is new


def test_w6_a_day_without_a_network_is_noted_once():
    bench = Bench("home", "office")
    for _ in range(DAY_S // 8):
        for state in (NO_NETWORK, FAILED):
            bench.see(DOWN)
            bench.see(JOINING, 2000)
            bench.see(state, 1750)
        del bench.did[:]
    assert bench.notes == [
        ("joining", "home"),
        ("no-network", "home"),
        ("joining", "office"),
        ("failed", "office"),
    ]
    bench.see(JOINING)
    bench.see(UP)
    del bench.notes[:]
    bench.see(DOWN)
    bench.see(NO_NETWORK)
    assert bench.notes == [("joining", "home"), ("no-network", "home")]  # that is news again


def test_w6_to_watch_a_link_takes_no_memory():
    bench = Bench("home", tick=2**30 - 500)
    bench.see(DOWN)
    bench.see(UP)
    for state in (UP, UP, UP):
        unallocated(bench.link.turn, bench.now, state)
        bench.now = later(bench.now, LOOK_MS)


def test_w6_the_password_is_in_no_note():
    bench = Bench("home")
    for state in (DOWN, NO_NETWORK, DOWN, BAD_PASSWORD, DOWN, FAILED, UP, DOWN):
        bench.see(state, 31000)
    assert "hush" not in repr(bench.notes)
