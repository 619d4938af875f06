"""What a light and a button say, without I/O (W13).

    lamp = Lamp(light)            # light(True) lights it; called only when that changes
    lamp.show("backup")           # from the next round on
    lamp.say([1, 4])              # once, at once: the status of two accounts
    ms = lamp.turn(now)           # until it wants to be called again

    button = Button(read, 0)      # read() gives 0 while it is pressed
    press = button.turn(now)      # 0 nothing, 1 short, 2 long

Four patterns, told apart without colour: an even blink (searching), lit with one wink (the first
server) or two (a backup), a flutter (failed). A status report is a long flash, then for each
account as many short ones as its code says: 1 the first server, 2 a backup, 3 searching, 4 failed.
"""

from micropython import const

from ..clock import diff, later

# ms lit, ms dark, and so on: a round, at most 2 s
PATTERNS: "dict" = {
    "searching": (500, 500),
    "first": (1850, 150),
    "backup": (1400, 150, 300, 150),
    "failed": (100, 100),
}
NAMES = ("first", "backup", "searching", "failed")  # by code, from 1 on

_LONG_FLASH_MS = const(1000)
_FLASH_MS = const(200)
_GAP_MS = const(800)  # before, between accounts, and after

_SETTLED_MS = const(30)  # a contact bounces for less
_HELD_MS = const(2000)
_BRIEF = const(1)
_LONG = const(2)


def code(status):
    """The code of a registration, of its `status()`."""
    state = status["state"]
    if state == "registered":
        return 2 if status["place"] else 1
    return 3 if state in ("off", "registering") else 4


class Lamp:
    def __init__(self, light):
        self.light = light
        self.on = None  # not known
        self.name = "searching"
        self.steps = []
        self.at = 0
        self.due = None  # the time of the next step; None: now

    def show(self, name):
        self.name = name

    def say(self, codes):
        steps = [0, _GAP_MS, _LONG_FLASH_MS, _GAP_MS]
        for n in codes:
            steps += [_FLASH_MS] * (2 * n)
            steps[-1] = _GAP_MS
        self.steps = steps
        self.at = 1  # dark first
        self.due = None

    def turn(self, now):
        if self.due is None or diff(now, self.due) >= 0:
            if self.at >= len(self.steps):
                self.steps = PATTERNS[self.name]
                self.at = 0
            on = not self.at & 1
            self.due = later(now, self.steps[self.at])
            self.at += 1
            if on != self.on:
                self.on = on
                self.light(on)
        return diff(self.due, now)


class Button:
    def __init__(self, read, level):
        self.read = read
        self.level = level
        self.down = False  # what counts
        self.seen = False  # what was last seen: it may bounce
        self.since = 0  # the time at which that was first seen
        self.pressed = 0  # the time
        self.told = False  # is it long, and has that been said?

    def turn(self, now):
        down = self.read() == self.level
        if down != self.seen:
            self.seen = down
            self.since = now
        elif down != self.down and diff(now, self.since) >= _SETTLED_MS:
            self.down = down
            if not down:
                return 0 if self.told else _BRIEF
            self.pressed = self.since
            self.told = False
        if self.down and not self.told and diff(now, self.pressed) >= _HELD_MS:
            self.told = True
            return _LONG
        return 0
