"""The simulator itself, with a scripted client in the place of a phone."""

from binascii import unhexlify

from cases import DNS, SIP, STARTS, TCP, dns_messages, raises, vector_text
from sim import Sim, guide
from sim.dns import Server, Zone
from sim.md5 import md5
from sim.net import HALF_DAY, NO_HOST, NO_NETWORK, REFUSED, Random
from sim.sip import digest
from srvphone.clock import later
from srvphone.dns import wire

OPENED, DATA, CLOSED = 0, 1, 2

CLIENT = "192.0.2.11"
SERVER = ("192.0.2.13", 5060)
OTHER = ("192.0.2.12", 5060)
RESOLVER = ("192.0.2.53", 53)

HELLO = b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nCSeq: 1 OPTIONS\r\n\r\n"


class Client:
    """Sends what it is told to, and keeps what it is told."""

    def __init__(self):
        self.out = []
        self.heard = []
        self.alarm = None
        self.again = 0  # ms from a wake to the next

    def start(self, now):
        self.heard.append(("start", now))

    def receive(self, channel, data, source, now):
        self.heard.append(("receive", channel, data, source, now))

    def failed(self, channel, peer, errno, now):
        self.heard.append(("failed", channel, peer, errno, now))

    def stream(self, number, event, data, now):
        self.heard.append(("stream", number, event, data, now))

    def wake(self, now):
        self.heard.append(("wake", now))
        self.alarm = later(now, self.again) if self.again is not None else None

    def take(self, now):
        out = self.out
        self.out = []
        return out

    def deadline(self):
        return self.alarm

    def received(self):
        return [event[2] for event in self.heard if event[0] == "receive"]


def network(**options):
    sim = Sim(**options)
    client = sim.attach(Client(), CLIENT, start=None)
    client.again = None
    return sim, client


def ask(sim, client, kind, name, port=40000, ident=7, edns=0, to=RESOLVER):
    """One query over UDP, and what comes back within ten seconds."""
    question = wire.name(name) + bytes([kind >> 8, kind & 255, 0, 1])
    client.heard = []
    client.out.append((DNS, wire.query(ident, question, edns), to, port))
    sim.run(sim.now + 10000)
    return client.received()


def head(data):
    """(ID, flags, counts of answers, authority, additional) of a DNS message."""
    return tuple(data[i] << 8 | data[i + 1] for i in (0, 2, 6, 8, 10))


# Time


def test_sim_what_is_arranged_for_one_instant_keeps_its_order():
    sim = Sim()
    seen = []
    for i, ms in enumerate((5, 3, 5, 0, 3, 5)):
        sim.at(ms, seen.append, (ms, i))
    sim.at(3, sim.at, 3, seen.append, "last")
    sim.run(4)
    assert seen == [(0, 3), (3, 1), (3, 4), "last"] and sim.now == 4
    sim.run(5)
    assert seen[4:] == [(5, 0), (5, 2), (5, 5)]
    raises(ValueError, sim.at, 4, print)


def test_sim_run_until_stops_at_once_or_at_the_limit():
    sim = Sim()
    seen = []
    for ms in (10, 20, 30):
        sim.at(ms, seen.append, ms)
    assert sim.run_until(lambda: 20 in seen, 100) and sim.now == 20
    assert not sim.run_until(lambda: 40 in seen, 100) and sim.now == 100 and seen == [10, 20, 30]


def test_sim_wakes_a_phone_at_its_deadline_also_when_ticks_wrap():
    for tick in STARTS:
        sim, client = network(tick=tick)
        client.again = 700
        client.alarm = later(tick, 300)
        sim.run(1800)
        assert client.heard == [("wake", later(tick, ms)) for ms in (300, 1000, 1700)]
        client.alarm = later(sim.ticks(), -50)  # overdue is now
        client.again = None
        client.heard = []
        sim.run(1800)
        assert client.heard == [("wake", later(tick, 1800))]


