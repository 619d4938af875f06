"""Virtual time, phones on their addresses, servers on theirs, and the paths between.

    net = Net(seed=1)
    net.serve(server)              # anything with the methods of sim.dns.Server, sim.sip.Registrar
    phone = net.phone(settings_dict)
    net.run(60000)

It knows no kind of server; the package makes `Sim` of it, which has two, and its docstring shows
the whole interface. Limits: IPv4 datagrams and one TCP stream a phone, no fragments, no routing.
Happenings of one instant come in the order in which they were arranged; that alone, and `Random`,
make a story the same on every interpreter.
"""

import json
from hashlib import sha256

from sim.message import TYPES, question
from srvphone.clock import diff, later

SIP, DNS, TCP = 0, 1, 2  # the channels of a phone, as srvphone.phone numbers them
OPENED, DATA, CLOSED = 0, 1, 2  # its stream events
KINDS = ("SIP", "DNS", "TCP")

REFUSED, NO_NETWORK, NO_HOST = 111, 101, 113  # Linux errno of what is reported to a phone

MOST_AT_ONCE = 10000  # happenings at one millisecond; more is an endless loop
HALF_DAY = 43200000  # a phone is woken at least so often, in ms


class Random:
    """Bytes from SHA-256 over a key and a count: one key, one sequence, on every interpreter."""

    def __init__(self, key):
        self.key = key
        self.blocks = 0
        self.left = b""

    def split(self, purpose):
        """A generator of its own for `purpose`: its draws move no other sequence."""
        return Random(self.key + b"/" + purpose.encode())

    def urandom(self, n):
        while len(self.left) < n:
            self.left += sha256(self.key + b"#%d" % self.blocks).digest()
            self.blocks += 1
        out = self.left[:n]
        self.left = self.left[n:]
        return out

    def below(self, n):
        """0 to n - 1; n is small here, so the remainder's bias does not matter."""
        b = self.urandom(3)
        return (b[0] << 16 | b[1] << 8 | b[2]) % n


class Frame:
    """One datagram, or one piece of a stream, as its sender sent it."""

    def __init__(self, t, kind, source, to, data):
        self.t = t  # virtual ms of the sending
        self.kind = kind  # "SIP", "DNS" or "TCP"
        self.source = source  # (address text, port)
        self.to = to
        self.data = data
        self.arrived = 0  # how often it was delivered to somebody: 2 if the path doubled it
        self.fate = "on the way"  # then "delivered", or why not: see Sim.frames

    def __repr__(self):
        return "Frame(%d, %s, %s, %s, %d bytes, %s)" % (
            (self.t, self.kind, self.source, self.to, len(self.data), self.fate)
        )

    @property
    def what(self):
        """The method ("REGISTER") or status (401) of SIP; None of anything else."""
        return _what(self.data) if self.kind == "SIP" else None


class Path:
    """The way from one address to another, this direction only. Set its fields at any time."""

    def __init__(self, random):
        self.random = random
        self.delay_ms = 1
        self.jitter_ms = 0  # up to so much more, drawn for each datagram: so they overtake
        self.loss = 0  # so many of 100 are lost
        self.twice = 0  # so many of 100 arrive twice
        self.drop = 0  # the next so many are lost
        self.pick = None  # function(frame): true if this one is lost
        self.errno = 0  # nothing passes, and the sender is told: NO_HOST, NO_NETWORK, REFUSED

    def delays(self, frame):
        """After how many ms each copy of the datagram arrives: [] if it is lost."""
        if self.drop:
            self.drop -= 1
            return []
        if self.pick and self.pick(frame):
            return []
        if self.loss and self.random.below(100) < self.loss:
            return []
        delays = [self.delay_ms]
        if self.twice and self.random.below(100) < self.twice:
            delays.append(self.delay_ms)
        if self.jitter_ms:
            delays = [ms + self.random.below(self.jitter_ms + 1) for ms in delays]
        return delays


