"""Stand-ins for a board's network: access points, a cable, and `network` of rp2 and ESP32.

    ether = Ether(lambda: sim.now, "esp32")      # or "rp2"
    home = ether.point("home", "its password")   # an access point; Point tells what it can do
    network = ether.network                      # what a board imports: network.WLAN() and so on
    home.goes()
    home.comes()
    ether.passes("192.168.10.11")                # do datagrams of this address get through?

States, numbers and traps are those of MicroPython 1.28 (network_cyw43.c, cyw43_ctrl.c,
network_wlan.c, network_lan.c, network_wiznet5k.c); the class of each interface says where it
differs. For all of them: one interface a board, IPv4 by DHCP, no scan, no access point of its own,
no security modes, and waits that are always the same instead of about as long. An interface looks
at the clock when it is asked for something; what happens does not depend on how often that is.
"""

NOWHERE = "0.0.0.0"

DHCP_MS = 600  # from the link to the address
PHY_MS = 1500  # from the plug to the link


class Point:
    """What an interface connects to: an access point, or the switch at the end of the cable."""

    on = True
    dhcp = True  # False: its DHCP server is silent
    deaf = False  # True: the link is up, but nothing passes

    def __init__(self, ether, ssid, password, address, dns):
        self.ether = ether
        self.ssid = ssid
        self.password = password
        self.address = address  # what its DHCP server gives out
        self.dns = dns

    def goes(self, bye=False):
        """Off. `bye`: it takes leave of its stations; else they notice by themselves, later."""
        self._seen()
        self.on = False
        for nic in self._on_it():
            nic.forsaken(bye)

    def comes(self, forgot=False):
        """On again. `forgot`: it knows its stations no more and sends them away."""
        self._seen()
        self.on = True
        nic = self.ether.nic
        if nic:
            if forgot and nic.point is self:
                nic.forsaken(True)
            nic.found(self)

    def renews(self, address, dns=None):
        """Its DHCP server hands out this from now on, to who is connected, too."""
        self._seen()
        self.address = address
        self.dns = dns or self.dns
        for nic in self._on_it():
            nic.renewed()

    def _seen(self):
        if self.ether.nic:
            self.ether.nic.look()

    def _on_it(self):
        nic = self.ether.nic
        return [nic] if nic and nic.point is self else []


class Ether:
    """The room around a board. `now()`: milliseconds that never wrap; flavour "rp2" or "esp32"."""

    def __init__(self, now, flavour="rp2"):
        self.now = now
        self.flavour = flavour
        self.points = []
        self.nic = None  # the interface of the board, once it is made
        self.network = Network(self)

    def point(self, ssid, password="", address="192.168.10.11", dns="192.168.10.10"):
        """A new access point; ssid None: the far end of the cable."""
        made = Point(self, ssid, password, address, dns)
        self.points.append(made)
        return made

    def ap(self, ssid):
        """The access point of this name; None if there is none, or it is off."""
        for point in self.points:
            if point.ssid == ssid and point.on:
                return point
        return None

    def passes(self, address):
        """Is this the board's address now, and does its network carry datagrams?"""
        nic = self.nic
        if not nic:
            return False
        nic.look()
        point = nic.point
        return nic.linked() and point.on and not point.deaf and nic.address == address != NOWHERE