def test_sim_wakes_a_phone_twice_a_day_at_least():
    sim, client = network(tick=2**30 - 1)
    sim.run(5 * HALF_DAY // 2)
    assert client.heard == [("wake", later(sim.tick, n * HALF_DAY)) for n in (1, 2)]
    sim.host().on = False
    sim.run(5 * HALF_DAY)
    assert len(client.heard) == 2


def test_sim_an_endless_loop_is_an_error():
    sim, client = network()
    client.again = 0
    client.alarm = sim.ticks()
    raises(RuntimeError, sim.run, 1)


def test_sim_random_is_the_same_everywhere_and_split_by_purpose():
    random = Random(b"1")
    assert random.urandom(4) + random.urandom(40) == Random(b"1").urandom(44)
    assert Random(b"1").urandom(8) == unhexlify("8df36cd4a027100a")
    assert Random(b"1").split("a").urandom(8) != Random(b"1").split("b").urandom(8)
    draws = [random.below(3) for _ in range(300)]
    assert sorted(set(draws)) == [0, 1, 2] and 70 < draws.count(0) < 130


# Paths


def test_sim_path_delays_doubles_loses_and_reorders():
    sim, client = network()
    server = sim.registrar(*SERVER[:1])
    there = sim.path(None, SERVER[0])
    back = sim.path(SERVER[0], CLIENT)
    there.delay_ms, back.delay_ms = 20, 5
    sim.run(100)
    server.send(b"hello", (CLIENT, 5060))
    sim.run(200)
    assert client.heard == [("receive", SIP, b"hello", SERVER, 105)]

    def sent(n):
        client.heard = []
        for i in range(n):
            server.send(bytes([i]), (CLIENT, 5060))
        sim.run(sim.now + 1000)
        return [data[0] for data in client.received()]

    back.drop = 2
    assert sent(4) == [2, 3]
    back.pick = lambda frame: frame.data[0] % 2
    assert sent(4) == [0, 2]
    back.pick = None
    back.twice = 100
    assert sent(2) == [0, 0, 1, 1] and sim.frames[-1].arrived == 2
    back.twice = 0
    back.jitter_ms = 50
    order = sent(20)
    assert order != sorted(order) and sorted(order) == list(range(20))
    back.jitter_ms = 0
    back.loss = 40
    assert 40 < len(sent(100)) < 80
    back.loss = 100
    assert sent(1) == [] and sim.frames[-1].fate == "lost"


def test_sim_the_most_particular_path_counts():
    sim = Sim()
    sim.path().delay_ms = 9
    sim.path("a").delay_ms = 8
    assert sim.way("a", "b").delay_ms == 8 and sim.way("b", "a").delay_ms == 9
    sim.path(None, "b").delay_ms = 7
    assert sim.way("a", "b").delay_ms == 7
    sim.path("a", "b").delay_ms = 6
    assert sim.way("a", "b").delay_ms == 6 and sim.way("c", "b").delay_ms == 7


def test_sim_a_closed_port_is_reported_where_the_stack_does():
    for reports in (True, False):
        sim, client = network(reports=reports)
        server = sim.registrar(*SERVER[:1])
        dns = sim.dns(RESOLVER[0], guide.ZONE)
        server.fails("closed")
        dns.fails("closed")
        client.out.append((SIP, HELLO, SERVER, 0))
        sim.run(10)
        told = [event[:4] for event in client.heard]
        assert told == ([("failed", SIP, SERVER, REFUSED)] if reports else [])
        assert ask(sim, client, 1, "test1.grandstream.com") == []
        told = [event[:4] for event in client.heard]
        assert told == ([("failed", DNS, RESOLVER, REFUSED)] if reports else [])
        assert [frame.fate for frame in sim.frames] == ["closed", "closed"]


def test_sim_silence_and_unreachable_hosts_and_no_network():
    sim, client = network()
    sim.registrar(*SERVER[:1]).fails("silent")

    def fate(to):
        client.heard = []
        client.out.append((SIP, HELLO, to, 0))
        sim.run(sim.now + 100)
        return sim.frames[-1].fate

    assert fate(SERVER) == "silent" and not client.heard
    assert fate(OTHER) == "no host" and not client.heard
    sim.path(None, OTHER[0]).errno = NO_HOST
    assert fate(OTHER) == "unreachable"
    assert [event[:4] for event in client.heard] == [("failed", SIP, OTHER, NO_HOST)]
    sim.host(client).down = NO_NETWORK
    assert fate(SERVER) == "no network"
    assert [event[:4] for event in client.heard] == [("failed", SIP, SERVER, NO_NETWORK)]
    sim.send("SIP", SERVER, (CLIENT, 5060), b"hello")
    sim.run(sim.now + 100)
    assert len(client.heard) == 1


def test_sim_phones_may_be_several_and_an_address_may_change_hands():
    sim, first = network()
    second = sim.attach(Client(), "192.0.2.21", sip_port=5070)
    sim.send("SIP", SERVER, ("192.0.2.21", 5070), b"to the second")
    sim.send("SIP", SERVER, (CLIENT, 5060), b"to the first")
    sim.run(10)
    assert first.received() == [b"to the first"]
    assert second.received() == [b"to the second"] and second.heard[0][0] == "start"
    sim.host(first).on = False
    third = sim.attach(Client(), CLIENT)
    sim.send("SIP", SERVER, (CLIENT, 5060), b"to the third")
    sim.run(20)
    assert third.received() == [b"to the third"] and len(first.heard) == 1


def test_sim_keeps_a_bounded_number_of_frames():
    sim, client = network(keep=10)
    for i in range(25):
        sim.send("SIP", SERVER, (CLIENT, 5060), bytes([i]))
    assert [frame.data[0] for frame in sim.frames] == list(range(15, 25))


# DNS


def test_sim_guide_zone_is_that_of_figure_18():
    text = vector_text("grandstream.com.zone")
    lines = [line for line in text.split("\n") if line and line[0] != ";"]
    assert guide.ZONE.strip().split("\n") == lines


def test_sim_answers_are_those_of_the_guides_captures():
    sim, client = network()
    sim.dns(RESOLVER[0], guide.ZONE)
    messages = dns_messages("guide_dns.json")
    for query, response in zip(messages[::2], messages[1::2]):
        client.heard = []
        client.out.append((DNS, query["data"], RESOLVER, 40000))
        sim.run(sim.now + 100)
        assert client.received() == [response["data"]], response["frame"]
    assert [query[2:] for query in sim.queries()][:3] == [
        ("SRV", "_sip._udp.test.grandstream.com"),
        ("A", "test2.grandstream.com"),
        ("A", "test1.grandstream.com"),
    ]


def test_sim_dns_a_closed_socket_hears_nothing():
    sim, client = network()
    dns = sim.dns(RESOLVER[0], guide.ZONE)
    dns.fails("", delay_ms=500)
    question = wire.name("test1.grandstream.com") + b"\0\1\0\1"
    client.out.append((DNS, wire.query(1, question), RESOLVER, 40001))
    sim.run(100)
    client.out.append((DNS, wire.query(2, question), RESOLVER, 40002))
    sim.run(2000)
    assert [data[1] for data in client.received()] == [2] and sim.vanished == 1
    client.out.append((DNS, wire.query(3, question), RESOLVER, 40003))
    sim.run(2100)
    client.out.append((DNS, None, None, 0))
    sim.run(4000)
    assert sim.vanished == 2 and sim.frames[-1].fate == "closed"


ZONE = """
    $ORIGIN example.org.
    @        600 IN SOA ns hostmaster 1 3600 600 86400 300
    @        600 IN NS  ns       ; a comment
    www      60  IN CNAME web
    web      60  IN CNAME a
    out      60  IN CNAME somewhere.example.net.
    a        60  IN A 192.0.2.1
    a        60  IN A 192.0.2.2
    a        60     AAAA 2001:db8::1
    t        60  IN TXT "one; two" three
    deep.b   60  IN A 192.0.2.3
    n        60  IN NAPTR 10 20 "" "E2U+sip" "!^(.*)$!sip:\\\\1@example.org!" .
    _sip._udp 60 IN SRV 0 0 5060 a
"""


def test_sim_zone_is_read_and_edited():
    zone = Zone(ZONE)
    assert zone.apex() == "example.org"
    assert [r.fields for r in zone.find("a", "A")] == [["192.0.2.1"], ["192.0.2.2"]]
    assert zone.find("t")[0].fields == [b"one; two", b"three"]
    fields = zone.find("n.example.org.")[0].fields
    assert fields == [10, 20, b"", b"E2U+sip", b"!^(.*)$!sip:\\1@example.org!", "."]
    assert zone.find("@", "SOA")[0].fields[:2] == ["ns.example.org", "hostmaster.example.org"]
    zone.set("a 5 IN A 192.0.2.9")
    assert [r.fields for r in zone.find("A")] == [["2001:db8::1"], ["192.0.2.9"]]
    zone.ttl(7, "a", "A")
    assert [r.ttl for r in zone.find("a")] == [60, 7]
    zone.remove("a", "AAAA")
    assert [r.kind for r in zone.find("a")] == ["A"]
    zone.ttl(1)
    assert zone.find("web")[0].ttl == 1


def test_sim_dns_aliases_and_denials():
    sim, client = network()
    server = sim.dns(RESOLVER[0], [ZONE, guide.ZONE])
    cases = (
        ("a.example.org", 1, (7, 0x8580, 2, 1, 0)),
        ("A.Example.ORG", 1, (7, 0x8580, 2, 1, 0)),
        ("www.example.org", 1, (7, 0x8580, 4, 1, 0)),
        ("www.example.org", 5, (7, 0x8580, 1, 1, 0)),
        ("out.example.org", 1, (7, 0x8580, 1, 0, 0)),
        ("a.example.org", 33, (7, 0x8580, 0, 1, 0)),  # NODATA
        ("b.example.org", 1, (7, 0x8580, 0, 1, 0)),  # a name between
        ("no.example.org", 1, (7, 0x8583, 0, 1, 0)),
        ("_sip._udp.example.org", 33, (7, 0x8580, 1, 1, 2)),
        ("test1.grandstream.com", 1, (7, 0x8580, 1, 1, 0)),
        ("example.com", 1, (7, 0x8185, 0, 0, 0)),
    )
    for name, kind, want in cases:
        (data,) = ask(sim, client, kind, name)
        assert head(data) == want and wire.check(data) == 0, name
        assert data[12:].startswith(wire.name(name))
    assert server.asked == len(cases)
    server.lower = True
    (data,) = ask(sim, client, 1, "A.Example.ORG")
    assert data[12:].startswith(wire.name("a.example.org"))


def test_sim_dns_every_way_to_answer_badly():
    sim, client = network()
    dns = sim.dns(RESOLVER[0], ZONE)
    (good,) = ask(sim, client, 1, "a.example.org")

    def badly(how, **more):
        dns.works()
        dns.fails(how, **more)
        return ask(sim, client, 1, "a.example.org")

    for how in ("silent", "closed"):
        assert badly(how) == []
    for how, rcode in (("FORMERR", 1), ("SERVFAIL", 2), ("NXDOMAIN", 3), ("NOTIMP", 4)):
        (data,) = badly(how)
        assert head(data) == (7, 0x8180 | rcode, 0, 0, 0)
    (data,) = badly("truncated")
    assert head(data) == (7, 0x8780, 0, 0, 0)
    (data,) = badly("wrong ID")
    assert data[0] != good[0] and data[1:] == good[1:]
    (data,) = badly("wrong question")
    assert head(data) == head(good) and wire.check(data) == 0 and data[12:] != good[12:]
    (data,) = badly("garbage")
    assert len(data) == len(good) and data != good
    assert badly("twice") == [good, good]
    forged, data = badly("spoofed first")
    assert forged[3] & 15 == 3 and data == good
    for how, source in (
        ("wrong port", (RESOLVER[0], 54)),
        ("wrong address", ("203.0.113.53", 53)),
    ):
        assert badly(how) == [good] and client.heard[-1][3] == source
    assert badly("", delay_ms=3000) == [good]
    assert sim.frames[-1].t - sim.frames[-2].t == 3001
    assert badly("silent", kind="SRV") == badly("silent", name="b.example.org") == [good]
    assert badly("silent", times=1) == []
    assert ask(sim, client, 1, "a.example.org") == [good]
    dns.works()
    client.out.append((DNS, b"\0\7\1", RESOLVER, 40000))
    sim.run(sim.now + 10)
    assert dns.unreadable == 1


def test_sim_dns_edns():
    sim, client = network()
    dns = sim.dns(RESOLVER[0], ZONE)
    (data,) = ask(sim, client, 1, "a.example.org", edns=1232)
    assert head(data) == (7, 0x8580, 2, 1, 1) and wire.check(data) == 0
    dns.fails("FORMERR to EDNS")
    (data,) = ask(sim, client, 1, "a.example.org", edns=1232)
    assert head(data) == (7, 0x8181, 0, 0, 0)
    (data,) = ask(sim, client, 1, "a.example.org")
    assert head(data) == (7, 0x8580, 2, 1, 0)
    dns.works()
    for i in range(40):
        dns.zone.add("many 60 IN A 192.0.2.%d" % i)
    (data,) = ask(sim, client, 1, "many.example.org")
    assert data[2] & 2 and len(data) <= 512
    (data,) = ask(sim, client, 1, "many.example.org", edns=1232)
    assert not data[2] & 2 and data[7] == 40


def test_sim_dns_names_in_srv_and_naptr_data_may_be_compressed():
    sim, client = network()
    dns = sim.dns(RESOLVER[0], guide.ZONE)
    for kind, name in ((33, "_sip._udp.test.grandstream.com"), (35, "test.grandstream.com")):
        dns.squeeze = False
        (plain,) = ask(sim, client, kind, name)
        dns.squeeze = True
        (tight,) = ask(sim, client, kind, name)
        assert len(tight) < len(plain) and wire.check(tight) == 0
        assert last_field(tight) == last_field(plain)


def last_field(data):
    """The name at the end of the first record, of type SRV or NAPTR."""
    p = wire.skip(data, wire.skip(data, 12) + 4)
    naptr = data[p + 1] == 35
    p += 14 if naptr else 16
    for _ in range(3 if naptr else 0):
        p += 1 + data[p]
    return wire.expand(data, p)


def test_sim_dns_over_tcp():
    sim, client = network()
    dns = sim.dns(RESOLVER[0], ZONE)
    dns.fails("truncated")
    sim.path(None, RESOLVER[0]).delay_ms = 10
    query = wire.query(7, wire.name("a.example.org") + b"\0\1\0\1")
    (short,) = ask(sim, client, 1, "a.example.org")

    numbers = []

    def stream():
        client.heard = []
        start = sim.now
        numbers.append(len(numbers) + 1)
        client.out.append((TCP, bytes([0, len(query)]) + query, RESOLVER, numbers[-1]))
        sim.run(sim.now + 1000)
        assert [event[1] for event in client.heard] == numbers[-1:] * len(client.heard)
        return [(event[2], event[3], later(event[4], -start)) for event in client.heard]

    opened, (_, data, at) = stream()
    assert opened == (OPENED, None, 11) and at == 22
    assert data[0] << 8 | data[1] == len(data) - 2 and head(data[2:]) == (7, 0x8580, 2, 1, 0)
    assert [what[2] for what in sim.queries()] == ["A", "A"]
    dns.piece = 30
    pieces = stream()
    assert len(pieces) > 3 and b"".join(piece[1] for piece in pieces[1:]) == data
    for state, want in (
        ("closed", [(CLOSED, None, 11)]),
        ("closes", [(OPENED, None, 11), (CLOSED, None, 22)]),
        ("mute", [(OPENED, None, 11)]),
        ("silent", []),
    ):
        dns.tcp = state
        assert stream() == want, state
    dns.tcp = "up"
    client.heard = []
    for number in (91, 92):
        client.out.append((TCP, bytes([0, len(query)]) + query, RESOLVER, number))
    sim.run(sim.now + 15)
    client.out.append((TCP, None, None, 91))
    sim.run(sim.now + 1000)
    heard = [event[1:3] for event in client.heard]
    assert heard[:2] == [(91, OPENED), (92, OPENED)] and set(heard[2:]) == {(92, DATA)}


# SIP


def test_sim_md5_is_that_of_rfc1321():
    for text, want in (
        (b"", "d41d8cd98f00b204e9800998ecf8427e"),
        (b"abc", "900150983cd24fb0d6963f7d28e17f72"),
        (b"1234567890" * 8, "57edf4a22be3c955ac49da2e2107b67a"),
        (b"x" * 55, "04364420e25c512fd958a70738aa8f72"),
        (b"x" * 56, "668a72d5ba17f08e62dabcafad6db14b"),
        (b"x" * 64, "c1bb4f81d892b2d57947682aeb252456"),
    ):
        assert md5(text) == want, text


def test_sim_credentials_are_those_of_rfc7616():
    given = {
        "username": "Mufasa",
        "realm": "http-auth@example.org",
        "uri": "/dir/index.html",
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "nc": "00000001",
        "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        "qop": "auth",
    }
    assert digest(given, "Circle of Life", "GET") == "8ca523f5e9506fed4657c9700eebdbec"
    given["algorithm"] = "SHA-256"
    assert digest(given, "Circle of Life", "GET") == (
        "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
    )
    given["algorithm"] = "X-NEW"
    assert digest(given, "Circle of Life", "GET") == ""


class Caller:
    """A client that registers: templates of its own, too."""

    def __init__(self, server=SERVER, **options):
        self.sim, self.client = network(**options)
        self.server = self.sim.registrar(SERVER[0], users={"2002": "secret"})
        self.to = server
        self.cseq = 0
        self.branch = 0
        self.password = "secret"
        self.challenge = None
        self.nc = 0

    def register(self, expires="60", contact="<sip:2002@192.0.2.11:5060>", again=False, more=()):
        """Send a REGISTER -> the responses within ten seconds, as (status, text)."""
        if not again:
            self.cseq += 1
            self.branch += 1
        lines = [
            "REGISTER sip:grandstream.com SIP/2.0",
            "Via: SIP/2.0/UDP 192.0.2.11:5060;rport;branch=z9hG4bK%d" % self.branch,
            "Max-Forwards: 70",
            "From: <sip:2002@grandstream.com>;tag=a",
            "To: <sip:2002@grandstream.com>",
            "Call-ID: one",
            "CSeq: %d REGISTER" % self.cseq,
            "Contact: " + contact,
            "Expires: " + expires,
        ]
        lines += list(more) + self.credentials(again) + ["Content-Length: 0", "", ""]
        self.client.heard = []
        self.client.out.append((SIP, "\r\n".join(lines).encode(), self.to, 0))
        self.sim.run(self.sim.now + 10000)
        texts = [data.decode() for data in self.client.received()]
        return [(int(text.split(" ")[1]), text) for text in texts]

    def credentials(self, again):
        if not self.challenge:
            return []
        self.nc += 0 if again else 1
        pairs = dict(self.challenge)
        pairs["username"] = "2002"
        pairs["uri"] = "sip:grandstream.com"
        if "qop" in pairs:
            pairs["nc"] = "%08x" % self.nc
            pairs["cnonce"] = "c"
        response = digest(pairs, self.password, "REGISTER")
        text = 'Authorization: Digest username="2002", realm="%s"' % pairs["realm"]
        text += ', uri="sip:grandstream.com", nonce="%s", response="%s"' % (
            pairs["nonce"],
            response,
        )
        text += ", algorithm=" + pairs["algorithm"]
        if "qop" in pairs:
            text += ', qop=%s, nc=%s, cnonce="c"' % (pairs["qop"], pairs["nc"])
        return [text]

    def take(self, text, number=0):
        """Keep the challenge of a 401."""
        lines = [line for line in text.split("\r\n") if line.startswith("WWW-Auth")]
        pairs = [part.split("=", 1) for part in lines[number].split("Digest ")[1].split(", ")]
        self.challenge = {name: value.strip('"') for name, value in pairs}
        self.nc = 0

    def log_in(self):
        """REGISTER, 401, REGISTER -> the last response."""
        self.challenge = None
        ((status, text),) = self.register()
        assert status == 401
        self.take(text)
        return self.register()[0]


def header(text, name):
    values = [line.split(": ", 1)[1] for line in text.split("\r\n") if line.startswith(name + ":")]
    return values[0] if len(values) == 1 else values


def test_sim_registrar_challenges_and_binds():
    caller = Caller()
    server = caller.server
    status, text = caller.log_in()
    assert status == 200 and not server.complaints
    assert header(text, "Via") == (
        "SIP/2.0/UDP 192.0.2.11:5060;rport=5060;branch=z9hG4bK2;received=192.0.2.11"
    )
    assert header(text, "Contact") == "<sip:2002@192.0.2.11:5060>;expires=60"
    assert header(text, "Expires") == "60" and header(text, "CSeq") == "2 REGISTER"
    assert header(text, "To") == "<sip:2002@grandstream.com>;tag=sim"
    assert server.bound("2002") == 50001 and server.bound("2003") == 0
    assert (server.requests, server.with_credentials, server.branches) == (2, 1, 2)
    assert [what[1:] for what in caller.sim.sip(to=CLIENT)] == [
        (SERVER[0], CLIENT, 401),
        (SERVER[0], CLIENT, 200),
    ]
    caller.sim.run(100000)
    assert server.bound("2002") == 0 and server.lapses("2002") == [(70001, None)]
    caller.register()
    assert server.lapses("2002") == [(70001, 100001)]


def test_sim_registrar_answers_without_rport_to_the_via():
    sim, client = network()
    sim.registrar(*SERVER[:1])
    text = (
        "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1\r\n"
        "Call-ID: c\r\nCSeq: 1 OPTIONS\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:a>\r\n"
        "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
    client.out.append((SIP, text.encode(), SERVER, 0))
    sim.run(10)
    (data,) = client.received()
    assert header(data.decode(), "Via").endswith(";branch=z9hG4bK1;received=192.0.2.11")
    assert sim.frames[-1].what == 200 and sim.frames[-1].to == (CLIENT, 5060)


def test_sim_registrar_repeats_a_response_to_a_retransmission():
    caller = Caller()
    first = caller.register()
    assert caller.register(again=True) == first
    assert (caller.server.requests, caller.server.retransmissions) == (1, 1)
    caller.take(first[0][1])
    caller.server.fails("silent", times=1)
    assert caller.register() == []
    assert caller.register(again=True)[0][0] == 200


def test_sim_registrar_nonces_by_habit():
    caller = Caller()
    server = caller.server
    assert caller.log_in()[0] == 200
    assert [caller.register()[0][0] for _ in range(3)] == [200, 200, 200] and server.max_nc == 4
    caller.nc = 2  # a replay
    status, text = caller.register()[0]
    assert status == 401 and "stale=true" in text and server.replays == 1
    server.nonces = "once"
    assert caller.log_in()[0] == 200
    status, text = caller.register()[0]
    assert status == 401 and "stale=true" in text
    server.nonces = "stale"
    status, text = caller.log_in()
    assert status == 401 and "stale=true" in text
    server.nonces = "same"
    assert caller.log_in()[0] == 200 and caller.challenge["nonce"] == "5afe5afe"
    server.nonces = "kept"
    server.nonce_life_ms = 30000
    assert caller.log_in()[0] == 200
    assert caller.register()[0][0] == 200
    caller.sim.run(caller.sim.now + 30000)
    assert "stale=true" in caller.register()[0][1]
    server.nonce_life_ms = 0
    assert caller.log_in()[0] == 200
    server.restart()
    server.says_stale = False
    status, text = caller.register()[0]
    assert status == 401 and "stale" not in text
    assert not server.complaints


def test_sim_registrar_wrong_password_and_other_algorithms():
    caller = Caller()
    server = caller.server
    caller.password = "wrong"
    status, text = caller.log_in()
    assert status == 401 and "stale" not in text
    caller.password = "secret"
    server.algorithms = ["X-NEW", "SHA-256", "MD5", "SHA-256-sess", "MD5-sess"]
    caller.challenge = None
    text = caller.register()[0][1]
    assert len(header(text, "WWW-Authenticate")) == 5
    for number in (1, 2, 3, 4):
        caller.take(text, number)
        assert caller.register()[0][0] == 200
        caller.challenge = None
        text = caller.register()[0][1]
    server.algorithms = ["SHA-256"]
    server.qop = ""
    assert caller.log_in()[0] == 200
    server.realm = 'a "b"'
    caller.challenge = None
    text = caller.register()[0][1]
    assert 'realm="a \\"b\\""' in text
    server.algorithms = []
    caller.challenge = None
    assert caller.register()[0][0] == 200
    server.algorithms = ["MD5", "SHA-256"]
    server.one_line = server.proxy = True
    status, text = caller.register()[0]
    assert status == 407 and header(text, "Proxy-Authenticate").count("Digest ") == 2


def test_sim_registrar_expires_contacts_and_cseq():
    caller = Caller()
    server = caller.server
    server.minimum_s = 120
    status, text = caller.log_in()
    assert status == 423 and header(text, "Min-Expires") == "120"
    server.maximum_s = 200
    status, text = caller.register("5000")[0]
    assert status == 200 and header(text, "Expires") == "200"
    server.grants_in = "header"
    server.foreign = ["<sip:2002@192.0.2.99>;expires=7"]
    text = caller.register("5000", "<sip:2002@192.0.2.11:5060>;expires=150")[0][1]
    assert header(text, "Contact")[0] == "<sip:2002@192.0.2.99>;expires=7"
    assert header(text, "Contact")[1] == "<sip:2002@192.0.2.11:5060>"
    assert header(text, "Expires") == "150"
    server.grants_in = "contact"
    text = caller.register("150")[0][1]
    assert header(text, "Expires") == []
    caller.cseq -= 3
    assert caller.register("150")[0][0] == 500 and "CSeq" in server.complaints[-1]
    caller.cseq += 3
    server.foreign = []
    assert caller.register("0")[0][0] == 200 and server.bound("2002") == 0
    caller.register("150")
    assert server.bound("2002") and caller.register("0", "*")[0][0] == 200
    assert server.bound("2002") == 0 and server.lapses("2002") == []
    assert caller.register("150", "*")[0][0] == 400


def test_sim_registrars_may_share_the_bindings():
    caller = Caller()
    backup = caller.sim.registrar(OTHER[0], location=caller.server.location)
    caller.log_in()
    assert 0 < backup.bound("2002") == caller.server.bound("2002")
    caller.to = OTHER
    caller.cseq -= 1
    backup.algorithms = []
    assert caller.register()[0][0] == 500
    assert caller.register()[0][0] == 200


def test_sim_registrar_every_way_to_respond_badly():
    caller = Caller()
    server = caller.server
    caller.log_in()

    def badly(how, **more):
        server.works()
        server.fails(how, **more)
        return caller.register()

    def statuses(how, **more):
        return [status for status, _ in badly(how, **more)]

    ((status, text),) = badly(503, headers=["Retry-After: 30"])
    assert status == 503 and header(text, "Retry-After") == "30"
    for status in (302, 403, 404, 480, 500, 603):
        assert statuses(status) == [status]
    assert statuses("silent") == [] == statuses("closed")
    assert statuses("trying") == [100]
    assert statuses("late", delay_ms=4000) == [100, 200]
    assert statuses("", delay_ms=4000) == [200]
    assert statuses("twice") == [200, 200]
    ((status, text),) = badly("wrong branch")
    assert status == 200 and "z9hG4bK-not-" in text
    assert statuses("wrong address") == [200]
    assert caller.client.heard[-1][3] == ("203.0.113.60", 5060)
    assert statuses(503, method="INVITE") == [200]
    assert statuses(503, times=1) == [503] and caller.register()[0][0] == 200
    server.works()
    server.fails("garbage")
    before = len(caller.client.received())
    raises(ValueError, caller.register)
    assert len(caller.client.received()) == before == 1
    caller.client.out.append((SIP, b"\xff\xfe nonsense", SERVER, 0))
    caller.sim.run(caller.sim.now + 10)
    assert server.unreadable == 1 and server.complaints == ["unreadable"]


def test_sim_registrar_complains_of_what_is_wrong_with_a_request():
    sim, client = network()
    server = sim.registrar(*SERVER[:1])
    text = "REGISTER sip:2002@a SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=1\r\nCSeq: 1 BYE\r\n\r\nx"
    client.out.append((SIP, text.encode(), SERVER, 0))
    sim.run(10)
    for word in ("headers to", "headers max-forwards", "z9hG4bK", "tag", "CSeq", "user part"):
        assert any(word in complaint for complaint in server.complaints), word
    assert "Content-Length is not the body's" in server.complaints


def test_sim_registrar_sends_requests_and_keeps_responses():
    sim, client = network()
    server = sim.registrar(*SERVER[:1])
    for method in ("OPTIONS", "INVITE", "UNHEARD"):
        frame = server.request(method, (CLIENT, 5060), headers=["X: y"], body="v=0\r\n")
        assert frame.what == method and frame.data.endswith(b"Content-Length: 5\r\n\r\nv=0\r\n")
    server.request("CANCEL", (CLIENT, 5060), branch="z9hG4bKx", call_id="c", cseq=9)
    server.send(b"\0\1garbage", (CLIENT, 5060))
    sim.run(10)
    branches = [data.split(b"branch=")[1].split(b"\r")[0] for data in client.received()[:-1]]
    assert len(set(branches)) == 4 and branches[3] == b"z9hG4bKx"
    client.out.append((SIP, b"SIP/2.0 200 OK\r\n\r\n", SERVER, 0))
    sim.run(20)
    assert server.responses == [(11, 200, "SIP/2.0 200 OK\r\n\r\n")]


# The whole


def story(seed, tick=0):
    """A scripted registration over a bad network."""
    caller = Caller(seed=seed, tick=tick)
    path = caller.sim.path()
    path.delay_ms, path.jitter_ms, path.loss, path.twice = 10, 40, 20, 20
    caller.sim.dns(RESOLVER[0], guide.ZONE).fails("garbage", times=3)
    for i in range(12):
        ask(caller.sim, caller.client, 33, "_sip._udp.test.grandstream.com", 40000 + i, i)
        responses = caller.register()
        if responses and responses[-1][0] == 401:
            caller.take(responses[-1][1])
    return caller.sim


def test_sim_a_seeded_story_is_the_same_on_every_interpreter():
    sim = story(1)
    fates = [frame.fate for frame in sim.frames]
    assert fates.count("lost") > 3 and fates.count("delivered") > 20
    assert sim.digest() == story(1, 2**30 - 500).digest() != story(2).digest()
    assert sim.digest() == "0e86ac93380efb2fbd5dc94cd4b0c655571dae52155d0ceeeb9a07e4b7a5a778"


def test_sim_guide_scenes():
    for address in (guide.PHONE, "192.168.10.10"):
        scene = guide.scene(address=address)
        assert scene.dns.address[0] != address and isinstance(scene.dns, Server)
        assert scene.primary.location is scene.backup.location
    made = guide.settings(guide.account("NAPTR/SRV", register_expiration_s=9))
    assert made["dns_servers"] == [guide.DNS]
    (account,) = made["accounts"]
    assert account["dns_mode"] == "NAPTR/SRV" and account["register_expiration_s"] == 9
    assert guide.account("Use Configured IP", backup_ip_1="")["primary_ip"] == guide.PRIMARY


def test_sim_the_real_phone_registers_in_every_dns_mode():
    for tick in STARTS:
        for mode in ("SRV", "NAPTR/SRV", "Use Configured IP"):
            scene = guide.registration(mode, tick=tick)
            scene.sim.run(5000)
            assert 3594000 < scene.primary.bound("2002") <= 3600000
            assert scene.sim.sip("REGISTER")[0][2] == guide.PRIMARY
            assert len(scene.sim.queries()) == {"S": 3, "N": 4, "U": 0}[mode[0]]
            assert scene.phone is scene.sim.host().phone and not scene.primary.complaints
            assert scene.sim.noted("G24") and scene.sim.lines[0].startswith("0.000 ")