class Host:
    """Where a phone is plugged in: carries what it sends and tells it what comes."""

    def __init__(self, sim, phone, address, sip_port):
        self.sim = sim
        self.phone = phone
        self.address = address
        self.sip_port = sip_port
        self.dns_port = 0  # its one open DNS port, 0 if none
        self.streams = []  # the numbers of its open streams
        self.on = True  # False: the power is cut, for good
        self.down = 0  # while it has no network, the errno of its sends
        self.woken = sim.now
        self.heard = None  # the phone's time of the last datagram

    # As `srvphone.net.Net` has it, for what brings up and takes down the network.

    def online(self, address, servers):
        """The network is here, or another, with this address and these DNS servers."""
        self.address = address or self.address
        self.down = 0
        self.tell("network", address, servers)

    def offline(self):
        """The network has gone."""
        self.down = NO_NETWORK
        self.streams = []
        self.tell("network", None, None)

    def tell(self, method, *args):
        """Call a method of the phone with the time as the last argument, and carry its output."""
        if self.on:
            getattr(self.phone, method)(*(args + (self.sim.ticks(),)))
            self.carry()

    def due(self):
        """The virtual time of the next wake."""
        deadline = self.phone.deadline()
        half_day = self.woken + HALF_DAY
        if deadline is None:
            return half_day
        return min(half_day, self.sim.now + max(0, diff(deadline, self.sim.ticks())))

    def wake(self):
        self.woken = self.sim.now
        self.tell("wake")

    def carry(self):
        if not self.on:
            return
        for channel, data, to, port in self.phone.take(self.sim.ticks()):
            if channel == SIP:
                self.sim.send("SIP", (self.address, self.sip_port), to, data)
            elif channel == DNS:
                self.dns_port = port  # 0: the socket is closed
                if data is not None:
                    self.sim.send("DNS", (self.address, port), to, data)
            elif data is not None:
                self._connect(port, to, data)
            elif port in self.streams:
                self.streams.remove(port)

    def receive(self, frame):
        """A datagram is here -> its fate."""
        if not self.on or self.down:
            return "no host"
        channel = SIP if frame.to[1] == self.sip_port else DNS
        if channel == DNS and (frame.to[1] != self.dns_port or not self.dns_port):
            self.sim.vanished += 1
            return "closed"
        self.heard = self.sim.ticks()
        self.tell("receive", channel, frame.data, frame.source)
        return "delivered"

    # A stream: data and reports go by the number, so that nothing reaches a later one.

    def _connect(self, number, to, data):
        sim = self.sim
        self.streams.append(number)
        there = sim.way(self.address, to[0]).delay_ms
        if self.down:
            sim.at(sim.now, self._shut, number)
        else:
            sim.at(sim.now + there, self._knock, number, to, data)

    def _knock(self, number, to, data):
        sim = self.sim
        back = sim.way(to[0], self.address).delay_ms
        node = sim.nodes.get(to)
        state = node.tcp if node else "silent"
        if state == "closed":
            sim.at(sim.now + back, self._shut, number)
        elif state != "silent":
            sim.at(sim.now + back, self._open, number, to, data)

    def _open(self, number, to, data):
        sim = self.sim
        if number in self.streams and not self.down:
            frame = sim.record("TCP", (self.address, 40000 + number), to, data)
            there = sim.way(self.address, to[0]).delay_ms
            sim.at(sim.now + there, self._ask, number, frame)
            self.tell("stream", number, OPENED, None)

    def _ask(self, number, frame):
        sim = self.sim
        node = sim.nodes.get(frame.to)
        frame.arrived = 1
        frame.fate = "delivered"
        back = sim.way(frame.to[0], self.address).delay_ms
        for after, piece in node.stream(frame.data):  # (ms, bytes or None for the close)
            sim.at(sim.now + after + back, self._piece, number, frame, piece)

    def _piece(self, number, asked, data):
        if data is None:
            self._shut(number)
        elif number in self.streams and not self.down:
            frame = self.sim.record("TCP", asked.to, asked.source, data)
            frame.arrived = 1
            frame.fate = "delivered"
            self.tell("stream", number, DATA, data)

    def _shut(self, number):
        # Closed by the server, or never opened: a phone sees no difference
        if number in self.streams:
            self.streams.remove(number)
            self.tell("stream", number, CLOSED, None)