class Network:
    """The module `network` of a board, as an object. One for each restart of the board."""

    STA_IF = 0
    AP_IF = 1

    def __init__(self, ether):
        self.ether = ether
        self.name = "mpy-" + ether.flavour
        self.land = "XX"
        self.dns = NOWHERE  # lwIP's server 0; as there, it stays when the link goes
        if ether.flavour == "esp32":
            self.WLAN = Esp32
            numbers = ESP32
        else:
            self.WLAN = Rp2
            numbers = RP2
        for key in numbers:
            setattr(self, key, numbers[key])
        if ether.flavour == "rp2":
            self.WIZNET5K = self._wiznet5k
        else:
            self.LAN = self._lan
        self.WLAN = _Maker(self, self.WLAN)

    def nic(self, kind):
        """The board's interface: the same object each time, as on a board."""
        ether = self.ether
        if ether.nic is None or ether.nic.network is not self:
            ether.nic = kind(self)
        return ether.nic

    def _lan(self, id=0, **given):
        return self.nic(Lan).init(given)

    def _wiznet5k(self, spi, cs, rst, intn=None):
        return self.nic(Wiznet5k)

    def hostname(self, name=None):
        if name is None:
            return self.name
        if len(name) > 32:
            raise ValueError
        self.name = name

    def country(self, code=None):
        if code is None:
            return self.land
        if len(code) != 2:
            raise ValueError
        self.land = code

    def ipconfig(self, what):
        if what != "dns":
            raise ValueError("unexpected key")
        if self.ether.nic:
            self.ether.nic.look()
        return self.dns


class _Maker:
    """network.WLAN: called for the interface, asked for the class's constants."""

    IF_STA = 0
    IF_AP = 1

    def __init__(self, network, kind):
        self.network = network
        self.kind = kind
        self.PM_NONE = kind.PM_NONE

    def __call__(self, which=0):
        if which != 0:
            raise ValueError("a station, nothing else, is what this stands in for")
        return self.network.nic(self.kind)


class Nic:
    """What the interfaces share: the clock, the link and the address."""

    PM_NONE = 0
    point = None  # what it is connected to, or is trying to be
    address = NOWHERE
    since = None  # when the address came, or came back; None while there is none
    _active = False
    _due = None  # when the next thing happens by itself,
    _step = None  # and what
    at = 0  # the time of what is happening

    def __init__(self, network):
        self.network = network
        self.ether = network.ether
        self.tries = []  # when it was told to connect

    def look(self):
        """Let happen what should have happened by now."""
        now = self.ether.now()
        while self._due is not None and self._due <= now:
            self.at = self._due
            self._due = None
            self._step()
        self.at = now

    def after(self, ms, step):
        self._due = self.at + ms
        self._step = step

    def has(self, address):
        self.address = address
        if address == NOWHERE:
            self.since = None
        else:
            self.since = self.at
            self.network.dns = self.point.dns

    def renewed(self):
        """The DHCP server says no to the old address, and gives the new one half a second on."""
        if self.linked() and self.address != NOWHERE:
            if self.address == self.point.address:
                self.network.dns = self.point.dns
            else:
                self.has(NOWHERE)
                self.after(DHCP_MS, self.leased)

    def leased(self):
        if self.point.on and self.point.dhcp and not self.point.deaf:
            self.has(self.point.address)
        else:
            self.after(DHCP_MS, self.leased)  # asks again

    def ipconfig(self, what):
        self.look()
        if what != "addr4":
            raise ValueError("unexpected key")
        return self.address, "255.255.255.0"

    def ifconfig(self):
        self.look()
        return self.address, "255.255.255.0", "192.168.10.254", self.network.dns


RP2 = {
    "STAT_IDLE": 0,
    "STAT_CONNECTING": 1,
    "STAT_GOT_IP": 3,
    "STAT_CONNECT_FAIL": -1,
    "STAT_NO_AP_FOUND": -2,
    "STAT_WRONG_PASSWORD": -3,
}


