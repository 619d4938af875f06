"""A whole board in virtual time: the phone with its runner, its network, light and button.

    scene = BoardScene("RPI_PICO_W")             # the guide's servers, an access point "home"
    scene.start()                                # power on
    assert scene.registered(10000)
    scene.home.goes()                            # the access point loses its power (sim.ether)
    scene.run(60000)
    scene.shown()                                # the pattern of the light: "failed"
    scene.press(100)                             # the button, for 100 ms

The loop of srvphone.board.boot with the simulator's Host in place of Net; datagrams pass only
while the board's interface has the address that they are from or to. Stand-ins: sim.ether,
sim.machine. Differs from boot: the runner has its turn when it asked for it, and not after each
datagram as well; the settings are handed in; nothing is imported, and an exception is the test's.
"""

import json

from sim import Sim, guide
from sim.ether import Ether, Network
from sim.machine import Machine

SSID = "home"
PASSWORD = "wifi-secret"

PICO_W, ESP32, ESP32_S3 = "RPI_PICO_W", "ESP32_GENERIC", "ESP32_GENERIC_S3"
WIRED_RP2, WIRED_ESP32 = "W5500_EVB_PICO", "OLIMEX_ESP32_POE"

# As boards/<NAME>/board.py has them, of which a MicroPython in a test can't be sure
KEYS = ("PORT", "NETWORK", "LED", "LED_KIND", "LED_ON", "BUTTON", "BUTTON_DOWN", "WATCHDOG_MS")
BOARDS = {
    PICO_W: ("rp2", "WLAN", "LED", "pin", 1, "BOOTSEL", 1, 8300),
    ESP32: ("esp32", "WLAN", 2, "pin", 1, 0, 0, 8300),
    ESP32_S3: ("esp32", "WLAN", 48, "neopixel", 1, 0, 0, 8300),
    WIRED_RP2: ("rp2", "WIZNET5K", 25, "pin", 1, "BOOTSEL", 1, 8300),
    WIRED_ESP32: ("esp32", "LAN", 33, "pin", 1, 34, 0, 8300),
}
PINS = {
    WIRED_RP2: {"spi": 0, "sck": 18, "mosi": 19, "miso": 16, "cs": 17, "reset": 20, "intn": 21},
    WIRED_ESP32: {
        "mdc": 23,
        "mdio": 18,
        "power": 12,
        "phy_type": "PHY_LAN8720",
        "phy_addr": 0,
        "ref_clk": 17,
        "ref_clk_mode": "Pin.OUT",
    },
}


class Board:
    """What `import board` gives."""

    MARCH = ""
    HEAP_FREE = 0

    def __init__(self, name):
        self.NAME = name
        self.NETWORK_PINS = PINS.get(name, {})
        for key, value in zip(KEYS, BOARDS[name]):
            setattr(self, key, value)


class NeoPixel:
    """neopixel.NeoPixel of one light. Pin("neopixel") has the log of when it was lit; a level of
    the pin itself does nothing to it."""

    def __init__(self, pin, n):
        self.pin = pin.machine.Pin("neopixel")
        self.now = (0, 0, 0)

    def __setitem__(self, i, colour):
        self.now = colour

    def fill(self, colour):
        self.now = colour

    def write(self):
        self.pin.value(max(self.now))