class Net:
    """A small network in virtual time. See the package's docstring.

    seed    everything random follows from it
    tick    the phones' clock at virtual time 0, modulo 2**30
    reports False: no stack tells of closed ports and unreachable hosts (lwIP boards)
    keep    so many frames, lines and notes are kept of each; the oldest go
    """

    def __init__(self, seed=1, tick=0, reports=True, keep=1000):
        self.now = 0
        self.tick = tick
        self.reports = reports
        self.keep = keep
        self.random = Random(b"%d" % seed)
        self.events = []  # (virtual ms, function, arguments), in the order they will happen
        self.hosts = []
        self.nodes = {}  # (address, port): a server
        self.paths = {}
        self.frames = []  # fates: on the way, delivered, lost, closed (the port is), unreachable,
        # silent, no host (nobody has the address), no network
        self.lines = []  # of the phones' traces
        self.notes = []  # (virtual ms, rule, event, text) of them, datagrams left out
        self.vanished = 0  # datagrams to a port that the phone had closed
        self.chain = b""
        self.at_once = 0
        self.path()

    # Time

    def ticks(self):
        """The phones' clock."""
        return later(self.tick, self.now)

    def at(self, ms, function, *args):
        """Arrange for function(*args) at the virtual time `ms`, after what is arranged there."""
        if ms < self.now:
            raise ValueError("%d ms is in the past" % ms)
        i = len(self.events)
        while i and self.events[i - 1][0] > ms:
            i -= 1
        self.events.insert(i, (ms, function, args))

    def step(self, limit):
        """Let the next thing happen; False if there is none until `limit`, where time then is."""
        for host in self.hosts:
            host.carry()
        t = self.events[0][0] if self.events else limit + 1
        waking = None
        for host in self.hosts:
            due = host.due() if host.on else t
            if due < t:
                t = due
                waking = host
        if t > limit:
            self.now = max(self.now, limit)
            return False
        self.at_once = self.at_once + 1 if t == self.now else 0
        if self.at_once > MOST_AT_ONCE:
            raise RuntimeError("endless loop at %d ms" % t)
        self.now = t
        if waking:
            waking.wake()
        else:
            _, function, args = self.events.pop(0)
            function(*args)
        return True

    def run(self, until):
        """Let everything happen up to and at the virtual time `until`."""
        while self.step(until):
            pass

    def run_until(self, predicate, limit):
        """Run until predicate() is true: True; or to the virtual time `limit`: False."""
        while not predicate():
            if not self.step(limit):
                return False
        return True

    # Who is there

    def phone(self, settings, address="", start=0, name=""):
        """A srvphone.phone.Phone from a settings dict, a JSON text, or a Settings object.

        A dict without local_address gets `address`. It starts `start` ms from now; None: not by
        itself. `name` goes before its trace lines.
        """
        from srvphone import account
        from srvphone.phone import Phone
        from srvphone.trace import Trace

        if isinstance(settings, dict):
            settings = dict(settings)
            settings["local_address"] = address or settings.get("local_address", "192.168.10.11")
            settings = json.dumps(settings)
        if isinstance(settings, str):
            settings, faults = account.load(settings)
            if faults:
                raise ValueError("; ".join(faults))
        address = address or settings.local_address
        trace = Trace(lambda record: self._heard(name, record))
        random = self.random.split("phone %d %s" % (len(self.hosts), address))
        phone = Phone(settings, random.urandom, trace)
        return self.attach(phone, address, settings.local_sip_port, start)

    def attach(self, phone, address, sip_port=5060, start=0):
        """Plug in anything with the methods of a Phone; it is handed back."""
        host = Host(self, phone, address, sip_port)
        self.hosts.append(host)
        if start is not None:
            self.at(self.now + start, host.tell, "start")
        return phone

    def host(self, phone=None):
        """The Host of a phone (of the first one)."""
        for host in self.hosts:
            if phone is None or host.phone is phone:
                return host

    def serve(self, server):
        """Plug in a server: anything with `address` and `tcp`, `receive` and, of DNS, `stream`."""
        self.nodes[server.address] = server
        return server

    # The paths

    def path(self, source=None, to=None):
        """The Path between two addresses, made when first asked for; None is any address.

        The most particular one made counts: (source, to), (None, to), (source, None), and
        path(), which is there from the start.
        """
        if (source, to) not in self.paths:
            purpose = "path %s %s" % (source or "any", to or "any")
            self.paths[source, to] = Path(self.random.split(purpose))
        return self.paths[source, to]

    def way(self, source, to):
        """The Path that a datagram takes."""
        for key in ((source, to), (None, to), (source, None)):
            if key in self.paths:
                return self.paths[key]
        return self.paths[None, None]

    def record(self, kind, source, to, data):
        frame = Frame(self.now, kind, source, to, data)
        _keep(self.frames, frame, self.keep)
        self._hash("%d %s %s:%d %s:%d" % ((self.now, kind) + source + to), data)
        return frame

    def send(self, kind, source, to, data):
        """Put a datagram on its way, from anybody, also forged -> its Frame."""
        frame = self.record(kind, source, to, data)
        host = self._host_at(source)
        path = self.way(source[0], to[0])
        if host and host.down:
            frame.fate = "no network"
            self.at(self.now, host.tell, "failed", KINDS.index(kind), to, host.down)
        elif path.errno:
            frame.fate = "unreachable"
            self._report(frame, path.errno)
        else:
            delays = path.delays(frame)
            if not delays:
                frame.fate = "lost"
            for ms in delays:
                self.at(self.now + ms, self._arrive, frame)
        return frame

    def _arrive(self, frame):
        host = self._host_at(frame.to)
        there = host or self.nodes.get(frame.to)
        fate = there.receive(frame) if there else "no host"
        if fate == "delivered":
            frame.arrived += 1
        elif fate == "closed":
            self._report(frame, REFUSED)
        if fate == "delivered" or not frame.arrived:
            frame.fate = fate

    def _report(self, frame, errno):
        host = self._host_at(frame.source)
        if host and self.reports:
            ms = self.way(frame.to[0], frame.source[0]).delay_ms
            self.at(self.now + ms, host.tell, "failed", KINDS.index(frame.kind), frame.to, errno)

    def _host_at(self, address):
        found = None
        for host in self.hosts:  # the newest phone that has the address
            if host.address == address[0] and (host.on or found is None):
                found = host
        return found

    # What happened

    def _heard(self, name, record):
        from srvphone.trace import line

        text = line(record)
        _keep(self.lines, "%s %s" % (name, text) if name else text, self.keep)
        self._hash(name + text, record[5] or b"")
        if record[5] is None:
            _keep(self.notes, (self.now,) + record[2:5], self.keep)

    def _hash(self, text, data):
        self.chain = sha256(self.chain + text.encode() + data).digest()

    def digest(self):
        """SHA-256 over every datagram and trace line so far, as hexadecimal text."""
        return self.chain.hex()

    def sip(self, what=None, to=None):
        """[(virtual ms, source address, destination address, "REGISTER" or 401), ...] of the SIP
        frames; only those with this method or status, only those to this address, if given."""
        return [
            (f.t, f.source[0], f.to[0], f.what)
            for f in self.frames
            if f.kind == "SIP" and (what is None or f.what == what) and to in (None, f.to[0])
        ]

    def queries(self, to=None):
        """[(virtual ms, server address, "SRV", "_sip._udp.test.grandstream.com"), ...] of the DNS
        queries, those over TCP too."""
        out = []
        for f in self.frames:
            data = f.data[2:] if f.kind == "TCP" else f.data
            if f.kind != "SIP" and f.to in self.nodes and to in (None, f.to[0]):
                name, end = question(data)
                kind = data[end] << 8 | data[end + 1]
                out.append((f.t, f.to[0], TYPES.get(kind, str(kind)), name))
        return out

    def noted(self, rule=None, event=None):
        """The notes of the phones' traces with this rule, with this event, as in `notes`."""
        return [
            note for note in self.notes if rule in (None, note[1]) and event in (None, note[2])
        ]


def _keep(things, thing, most):
    if len(things) >= most:
        things.pop(0)
    things.append(thing)


def _what(data):
    word = data.split(b" ", 2)
    try:
        return int(word[1]) if word[0] == b"SIP/2.0" else word[0].decode()
    except (ValueError, IndexError):
        return "?"
