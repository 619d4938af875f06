"""The runner around a phone (W6, W11, W13), with fakes that remember what was asked of them."""

from srvphone.board.runner import Runner
from srvphone.clock import later

OWN, DNS = "192.168.1.5", "192.168.1.1"
NONE, MIN = "0.0.0.0", 60000


class Thing:
    """Has what it is given as attributes."""

    def __init__(self, **given):
        for name in given:
            setattr(self, name, given[name])


class Nic:
    """An interface that shows what the test sets, and writes down what is told to it."""

    def __init__(self, said):
        self.said = said
        self.up = False
        self.shows = 0
        self.addresses = OWN, "255.255.255.0"
        self.dns = DNS
        self.faults = []
        self.associated = False
        self.looks = 0

    def active(self, on):
        self.said.append(("active", on))

    def config(self, **given):
        self.said.append(("config", given))

    def connect(self, ssid, key):
        self.said.append(("connect", ssid, key))
        if self.faults:
            raise self.faults.pop()

    def disconnect(self):
        self.said.append(("disconnect",))

    def isconnected(self):
        self.looks += 1
        return self.up

    def status(self, what=None):
        if what == "rssi":
            if not self.associated:
                raise OSError("Wifi Not Connected")
            return -60
        return self.shows

    def ipconfig(self, what):
        assert what == "addr4"
        return self.addresses

    def ifconfig(self):
        return self.addresses + ("192.168.1.254", self.dns)


class Pin:
    IN, OUT, PULL_UP, PULL_DOWN = 0, 1, 2, 3

    def __init__(self, id, mode=None, pull=None):
        self.what = id, mode, pull
        self.level = None

    def value(self, level=None):
        if level is None:
            return self.level
        self.level = level


class Bench:
    """A runner whose phone, net and board are fakes, in its own time."""

    def __init__(self, port="rp2", network="WLAN", tick=0, networks=("home",), **more):
        self.said = said = []  # what the interface was told
        self.notes = []
        self.did = []  # of net and phone
        self.state = "off"
        self.alive = True
        self.place = 0
        self.now = tick
        self.nic = Nic(said)
        self.dns = DNS
        self.fed = 0
        self.timers = []
        self.pins = {}
        settings = Thing(
            local_address=more.pop("local_address", ""),
            dns_servers=more.pop("dns_servers", []),
            hostname=more.pop("hostname", ""),
            country=more.pop("country", ""),
            networks=[Thing(ssid=name, password=more.pop("password", "")) for name in networks],
        )
        board = dict(
            PORT=port, NETWORK=network, NETWORK_PINS={}, LED=None, LED_KIND="pin", LED_ON=1
        )
        board.update(BUTTON=None, BUTTON_DOWN=0, WATCHDOG_MS=8300)
        board.update(more)
        self.phone = Thing(
            settings=settings,
            trace=Thing(note=self.note),
            status=lambda: [{"state": self.state, "place": self.place}],
            lives=lambda now: self.alive,
            register=lambda now: self.did.append("register"),
        )
        self.net = Thing(online=self.online, offline=self.offline, heard=None)
        self.modules = {"machine": self._machine(), "network": self._network()}
        self.modules["rp2"] = Thing(bootsel_button=lambda: 0)
        self.modules["neopixel"] = Thing(NeoPixel=NeoPixel)
        self.runner = Runner(Thing(**board), self.phone, self.net, self.modules.__getitem__)

    def _machine(self):
        class OnePin(Pin):
            def __init__(pin, id, mode=None, pull=None):
                Pin.__init__(pin, id, mode, pull)
                self.pins[id] = pin

        return Thing(
            Pin=OnePin,
            SPI=lambda id, baudrate, sck, mosi, miso: (id, sck, mosi, miso),
            WDT=lambda timeout: self.said.append(("WDT", timeout)) or Thing(feed=self.feed),
            Timer=lambda id, period, callback: self.timers.append((id, period, callback)),
        )

    def _network(self):
        said = self.said

        class WLAN:
            IF_STA = 7
            PM_NONE = 16

            def __new__(cls, which):
                assert which == 7
                return self.nic

        def maker(name):
            def make(*given, **named):
                said.append((name, given, named))
                return self.nic

            return make

        return Thing(
            WLAN=WLAN,
            LAN=maker("LAN"),
            WIZNET5K=maker("WIZNET5K"),
            PHY_LAN8720=77,
            hostname=lambda name: said.append(("hostname", name)),
            country=lambda code: said.append(("country", code)),
            ipconfig=lambda what: self.dns,
        )

    def note(self, now, rule, event, text=""):
        assert now == self.now and rule == "W6"
        self.notes.append((event, text))

    def online(self, host, servers):
        self.did.append((host, servers))

    def offline(self):
        self.did.append("offline")

    def feed(self):
        self.fed += 1

    def run(self, ms):
        """Go on for so long, as often as the runner wants it."""
        while ms > 0:
            wait = self.runner.turn(self.now)
            assert 0 < wait <= 250
            wait = min(wait, ms)
            self.now = later(self.now, wait)
            ms -= wait

    def took(self):
        """What was told to the interface since the last time."""
        took = list(self.said)
        del self.said[:]
        return took