class Rp2(Nic):
    """WLAN of a Pico W. As there:

    - after a lost link the status is 1, not 0, and the chip looks for its network by itself
      (`rejoins` False: one whose firmware does not, which was seen, too);
    - the old address is kept without a link, and shown as good when the link is back until the
      DHCP server says no; status 2 (no address yet) has no name in `network`;
    - connect() while inactive raises OSError(-1); active(True) turns the power save on again;
    - status("rssi") is some number without a link, too.
    Differs: connect() gives up its old network at once; every refusal of a password is -3 (the
    chip says -1 or stays at 1 at times).
    """

    PM_NONE = 0x10
    FIND_MS = 1500
    MISS_MS = 2500  # until it is clear that the network is not there
    REFUSED_MS = 3000
    LOST_MS = 5000  # without a beacon

    rejoins = True
    pm = 0xA11142
    _join = 0
    _link = False
    _wanted = None

    def linked(self):
        return self._link

    def active(self, on=None):
        self.look()
        if on is None:
            return self.status() != 0
        if on and not self._active:
            self.pm = 0xA11142
        self._active = bool(on)
        if not on:
            self.disconnect()

    def config(self, what=None, **given):
        for key in given:
            if key == "pm":
                self.pm = given[key]
            elif key not in ("hostname", "txpower", "trace"):
                raise ValueError("unknown config param")
        if what is not None:
            return {"pm": self.pm, "mac": b"\x28\xcd\xc1\0\0\1", "hostname": self.network.name}[
                what
            ]

    def connect(self, ssid, key=None, security=-1, bssid=None, channel=-1):
        self.look()
        if not self._active:
            raise OSError(-1)
        self._wanted = ssid, key or ""
        self.tries.append(self.at)
        self._drop()
        self._join = 1
        self._seek()

    def disconnect(self):
        self.look()
        self._drop()
        self._join = 0
        self.point = None

    def isconnected(self):
        return self.status() == 3

    def status(self, what=None):
        self.look()
        if what == "rssi":
            return -60 if self._link else 0
        if not self._link:
            return self._join
        return 2 if self.address == NOWHERE else 3

    def _drop(self):
        self._link = False
        self.since = None
        self._due = None

    def _seek(self):
        there = self.ether.ap(self._wanted[0])
        self.after(self.FIND_MS if there else self.MISS_MS, self._join_it)

    def _join_it(self):
        self.point = self.ether.ap(self._wanted[0])
        if not self.point:
            self._join = -2
        elif self.point.password != self._wanted[1]:
            self.after(self.REFUSED_MS, self._refuse)
        else:
            self._link = True
            if self.address != NOWHERE:
                self.since = self.at  # the lease of before, until it hears otherwise
            self.after(DHCP_MS, self._ask)

    def _refuse(self):
        self._join = -3

    def _ask(self):
        if self.address == NOWHERE:
            self.leased()
        elif not self.point.on or not self.point.dhcp:
            self.after(DHCP_MS, self._ask)
        elif self.point.address == self.address:
            self.network.dns = self.point.dns
        else:
            self.has(NOWHERE)
            self.after(DHCP_MS, self.leased)

    def forsaken(self, bye):
        if bye:
            self._lost()
        elif self._link:
            self.after(self.LOST_MS, self._lost)

    def found(self, point):
        """A point that was off is on."""
        if self._link and point is self.point:
            self._due = None  # the silence was too short to be noticed
            self.after(DHCP_MS, self._ask)
        elif self._join == 1 and self._due is None and self.rejoins and self._wanted:
            if point.ssid == self._wanted[0]:
                self.after(self.FIND_MS, self._join_it)

    def _lost(self):
        if self._link:
            self._drop()
            self._join = 1
            if self.rejoins and self.point.on:
                self.after(self.FIND_MS, self._join_it)


ESP32 = {
    "STAT_IDLE": 1000,
    "STAT_CONNECTING": 1001,
    "STAT_GOT_IP": 1010,
    "STAT_BEACON_TIMEOUT": 200,
    "STAT_NO_AP_FOUND": 201,
    "STAT_WRONG_PASSWORD": 202,
    "STAT_ASSOC_FAIL": 203,
    "STAT_HANDSHAKE_TIMEOUT": 204,
    "PHY_LAN8710": 0,
    "PHY_LAN8720": 1,
    "PHY_IP101": 2,
    "PHY_RTL8201": 3,
    "PHY_DP83848": 4,
    "PHY_KSZ8041": 5,
    "PHY_KSZ8081": 6,
    "ETH_INITIALIZED": 0,
    "ETH_STARTED": 1,
    "ETH_STOPPED": 2,
    "ETH_CONNECTED": 3,
    "ETH_DISCONNECTED": 4,
    "ETH_GOT_IP": 5,
}

