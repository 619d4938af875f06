"""The board around a phone: network interface, light, button, watchdog.

    runner = Runner(board, phone, net)       # board: the data of boards/<NAME>/board.py
    net.turn(runner.turn(net.ticks()))     # again and again
    runner.end()                           # the loop is over, somebody sits at the console

The interface is looked at four times a second: once it is up, `net.online(host, servers)`; when
it has gone, `net.offline()` (W6). The watchdog is fed only while the phone lives (W11), and can't
be stopped, so after `end` a timer feeds it. `load` gives the modules machine, network, neopixel
and rp2 by name. Notes in the phone's trace, with rule W6: joining, up, down, no-network,
bad-password, failed, dead-link; never the password.
"""

from micropython import const

from ..address import is_ipv4
from ..clock import diff, later
from . import panel
from .link import Link

_DOWN = const(0)  # as `link` has them
_JOINING = const(1)
_UP = const(2)
_NO_NETWORK = const(3)
_BAD_PASSWORD = const(4)
_FAULTY = const(5)
_JOIN = const(1)

# By what status() of rp2 gives, 0 to 3 and -3 to -1; 2, no address yet, has no name in `network`.
_RP2 = const(b"\0\1\1\2\4\3\5")
# An ESP32 gives 1000 (idle), 1001 (connecting) or the reason why it failed, of esp_wifi.
_REFUSED = (15, 202, 204)
_ABSENT = (201, 210, 211, 212)

_GLANCE_MS = const(250)  # between two looks at the interface
_SLOW = const(4)  # every so many of them the address and the phone are looked at, too
_POLL_MS = const(50)  # between two looks at the button
_BOUNCE_MS = const(10)  # while it may bounce
_DEAD_MS = const(900000)  # 15 min
_FEED_MS = const(1000)
_LONG = const(2)
_BAUD = const(20000000)
_NOWHERE = const("0.0.0.0")