class NeoPixel:
    def __init__(self, pin, n):
        self.shown = []
        NeoPixel.one = self

    def __setitem__(self, i, colour):
        assert i == 0
        self.colour = colour

    def write(self):
        self.shown.append(self.colour)


def test_w6_wifi_is_brought_up_by_name_country_and_without_power_save():
    bench = Bench("rp2", hostname="desk-1", country="DE")
    assert bench.took() == [
        ("hostname", "desk-1"),
        ("country", "DE"),
        ("active", True),
        ("config", {"pm": 16}),
        ("WDT", 8300),
    ]
    assert Bench("esp32").took()[:4] == [
        ("active", True),
        ("disconnect",),
        ("config", {"pm": 16}),
        ("config", {"reconnects": 0}),
    ]


def test_w6_wired_interfaces_get_their_pins():
    bench = Bench(
        "esp32",
        "LAN",
        NETWORK_PINS={
            "mdc": 23,
            "power": 12,
            "ref_clk": 17,
            "phy_type": "PHY_LAN8720",
            "phy_addr": 0,
            "ref_clk_mode": "Pin.OUT",
        },
    )
    name, given, named = bench.took()[0]
    assert (name, given) == ("LAN", ())
    assert [named[key].what[0] for key in ("mdc", "power", "ref_clk")] == [23, 12, 17]
    assert (named["phy_type"], named["phy_addr"], named["ref_clk_mode"]) == (77, 0, Pin.OUT)
    pins = {"spi": 0, "sck": 18, "mosi": 19, "miso": 16, "cs": 17, "reset": 20}
    for more in ({}, {"intn": 21}):
        bench = Bench("rp2", "WIZNET5K", NETWORK_PINS=dict(pins, **more))
        name, given, named = bench.took()[0]
        assert given[0][0] == 0 and [pin.what[0] for pin in given[0][1:]] == [18, 19, 16]
        assert [pin.what[0] for pin in given[1:]] == [17, 20, 21][: 2 + len(more)]
        assert bench.said == [] and not bench.runner.link  # nothing to join


def test_w6_up_down_and_up_again():
    for tick in (0, 2**30 - 700):
        bench = Bench(tick=tick, password="hush-hush")
        bench.took()
        bench.run(1000)
        assert bench.took() == [("connect", "home", "hush-hush")] and bench.did == []
        bench.nic.up = True
        bench.run(3000)
        assert bench.did == [(OWN, [(DNS, 53)])]
        bench.nic.up = False
        bench.run(3000)
        assert bench.did[1:] == ["offline"]
        assert bench.took() == [("connect", "home", "hush-hush")]
        bench.nic.up = True
        bench.run(3000)
        assert bench.did[2:] == [(OWN, [(DNS, 53)])]
        assert bench.notes == [
            ("joining", "home"),
            ("up", OWN + " DNS " + DNS),
            ("down", ""),
            ("joining", "home"),
            ("up", OWN + " DNS " + DNS),
        ]