LEFT, HANDSHAKE, LOST, MISSING, REFUSED = 8, 15, 200, 201, 202  # its reasons
STATE, CONNECTED = "Wifi Internal State Error", "Wifi Internal Error"


class Esp32(Nic):
    """WLAN of an ESP32. As there:

    - status() tells the reason of the last failure until an address has come: after a new
      connect() it still says that of the one before;
    - it tries again by itself, for ever, unless config(reconnects=n) says how often;
    - connect() and config() raise OSError while it is connecting or not active, connect() while
      connected, too: disconnect() comes first;
    - a wrong password shows as `refusal`, which is one of 202, 204 and 15;
    - status("rssi") raises OSError unless associated;
    - the address goes with the link; after a renewal with another address it is 0.0.0.0 for a
      moment while isconnected() stays true.
    Differs: disconnect() takes effect at once instead of by an event soon after.
    """

    FIND_MS = 1000
    MISS_MS = 2400  # a scan of all channels
    REFUSED_MS = 3500
    LOST_MS = 6000  # without a beacon

    refusal = REFUSED
    pm = 1
    reason = 0
    _most = 0  # as the C source counts: 0 for ever, n + 1 for n reconnects
    _tries = 0
    _requested = False
    _phase = 0  # 0 nothing, 1 connecting, 2 connected to the point
    _got = False  # an address came since
    _config = None

    def linked(self):
        return self._phase == 2

    def active(self, on=None):
        self.look()
        if on is not None:
            if self._active and not on:
                self._requested = False
                self._end(LEFT)
            self._active = bool(on)
            self._tries = 0
        return self._active

    def config(self, what=None, **given):
        self.look()
        for key in given:
            if key == "pm":
                self.pm = given[key]
            elif key == "reconnects":
                n = given[key]
                self._most = 0 if n == -1 else n + 1
            elif key not in ("hostname", "dhcp_hostname", "txpower"):
                raise ValueError("unknown config param")
        if given and not self._active:
            raise OSError("Wifi Invalid Mode")
        if given and self._phase == 1:
            raise OSError(STATE)
        if what is not None:
            return {"pm": self.pm, "mac": b"\x30\xae\xa4\0\0\1"}[what]

    def connect(self, ssid=None, key=None, bssid=None):
        self.look()
        if not self._active:
            raise OSError("Wifi Not Started")
        if self._phase:
            raise OSError(STATE if self._phase == 1 else CONNECTED)
        if ssid is not None:
            self._config = ssid, key or ""
        self.tries.append(self.at)
        self._tries = 0
        self._requested = True
        self._seek()

    def disconnect(self):
        self.look()
        if not self._active:
            raise OSError("Wifi Not Started")
        self._requested = False
        if self._phase:
            self._end(LEFT)

    def isconnected(self):
        self.look()
        return self._got

    def status(self, what=None):
        self.look()
        if what == "rssi":
            if self._phase != 2:
                raise OSError("Wifi Not Connected")
            return -60
        reason = self.reason
        if self._got:
            return 1010
        if reason in (MISSING, REFUSED):
            return reason
        if reason == LEFT:
            return 1000
        if self._requested and (self._most == 0 or self._tries < self._most):
            return 1001
        return reason or 1000

    def _seek(self):
        self._phase = 1
        self.point = self.ether.ap(self._config[0])
        self.after(self.FIND_MS if self.point else self.MISS_MS, self._join)

    def _join(self):
        self.point = self.ether.ap(self._config[0])
        if not self.point:
            self._end(MISSING)
        elif self.point.password != self._config[1]:
            self.after(self.REFUSED_MS, self._refuse)
        else:
            self._phase = 2
            self.after(DHCP_MS, self.leased)

    def _refuse(self):
        self._end(self.refusal)

    def has(self, address):
        Nic.has(self, address)
        if address != NOWHERE:
            self._got = True
            self.reason = 0

    def _end(self, reason):
        """WIFI_EVENT_STA_DISCONNECTED."""
        self._phase = 0
        self._due = None
        self._got = False
        self.reason = reason
        self.has(NOWHERE)
        if self._requested:
            if self._most:
                self._tries += 1
                if self._tries >= self._most:
                    return
            self._seek()

    def forsaken(self, bye):
        if self._phase == 2:
            if bye:
                self._end(LEFT)
            else:
                self.after(self.LOST_MS, self._lost)

    def _lost(self):
        self._end(LOST)

    def found(self, point):
        if self._phase == 2 and point is self.point:
            self._due = None
            if not self._got or self.address == NOWHERE:
                self.after(DHCP_MS, self.leased)