class Runner:
    timer = None  # kept, else it would be collected

    def __init__(self, board, phone, net, load=__import__):
        self.board = board
        self.phone = phone
        self.net = net
        self.settings = settings = phone.settings
        self.note = phone.trace.note
        self.lamp = self.button = self.pixels = self.dog = self.link = None
        self.up = None  # (host, servers) of the network that is here
        self.due = None  # the next look; None: now
        self.looks = 0
        self.refused = False  # did the interface raise when it was told to join?
        self.codes = []  # of the registrations, as `panel` has them
        self.heard = None  # what net.heard was
        self.quiet = 0  # since when nothing was heard and nothing was registered
        self.esp32 = board.PORT == "esp32"
        self.machine = machine = load("machine")
        self.network = load("network")
        Pin = machine.Pin
        if board.LED is not None:
            self.led = Pin(board.LED, Pin.OUT)
            if board.LED_KIND == "neopixel":
                self.pixels = load("neopixel").NeoPixel(self.led, 1)
            self.lamp = panel.Lamp(self._light)
        if board.BUTTON == "BOOTSEL":
            self.button = panel.Button(load("rp2").bootsel_button, board.BUTTON_DOWN)
        elif board.BUTTON is not None:
            pull = Pin.PULL_DOWN if board.BUTTON_DOWN else Pin.PULL_UP
            pin = Pin(board.BUTTON, Pin.IN, pull)
            self.button = panel.Button(pin.value, board.BUTTON_DOWN)
        self._bring_up(settings)
        if board.WATCHDOG_MS:  # last: to bring the network up takes its time
            self.dog = machine.WDT(timeout=board.WATCHDOG_MS)

    def _light(self, on):
        if self.pixels:
            self.pixels[0] = (16 if on else 0,) * 3
            self.pixels.write()
        else:
            self.led.value(on == self.board.LED_ON)

    def _bring_up(self, settings):
        network = self.network
        Pin = self.machine.Pin
        kind = self.board.NETWORK
        wiring = dict(self.board.NETWORK_PINS)
        if settings.hostname:
            network.hostname(settings.hostname)
        if settings.country:
            network.country(settings.country)
        for name, value in wiring.items():
            if type(value) is str:
                value = getattr(Pin if "." in value else network, value.split(".")[-1])
            elif name not in ("phy_addr", "spi"):
                value = Pin(value)
            wiring[name] = value
        if kind == "WLAN":
            nic = network.WLAN(network.WLAN.IF_STA)
        elif kind == "LAN":
            nic = network.LAN(**wiring)
        else:
            more = [wiring.pop(name) for name in ("cs", "reset", "intn") if name in wiring]
            spi = self.machine.SPI(wiring.pop("spi"), baudrate=_BAUD, **wiring)
            nic = network.WIZNET5K(spi, *more)
        self.nic = nic
        nic.active(True)
        if kind == "WLAN":
            if settings.networks:  # else boot.py has to join one
                self.link = Link(settings.networks, self.note)
                if self.esp32:
                    nic.disconnect()  # while it joins one it can't be set up
            # A radio that saves power sleeps through what a server sends.
            nic.config(pm=network.WLAN.PM_NONE)
            if self.esp32:
                nic.config(reconnects=0)  # else it tries for ever and tells nothing

    # The loop.

    def turn(self, now):
        """Look after everything -> how many ms the next net.turn may wait at the most."""
        phone = self.phone
        if self.due is None or diff(now, self.due) >= 0:
            self.due = later(now, _GLANCE_MS)
            self._look(now)
        most_ms = diff(self.due, now)
        button = self.button
        lamp = self.lamp
        if button:
            press = button.turn(now)
            if press == _LONG:
                phone.register(now)
            elif press and lamp:
                lamp.say(self.codes)
            most_ms = min(most_ms, _POLL_MS if button.seen == button.down else _BOUNCE_MS)
        if lamp:
            most_ms = min(most_ms, lamp.turn(now))
        if self.dog and phone.lives(now):
            self.dog.feed()
        return most_ms

    def _look(self, now):
        nic = self.nic
        state = self._state()
        slow = not self.looks
        self.looks = (self.looks + 1) % _SLOW
        if state != _UP:
            if self.up:
                self.up = None
                self.note(now, "W6", "down")
                self.net.offline()
        elif slow or not self.up:
            host = nic.ipconfig("addr4")[0]
            settings = self.settings
            up = settings.local_address or host, settings.dns_servers or self._dns()
            if up != self.up and host != _NOWHERE:  # as an ESP32 has it before its new address
                self.up = up
                self.quiet = now
                self.note(now, "W6", "up", "%s DNS %s" % (up[0], up[1][0][0] if up[1] else "none"))
                self.net.online(*up)
        link = self.link
        if link:
            try:
                command = link.turn(now, state)
                if command == _JOIN:
                    nic.connect(link.network.ssid, link.network.password or None)
                elif command:
                    nic.disconnect()
            except OSError:
                self.refused = True
        if slow:
            self._ask(now)

    def _state(self):
        nic = self.nic
        if nic.isconnected():
            return _UP
        if not self.link:
            return _DOWN
        if self.refused:
            self.refused = False
            return _FAULTY
        status = nic.status()
        if not self.esp32:
            return _RP2[status]
        if status >= 1000:
            return status & 1
        try:
            nic.status("rssi")
            return _JOINING  # it is associated: the reason is an old one
        except OSError:
            pass
        if status in _REFUSED:
            return _BAD_PASSWORD
        return _NO_NETWORK if status in _ABSENT else _FAULTY

    def _dns(self):
        """The interface's DNS server, as the phone wants it."""
        server = self.network.ipconfig("dns")
        if not is_ipv4(server):  # of IPv6
            server = self.nic.ifconfig()[3]
        return [(server, 53)] if is_ipv4(server) and server != _NOWHERE else []

    def _ask(self, now):
        """How is the phone? The lamp shows it."""
        codes = []
        trying = False
        for status in self.phone.status():
            codes.append(panel.code(status))
            trying = trying or status["state"] == "registering"
        self.codes = codes
        if self.lamp:
            self.lamp.show(panel.NAMES[max(codes or [4]) - 1])
        heard = self.net.heard
        if heard != self.heard or 1 in codes or 2 in codes:
            self.heard = heard
            self.quiet = now
        elif self.link and self.up and trying and diff(now, self.quiet) >= _DEAD_MS:
            # It says that it is up, but nothing comes through: join anew.
            self.note(now, "W6", "dead-link")
            self.quiet = now
            self.nic.disconnect()

    def end(self):
        if self.lamp:
            self._light(False)
        dog = self.dog
        if dog:
            Runner.timer = self.machine.Timer(
                0 if self.esp32 else -1, period=_FEED_MS, callback=lambda timer: dog.feed()
            )