def test_w6_another_address_or_dns_server_is_told_to_the_phone():
    bench = Bench()
    bench.nic.up = True
    bench.run(2000)
    bench.nic.addresses = NONE, NONE  # an ESP32, until the new one is there
    bench.run(2000)
    assert len(bench.did) == 1
    bench.nic.addresses = "192.168.1.6", "255.255.255.0"
    bench.run(2000)
    bench.dns = "9.9.9.9"
    bench.run(10000)
    assert bench.did[1:] == [("192.168.1.6", [(DNS, 53)]), ("192.168.1.6", [("9.9.9.9", 53)])]


def test_w6_dns_server_of_ipv6_or_none():
    for shown, of_nic, servers in (
        (DNS, "1.2.3.4", [(DNS, 53)]),
        ("fe80::1", DNS, [(DNS, 53)]),
        (NONE, NONE, []),
        ("::", NONE, []),
    ):
        bench = Bench()
        bench.nic.up = True
        bench.dns, bench.nic.dns = shown, of_nic
        bench.run(500)
        assert bench.did == [(OWN, servers)], shown
        assert ("up", "%s DNS %s" % (OWN, servers[0][0] if servers else "none")) in bench.notes


def test_w6_what_the_settings_name_comes_first():
    mine = [("10.0.0.53", 5353)]
    bench = Bench(local_address="10.0.0.7", dns_servers=mine)
    bench.nic.up = True
    bench.run(5000)
    assert bench.did == [("10.0.0.7", mine)]


def test_w6_states_of_the_ports():
    down, joining, up, no_network, bad_password, failed = range(6)
    for port, shown, state in (
        ("rp2", 0, down),
        ("rp2", 1, joining),
        ("rp2", 2, joining),
        ("rp2", -1, failed),
        ("rp2", -2, no_network),
        ("rp2", -3, bad_password),
        ("esp32", 1000, down),
        ("esp32", 1001, joining),
        ("esp32", 2, failed),
        ("esp32", 200, failed),
        ("esp32", 201, no_network),
        ("esp32", 212, no_network),
        ("esp32", 202, bad_password),
        ("esp32", 204, bad_password),
        ("esp32", 15, bad_password),
    ):
        bench = Bench(port)
        bench.nic.shows = shown
        assert bench.runner._state() == state, (port, shown)
        bench.nic.associated = True  # then an ESP32 shows why an earlier attempt failed
        if port == "esp32":
            assert bench.runner._state() == min(state, joining), shown
        bench.nic.up = True
        assert bench.runner._state() == up


def test_w6_an_interface_that_refuses_to_join_is_tried_again():
    bench = Bench()
    bench.took()
    bench.nic.faults = [OSError("Wifi Internal State Error")]
    bench.nic.shows = 1
    bench.run(4500)
    connect = "connect", "home", None
    assert bench.took() == [connect, ("disconnect",), connect]
    assert bench.notes == [("joining", "home"), ("failed", "home")]


def test_w6_no_known_network_takes_the_one_that_boot_py_joined():
    bench = Bench(networks=())
    bench.took()
    bench.run(30000)
    bench.nic.up = True
    bench.run(1000)
    assert bench.took() == [] and bench.did == [(OWN, [(DNS, 53)])]


def test_w6_a_dead_link_is_made_anew_after_15_min():
    def bench_with(state, network="WLAN"):
        bench = Bench("rp2", network, NETWORK_PINS=dict(spi=0, sck=1, mosi=2, miso=3, cs=4))
        bench.nic.up = True
        bench.state = state
        bench.run(15 * MIN - 2000)
        bench.took()
        return bench

    bench = bench_with("registering")
    bench.run(5000)
    assert bench.took() == [("disconnect",)]
    assert bench.notes[-1] == ("dead-link", "")
    bench.run(15 * MIN - 10000)
    assert bench.took() == []
    bench.net.heard = 5  # something came
    bench.run(MIN)
    assert bench.took() == []
    for state in ("registered", "waiting", "rejected", "off"):  # it does not ask, or all is well
        bench = bench_with(state)
        bench.run(MIN)
        assert bench.took() == [], state
    bench = bench_with("registering")
    bench.nic.up = False  # not up, so not dead
    bench.run(MIN)
    assert ("dead-link", "") not in bench.notes
    bench = bench_with("registering", "WIZNET5K")
    bench.run(MIN)
    assert bench.took() == []


