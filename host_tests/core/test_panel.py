"""Light and button (W13): patterns that differ without colour, a status report, a bouncing key."""

from cases import unallocated
from srvphone.board import panel
from srvphone.clock import later

STARTS = (0, 2**30 - 700)
SHORT, LONG = 1, 2


class Light:
    """A Lamp looked after when it wants to be, and the spans it shows: [[lit, ms], ...]."""

    def __init__(self, tick=0):
        self.lamp = panel.Lamp(self.light)
        self.now = tick
        self.lit = None
        self.calls = 0
        self.spans = []

    def light(self, on):
        assert on != self.lit  # writing it is slow on some boards
        self.lit = on
        self.calls += 1

    def run(self, ms):
        del self.spans[:]
        while ms > 0:
            step = min(self.lamp.turn(self.now), ms)
            assert step > 0
            if self.spans and self.spans[-1][0] == self.lit:
                self.spans[-1][1] += step
            else:
                self.spans.append([self.lit, step])
            self.now = later(self.now, step)
            ms -= step
        return self.spans


def lit(spans):
    return [ms for on, ms in spans if on]


def test_w13_patterns_are_told_apart_without_colour():
    seen = []
    for name in sorted(panel.PATTERNS):
        steps = panel.PATTERNS[name]
        assert len(steps) % 2 == 0 and min(steps) >= 100  # an eye sees it
        assert sum(steps) <= 2000
        on = [steps[i] for i in range(0, len(steps), 2)]
        # how often it is lit in 2 s, and which part of them
        seen.append((len(on) * 2000 // sum(steps), sum(on) * 10 // sum(steps)))
    assert len(set(seen)) == 4, seen
    assert sorted(panel.PATTERNS) == sorted(panel.NAMES)


def test_w13_searching_until_it_is_told():
    for tick in STARTS:
        light = Light(tick)
        assert light.run(3000) == [[True, 500], [False, 500]] * 3


def test_w13_a_new_pattern_waits_for_the_end_of_the_round():
    light = Light()
    light.run(300)
    light.lamp.show("failed")
    spans = light.run(900)
    assert spans[:2] == [[True, 200], [False, 500]]
    assert spans[2:] == [[True, 100], [False, 100]]


def test_w13_the_light_is_written_only_when_it_changes():
    light = Light()
    light.run(10000)
    assert light.calls == 20
    now = light.now
    for _ in range(100):
        assert light.lamp.turn(now) > 0
    assert light.calls == 21
    light.run(700)
    light.lamp.say([1])  # which begins with the dark that is there
    light.run(100)
    assert light.calls == 22


def test_w13_the_status_is_said_at_once_and_once():
    for tick in STARTS:
        light = Light(tick)
        light.lamp.show("first")
        light.run(250)
        light.lamp.say([1, 4, 2])
        spans = light.run(10000)
        assert spans[0][0] is False and spans[0][1] >= 500  # apart from what was before
        flashes = lit(spans)
        assert flashes[0] == 1000
        assert flashes[1:8] == [200] * 7
        assert flashes[8:] and 200 not in flashes[8:]  # then the pattern
        gaps = [ms for on, ms in spans if not on][1:9]
        assert gaps == [800, 800, 200, 200, 200, 800, 200, 800]


def test_w13_codes():
    for state, place, code in (
        ("registered", 0, 1),
        ("registered", 1, 2),
        ("registered", 7, 2),
        ("registering", 0, 3),
        ("off", 0, 3),
        ("waiting", 0, 4),
        ("rejected", 0, 4),
    ):
        assert panel.code({"state": state, "place": place}) == code, state
    assert [panel.NAMES[n - 1] for n in (1, 2, 3, 4)] == ["first", "backup", "searching", "failed"]


def test_w13_to_look_after_both_takes_no_memory():
    light = Light()
    key = Key()
    light.run(100)
    key.hold(True, 3000)
    for ms in (0, 1000, 2000, 2010, 3000):
        unallocated(light.lamp.turn, later(light.now, ms))
        unallocated(key.button.turn, later(key.now, ms))


class Key:
    """A Button and a finger: levels over time, looked at every 10 ms."""

    def __init__(self, level=0, tick=0):
        self.level = level
        self.now = tick
        self.value = 1 - level
        self.button = panel.Button(lambda: self.value, level)

    def hold(self, down, ms, step=10):
        """Hold it down or up for so long: what that was taken for."""
        self.value = self.level if down else 1 - self.level
        got = []
        for _ in range(ms // step):
            press = self.button.turn(self.now)
            if press:
                got.append(press)
            self.now = later(self.now, step)
        return got


def test_w13_short_press_counts_when_released():
    for tick in STARTS:
        for level in (0, 1):
            key = Key(level, tick)
            assert key.hold(False, 500) == []
            for ms in (60, 400, 1900):
                assert key.hold(True, ms) == []
                assert key.hold(False, 500) == [SHORT]


def test_w13_long_press_counts_once_while_it_is_held():
    for tick in STARTS:
        key = Key(0, tick)
        key.hold(False, 100)
        assert key.hold(True, 1990) == []
        assert key.hold(True, 100) == [LONG]
        assert key.hold(True, 10000) == []
        assert key.hold(False, 500) == []
        assert key.hold(True, 100) + key.hold(False, 100) == [SHORT]


def test_w13_a_contact_that_bounces_is_one_press():
    key = Key()
    key.hold(False, 100)
    got = []
    for _ in range(2):
        for down, ms in ((True, 3), (False, 5), (True, 2), (False, 4), (True, 200)):
            got += key.hold(down, ms, 1)
        for down, ms in ((False, 6), (True, 12), (False, 3), (True, 20), (False, 200)):
            got += key.hold(down, ms, 1)
        assert got == [SHORT]
        got = []
    assert key.hold(True, 20, 1) + key.hold(False, 300, 1) == []  # too short for a finger
