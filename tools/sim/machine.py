"""Stand-in for `machine`: pins, watchdog, timers, the reset and its cause.

    machine = Machine(lambda: sim.now, "rp2", sim.at)
    machine.Pin(15).level = 0                    # what a test does: press the button
    machine.Pin("LED").log                       # [(ms, level), ...] of what was shown
    machine.watchdog.late()                      # has it bitten?
    machine.watchdog.gap                         # the longest time between two feeds

As on rp2 and ESP32 (machine_wdt.c, modmachine.c): the constants, the limits of WDT, that it cannot
be stopped, and that after machine.reset() an rp2 tells the watchdog as the reset's cause.
Differs: a pin takes any id and has no interrupts; the watchdog bites when somebody looks, by
`late`; reset() raises Reset, which no `except Exception` catches, since a board does not come back
from it.
"""

MOST_WDT_MS = {"rp2": 8388, "esp32": 0x7FFFFFFF}
KEPT = 1000  # changes of a pin


class Reset(BaseException):
    """The board restarts."""


class Pin:
    """One pin. `level` is what is there; `log` holds when an output became what."""

    IN, OUT = 0, 1
    PULL_UP, PULL_DOWN = 1, 2

    def __init__(self, machine, id):
        self.machine = machine
        self.id = id
        self.mode = None
        self.level = 1  # an input: a button that pulls down is not pressed
        self.log = []

    def init(self, mode=None, pull=None, value=None):
        if mode is not None:
            self.mode = mode
        if value is not None:
            self.value(value)

    def value(self, level=None):
        if level is None:
            return self.level
        self.level = 1 if level else 0
        if not self.log or self.log[-1][1] != self.level:
            if len(self.log) >= KEPT:
                self.log.pop(0)
            self.log.append((self.machine.now(), self.level))

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)


class _Pins:
    """machine.Pin: called for a pin, asked for the constants. One object for each id."""

    def __init__(self, machine):
        self.machine = machine
        self.IN, self.OUT = (1, 3) if machine.port == "esp32" else (0, 1)
        self.PULL_UP, self.PULL_DOWN = (2, 1) if machine.port == "esp32" else (1, 2)

    def __call__(self, id, mode=None, pull=None, value=None):
        pins = self.machine.pins
        if isinstance(id, Pin):
            id = id.id
        if id not in pins:
            pins[id] = Pin(self.machine, id)
        pins[id].init(mode, pull, value)
        return pins[id]


class WDT:
    """The watchdog. Once made it runs until the reset; making it again changes its limit."""

    def __init__(self, machine, timeout):
        self.machine = machine
        self.timeout = timeout
        self.fed = machine.now()
        self.gap = 0
        self.feeds = 0
        self.bitten = None  # when it bit

    def feed(self):
        if self.late():
            return  # nobody is there any more to feed it
        now = self.machine.now()
        self.gap = max(self.gap, now - self.fed)
        self.fed = now
        self.feeds += 1

    def late(self):
        """Did its time run out? Then the board has been reset."""
        if self.bitten is None and self.machine.now() - self.fed >= self.timeout:
            self.bitten = self.fed + self.timeout
            self.machine.cause = self.machine.WDT_RESET
        return self.bitten is not None


class Timer:
    """A periodic or one-shot timer; its callback runs between two steps of the simulation."""

    ONE_SHOT, PERIODIC = 0, 1

    def __init__(self, machine):
        self.machine = machine
        self.run = 0  # the number of the init that counts

    def init(self, mode=1, period=-1, callback=None, freq=None):
        self.run += 1
        if freq:
            period = 1000 // freq
        if self.machine.at:
            self._arrange(self.run, mode, period, callback)

    def deinit(self):
        self.run += 1

    def _arrange(self, run, mode, period, callback):
        machine = self.machine
        machine.at(machine.now() + period, self._fire, run, mode, period, callback)

    def _fire(self, run, mode, period, callback):
        if run == self.run:
            if mode == self.PERIODIC:
                self._arrange(run, mode, period, callback)
            callback(self)


class _Timers:
    ONE_SHOT, PERIODIC = 0, 1

    def __init__(self, machine):
        self.machine = machine

    def __call__(self, id=-1, **given):
        timer = Timer(self.machine)
        if given:
            timer.init(**given)
        return timer


class SPI:
    def __init__(self, id, baudrate=1000000, sck=None, mosi=None, miso=None, **more):
        pass


class Machine:
    """The module, as an object. `now()`: milliseconds that never wrap; port "rp2" or "esp32";
    `at(ms, function, *arguments)` arranges a timer's callback (without it, timers don't run)."""

    PWRON_RESET = 1
    HARD_RESET = 2
    WDT_RESET = 3
    SPI = SPI

    def __init__(self, now, port="rp2", at=None):
        self.now = now
        self.port = port
        self.at = at
        self.pins = {}
        self.watchdog = None
        self.cause = self.PWRON_RESET
        self.Pin = _Pins(self)
        self.Timer = _Timers(self)

    def WDT(self, id=0, timeout=5000):
        if not 0 < timeout <= MOST_WDT_MS[self.port]:
            raise ValueError("timeout exceeds %d" % MOST_WDT_MS[self.port])
        if self.watchdog:
            self.watchdog.timeout = timeout
        else:
            self.watchdog = WDT(self, timeout)
        self.watchdog.feed()
        return self.watchdog

    def reset(self):
        self.cause = self.WDT_RESET if self.port == "rp2" else self.HARD_RESET
        raise Reset

    def reset_cause(self):
        return self.cause

    def unique_id(self):
        return b"\xe6a\xa4\x03\x17\x42\0\1"

    def again(self):
        """Of a restarted board: pins and the cause stay, watchdog and timers don't."""
        made = Machine(self.now, self.port, self.at)
        made.cause = self.cause
        made.pins = self.pins
        return made