def test_w6_the_interface_is_looked_at_four_times_a_second():
    bench = Bench(LED=2, BUTTON=0)
    bench.pins[0].level = 1
    bench.run(10000)
    assert bench.nic.looks == 40


def test_w11_the_dog_is_fed_only_while_the_phone_lives():
    for tick in (0, 2**30 - 700):
        bench = Bench(tick=tick)
        bench.run(1000)
        assert bench.fed == 4
        bench.alive = False
        bench.run(20000)
        assert bench.fed == 4
        bench.alive = True
        bench.run(1000)
        assert bench.fed == 8
    assert ("WDT", 8300) in bench.took()
    bench = Bench(WATCHDOG_MS=0)
    bench.run(1000)
    bench.runner.end()
    assert bench.fed == 0 and bench.timers == []


def test_w11_after_the_end_a_timer_feeds_the_dog():
    for port, id in (("esp32", 0), ("rp2", -1)):
        bench = Bench(port)
        bench.alive = False
        bench.runner.end()
        ((got, period, callback),) = bench.timers
        assert (got, period) == (id, 1000)
        callback(None)
        assert bench.fed == 1


def test_w13_light_of_a_pin():
    for on in (0, 1):
        bench = Bench(LED=25, LED_ON=on)
        bench.run(100)
        assert bench.pins[25].what[:2] == (25, Pin.OUT)
        assert bench.pins[25].level == on
        bench.run(500)
        assert bench.pins[25].level == 1 - on
        bench.run(500)
        assert bench.pins[25].level == on
        bench.runner.end()
        assert bench.pins[25].level == 1 - on


def test_w13_light_of_a_neopixel_is_white_or_dark():
    bench = Bench(LED=48, LED_KIND="neopixel")
    bench.run(1200)
    lit, dark, again = NeoPixel.one.shown
    assert dark == (0, 0, 0) and lit == again and lit[0] == lit[1] == lit[2] > 0


def test_w13_the_light_shows_how_the_phone_is():
    bench = Bench(LED=2)
    for state, place, name in (
        ("off", 0, "searching"),
        ("registering", 0, "searching"),
        ("registered", 0, "first"),
        ("registered", 2, "backup"),
        ("waiting", 0, "failed"),
        ("rejected", 0, "failed"),
    ):
        bench.state = state
        bench.place = place
        bench.run(1500)
        assert bench.runner.lamp.name == name, state
    bench.phone.status = lambda: []  # no account
    bench.run(1500)
    assert bench.runner.lamp.name == "failed"
    bench.phone.status = lambda: [
        {"state": state, "place": 0} for state in ("registered", "registering", "registered")
    ]
    bench.run(1500)
    assert bench.runner.lamp.name == "searching"  # the worst of them


def test_w13_button_short_says_the_status_and_long_registers():
    for level in (0, 1):
        bench = Bench(LED=2, BUTTON=9, BUTTON_DOWN=level)
        key = bench.pins[9]
        assert key.what == (9, Pin.IN, Pin.PULL_DOWN if level else Pin.PULL_UP)
        key.level = 1 - level
        said = []
        bench.runner.lamp.say = said.append
        bench.state = "registered"
        bench.run(2000)
        for ms in (100, 1900):
            key.level = level
            bench.run(ms)
            key.level = 1 - level
            bench.run(200)
            assert said == [[1]] and bench.did == []
            del said[:]
        key.level = level
        bench.run(2200)
        assert bench.did == ["register"]
        bench.run(5000)
        key.level = 1 - level
        bench.run(500)
        assert bench.did == ["register"] and said == []


def test_w13_bootsel_is_a_button_and_a_board_may_have_no_light():
    bench = Bench(BUTTON="BOOTSEL", BUTTON_DOWN=1)
    down = []
    bench.runner.button.read = lambda: 1 if down else 0
    bench.run(500)
    down.append(1)
    bench.run(200)
    del down[:]
    bench.run(200)
    down.append(1)
    bench.run(2500)
    assert bench.did == ["register"]
    bench = Bench("rp2", BUTTON="BOOTSEL", BUTTON_DOWN=1)
    assert bench.runner.button.read is bench.modules["rp2"].bootsel_button