class BoardScene(guide.Scene):
    """The guide's servers, a board, and its network. `point`: the access point "home", or the
    cable; `networks`: those of the settings; further fields: of the settings or the account."""

    def __init__(self, name="RPI_PICO_W", tick=0, seed=1, pace=1):
        guide.Scene.__init__(self, Sim(seed, tick, False, 300), guide.PHONE, guide.DNS)
        sim = self.sim
        self.board = Board(name)
        self.ether = Ether(lambda: sim.now, self.board.PORT)
        wired = self.board.NETWORK != "WLAN"
        self.home = self.ether.point(
            None if wired else SSID, "" if wired else PASSWORD, self.address, guide.DNS
        )
        self.machine = Machine(lambda: sim.now, self.board.PORT, sim.at)
        self.bootsel = 0
        self.pace = pace  # the runner's turns are at least so many ms apart
        self.life = 0  # counts the starts
        self.runner = self.host = None
        sim.path().pick = self._stuck

    def _stuck(self, frame):
        """Is this datagram lost at the board's interface?"""
        for end in (frame.source, frame.to):
            if end not in self.sim.nodes and not self.ether.passes(end[0]):
                return True
        return False

    # The modules that the runner asks for

    def load(self, name):
        return {
            "machine": self.machine,
            "network": self.ether.network,
            "neopixel": self,
            "rp2": self,
        }[name]

    NeoPixel = NeoPixel

    def bootsel_button(self):
        return self.bootsel

    # The board

    def start(self, networks=((SSID, PASSWORD),), account=None, soft=False, **phone):
        """Power on, or the start after a reset, with these networks, account and settings. After
        a soft reset (Ctrl-D) the interface is as it was."""
        from srvphone.account import load
        from srvphone.board.runner import Runner

        fields = dict({"accounts": [account or guide.account()]}, **phone)
        fields["networks"] = [{"ssid": name, "password": word} for name, word in networks]
        if self.board.NETWORK != "WLAN":
            del fields["networks"]
        settings, faults = load(json.dumps(fields))
        if faults:
            raise ValueError("; ".join(faults))
        self.off()
        self.machine = self.machine.again()
        if not soft:
            self.ether.nic = None
            self.ether.network = Network(self.ether)
        self.phone = self.sim.phone(settings, "0.0.0.0", None)
        self.host = self.sim.host(self.phone)
        self.host.offline()
        self.runner = Runner(self.board, self.phone, self.host, self.load)
        self.life += 1
        self._turn(self.life)
        return self.phone

    def off(self):
        """The power is cut, or the loop hangs: nothing is done any more."""
        if self.host:
            self.host.on = False
        self.life += 1

    def _turn(self, life):
        dog = self.machine.watchdog
        if dog and dog.late():
            self.off()
        if life == self.life:
            ms = self.runner.turn(self.sim.ticks())
            self.host.carry()
            self.sim.at(self.sim.now + max(ms, self.pace), self._turn, life)

    # What a test asks

    def run(self, ms):
        self.sim.run(self.sim.now + ms)

    def idle(self, ms, pace=2000):
        """Run for long, with the runner's turns so many ms apart: hours take less time so, but the
        light and the button are nothing to be looked at meanwhile."""
        self.pace = pace
        self.run(ms)
        self.pace = 1

    def until(self, predicate, ms):
        return self.sim.run_until(predicate, self.sim.now + ms)

    def is_registered(self):
        return self.phone.status()[0]["state"] == "registered"

    def registered(self, ms):
        """Is it registered within so many ms?"""
        return self.until(self.is_registered, ms)

    def here(self):
        """Does the interface have its address, on a network that works?"""
        return self.ether.nic is not None and self.ether.passes(self.ether.nic.address)

    def bindings(self):
        """The hosts of the Contacts that the registrars have for the user, oldest first."""
        return [
            binding[0].split("@")[-1].split(":")[0]
            for binding in self.primary.location.bindings("2002")
        ]

    def told(self, event):
        """The texts of the notes of rule W6 with this event."""
        return [note[3] for note in self.sim.noted("W6", event)]

    def bitten(self):
        """Has the watchdog bitten?"""
        dog = self.machine.watchdog
        return dog is not None and dog.late()

    def press(self, ms):
        """Press the button for so long."""
        board = self.board
        self._button(board.BUTTON_DOWN)
        self.run(ms)
        self._button(1 - board.BUTTON_DOWN)

    def _button(self, level):
        if self.board.BUTTON == "BOOTSEL":
            self.bootsel = level
        else:
            self.machine.Pin(self.board.BUTTON).level = level

    def light(self, ms):
        """[(lit, for how many ms), ...] of the next so many ms, without what is cut off."""
        begin = self.sim.now
        self.run(ms)
        board = self.board
        pixel = board.LED_KIND == "neopixel"
        lit = 1 if pixel else board.LED_ON
        log = self.machine.Pin("neopixel" if pixel else board.LED).log
        spans = []
        for (at, level), (end, _) in zip(log, log[1:]):
            if at >= begin:
                spans.append((level == lit, end - at))
        return spans

    def shown(self, ms=6000, after_ms=3500):
        """The name of the pattern that the light shows for so many ms, once it had the time to
        see how the phone is and to end its round; None if it is none of panel.PATTERNS, or more
        than one."""
        from srvphone.board.panel import PATTERNS

        self.run(after_ms)
        spans = self.light(ms)
        names = [
            name for name in sorted(PATTERNS) if len(spans) > 2 and _fits(spans, PATTERNS[name])
        ]
        return names[0] if len(names) == 1 else None


def _fits(spans, pattern):
    """Are these spans the pattern, begun anywhere, to 60 ms?"""
    n = len(pattern)
    for shift in range(n):
        if spans[0][0] == (shift % 2 == 0) and not [
            1 for i, (_, ms) in enumerate(spans) if abs(ms - pattern[(shift + i) % n]) > 60
        ]:
            return True
    return False