class Lan(Nic):
    """LAN of an ESP32 with an RMII PHY. As there: ETH_... states, the link looked at every 2 s,
    the address gone with it. Differs: takes any pins, and the PHYs that are named above.
    """

    LOST_MS = 2000
    _state = 0

    def init(self, given):
        for key in given:
            if key not in (
                "mdc",
                "mdio",
                "reset",
                "power",
                "phy_addr",
                "phy_type",
                "ref_clk_mode",
                "ref_clk",
            ):
                raise TypeError("extra keyword arguments given")
        if given.get("mdc") is None or given.get("mdio") is None:
            raise ValueError("mdc and mdio must be specified")
        if not 0 <= given["phy_addr"] <= 31 or not 0 <= given["phy_type"] <= 6:
            raise ValueError("invalid phy")
        return self

    def linked(self):
        return self._state in (3, 5)

    def active(self, on=None):
        self.look()
        if on is not None and bool(on) != self._active:
            self._active = bool(on)
            self._state = 1 if on else 2
            self._due = None
            self.has(NOWHERE)
            self.point = self.ether.ap(None)
            if on and self.point:
                self.after(PHY_MS, self._plugged)
        return self._active

    def config(self, what=None, **given):
        if what is not None:
            return {"mac": b"\x30\xae\xa4\0\0\2"}[what]

    def status(self):
        self.look()
        return self._state

    def isconnected(self):
        self.look()
        return self._active and self._state == 5

    def has(self, address):
        Nic.has(self, address)
        if address != NOWHERE:
            self._state = 5

    def _plugged(self):
        self._state = 3
        self.after(DHCP_MS, self.leased)

    def forsaken(self, bye):
        self.after(self.LOST_MS, self._lost)

    def _lost(self):
        self._state = 4
        self.has(NOWHERE)

    def found(self, point):
        if self._active and point.ssid is None:
            self.point = point
            self._due = None
            if self._state != 5:
                self.after(PHY_MS, self._plugged)


class Wiznet5k(Nic):
    """WIZNET5K of rp2, with the lwIP stack. As there: status() tells of the cable alone,
    isconnected() of cable and address, which is kept without a cable, so an address that changed
    meanwhile shows with the next renewal only. Differs: active(True) does not block for 0.4 s.
    """

    def linked(self):
        return self._active and self.point is not None and self.point.on

    def active(self, on=None):
        self.look()
        if on is None:
            return self._active
        if on and not self._active:
            self.point = self.ether.ap(None)
            self.after(PHY_MS + DHCP_MS, self._ask)
        elif not on:
            self._due = None
            self.has(NOWHERE)
        self._active = bool(on)

    def config(self, what=None, **given):
        if what is not None:
            return {"mac": b"\x28\xcd\xc1\0\0\2"}[what]

    def status(self):
        self.look()
        if not self.ether.ap(None):
            return 0
        return 2 if self._active else 1

    def isconnected(self):
        self.look()
        return self.linked() and self.address != NOWHERE

    def _ask(self):
        if self.point:
            self.leased()
        else:
            self.after(DHCP_MS, self._ask)

    def forsaken(self, bye):
        self.since = None

    def found(self, point):
        if point.ssid is None:
            self.point = point
            if self.address != NOWHERE:
                self.since = self.at
