"""The phone before Knot, BIND, unbound and dnsmasq: errors, referrals, aliases, long answers.

The zones are vectors/dns/*.zone. ALONE and FIRST are the tables: what each server says to the
phone's questions, which is checked, and is the same of all but those named. unbound stands there
twice: as the resolver that it is, and as an authoritative server ("unbound*"), since a resolver
gives no referral. dnsmasq knows no delegation, no SOA record and no SERVFAIL of its own.

Words for an answer: ok; alias (an alias alone, its end is not there); nodata; nxdomain; refused;
servfail; referral (NOERROR with NS records of others and no SOA); cut (TC); silent.
"""

import contextlib
import socket
from typing import NamedTuple

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from srvphone_host import phone_process, real_servers
from srvphone_host.lab import DNS_MODES, Lab

VECTORS = phone_process.ROOT / "host_tests/vectors/dns"
SERVERS = {
    "Knot": real_servers.Knot,
    "BIND": real_servers.Bind,
    "unbound": real_servers.Unbound,
    "unbound*": lambda: real_servers.Unbound(recursive=False),
    "dnsmasq": real_servers.Dnsmasq,
}
COMMANDS = {"Knot": "knotd", "BIND": "named", "unbound": "unbound", "unbound*": "unbound"}
UNSERVED, BROKEN = "unserved.example", "broken.example"
AWAY, MOVED = "away.grandstream.com", "moved.grandstream.com"
AT_PRIMARY = ["> primary REGISTER", "< primary 401", "> primary REGISTER", "< primary 200"]


class Row(NamedTuple):
    what: str
    mode: str
    name: str  # the Outbound Proxy
    said: str  # first to a question of that type, by all servers
    but: dict = {}  # {server: what it says instead}


# One DNS server: the phone registers at the primary in every row, with every server. The name that
# is not there is answered for by a Backup Outbound Proxy that is.
ALONE = [
    Row("NAPTR, SRV and A", "naptr", "test", "NAPTR ok, SRV ok, A ok"),
    Row("SRV and A", "srv", "test", "SRV ok, A ok"),
    Row("A", "a", "test", "A ok"),
    Row("no NAPTR of a name that is there", "naptr", "nonaptr", "NAPTR nodata, SRV ok, A ok"),
    Row("no record at all of the name itself", "naptr", "srvonly", "NAPTR nodata, SRV ok, A ok"),
    Row("neither NAPTR nor SRV", "naptr", "aonly", "NAPTR nodata, SRV nxdomain, A ok"),
    Row("no SRV", "srv", "aonly", "SRV nxdomain, A ok"),
    Row("no such name", "naptr", "gone", "NAPTR nxdomain, SRV nxdomain"),
    Row("the name is an alias", "naptr", "nick", "NAPTR ok, SRV ok, A ok"),
    Row("the SRV target is an alias of an alias", "srv", "alias", "SRV ok, A ok"),
    Row(
        "the SRV target is an alias into another zone",
        "srv",
        "outside",
        "SRV ok, A alias",
        {"unbound": "SRV ok, A ok", "dnsmasq": "SRV ok, A ok"},
    ),
    Row("NAPTR and SRV of more than 512 bytes", "naptr", "large", "NAPTR cut, SRV cut, A ok"),
]

# This server is the first of two, the other has the records: the phone registers at the primary.
FIRST = [
    Row("a zone that it does not serve", "naptr", UNSERVED, "NAPTR refused"),
    Row(
        "a zone that it can't load, or a forwarder that is not there",
        "naptr",
        BROKEN,
        "NAPTR servfail",
        {"dnsmasq": "NAPTR silent"},  # it forwards, and waits for the phone to ask again
    ),
]
REFERRED = [
    Row(
        "an alias into a zone that it delegates",
        "naptr",
        MOVED,
        "NAPTR alias",
        {"unbound": "NAPTR servfail", "dnsmasq": "NAPTR alias, SRV nxdomain, not registered"},
    ),
    Row(
        "a zone that it delegates",
        "naptr",
        AWAY,
        "NAPTR referral",
        {
            "unbound": "NAPTR servfail",  # it asks those it is referred to; nobody is there
            # It has no way to delegate: it denies, which is believed.
            "dnsmasq": "NAPTR nodata, SRV nxdomain, not registered",
        },
    ),
]

# The zones of a server that says so of grandstream.com. False: it has not, but should have.
LATER = {
    "servfail": {"grandstream.com": False},
    "refused": {"example.net": True},
    "referral": {"com": True},
}


def cells(rows):
    return [
        pytest.param(row, server, id="%s-%s" % (row.what, server))
        for row in rows
        for server in SERVERS
    ]


class Network:
    """A lab, and real DNS servers beside its own, started when they are first asked for."""

    def __init__(self, stack):
        self.lab = stack.enter_context(Lab())
        self.stack = stack
        self.addresses = {}

    def zone(self, file, origin=""):
        values = {
            "primary": self.lab.place.primary[0],
            "backup": self.lab.place.backup[0],
            "nobody": self.lab.place.network.replace(".0/24", ".99"),
            "origin": origin,
        }
        text = (VECTORS / (file + ".zone")).read_text(encoding="utf-8")
        for name, value in values.items():
            text = text.replace("{%s}" % name, value)
        return text

    def free_address(self):
        """Of 127.0.0.1, where alone BIND listens."""
        while True:
            with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
                tcp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
                udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                tcp.bind(("127.0.0.1", 0))
                udp.bind(tcp.getsockname())
                return tcp.getsockname()

    def start(self, name, zones, address):
        server = SERVERS[name]()
        self.stack.callback(server.close)
        folder = self.lab.folder / (
            "dns-%d-%d" % (address[1], len(list(self.lab.folder.iterdir())))
        )
        folder.mkdir()
        server.start(address, zones, folder)
        return server

    def address(self, name):
        """The server's that has the two zones, or of the "other" one, that has the rest."""
        if name not in self.addresses:
            address = self.free_address()
            if name == "other":
                zones = {n: self.zone("test", n) for n in (UNSERVED, BROKEN, AWAY, MOVED)}
            else:
                both = ("grandstream.com", "example.net")
                zones = {BROKEN: None, **{n: self.zone(n) for n in both}}
            self.start("Knot" if name == "other" else name, zones, address)
            self.addresses[name] = address
        return self.addresses[name]

    def phone(self, mode, name, *servers, **account):
        name = name if "." in name else name + ".grandstream.com"
        return self.lab.start_phone(
            {"dns_mode": DNS_MODES[mode], "outbound_proxy": name, **account},
            dns_servers=["%s:%d" % address for address in servers],
        )

    def exchange(self, lines):
        """SIP in short: ["> primary REGISTER", "< primary 401", ...]."""
        return [
            "%s %s %s" % (n.event, self.lab.name_of(n.peer), n.status or n.text.split()[0])
            for n in lines
            if n.rule == "sip"
        ]


@pytest.fixture(scope="module")
def network():
    with contextlib.ExitStack() as stack:
        yield Network(stack)


@pytest.fixture(autouse=True)
def installed(need):
    for command in (*COMMANDS.values(), "dnsmasq"):
        need(command)


def said(lines, address):
    """{type: a word for the first answer that a server gave, or silent}."""
    out = {}
    for line in lines:
        if line.rule == "dns" and line.peer == address:
            message = dns.message.from_wire(line.data)
            kind = message.question[0].rdtype
            name = dns.rdatatype.to_text(kind)
            if line.event == ">":
                out.setdefault(name, "silent")
            elif out[name] == "silent":
                out[name] = word(message, kind)
    return out


def word(message, kind):
    if message.flags & dns.flags.TC:
        return "cut"
    if message.rcode():
        return dns.rcode.to_text(message.rcode()).lower()
    if message.answer:
        return "ok" if any(rrset.rdtype == kind for rrset in message.answer) else "alias"
    types = {rrset.rdtype for rrset in message.authority}
    return "referral" if types == {dns.rdatatype.NS} else "nodata"


def expected(row, server):
    """({type: word}, whether the phone registers) of a cell."""
    parts = row.but.get(server, row.said).split(", ")
    registers = parts[-1] != "not registered"
    return dict(part.split() for part in parts if part != "not registered"), registers


def registered(line):
    return line.status == 200


def ended(line):
    """Registered, or a cycle without."""
    return registered(line) or line.rule == "G22"


@pytest.mark.parametrize("row, server", cells(ALONE))
def test_g5_g11_one_server(row, server, network):
    address = network.address(server)
    account = {}
    if row.name == "gone":
        account["backup_outbound_proxy"] = "test.grandstream.com"
    with network.phone(row.mode, row.name, address, **account) as phone:
        lines = phone.until(ended)
    answers, _ = expected(row, server)
    seen = said(lines, address)
    assert {kind: seen[kind] for kind in answers} == answers
    assert network.exchange(lines) == AT_PRIMARY
    over_tcp = sum((line.rule, line.event) == ("tcp", ">") for line in lines)
    assert over_tcp == list(answers.values()).count("cut")


def check_first(row, server, network):
    first, second = network.address(server), network.address("other")
    with network.phone(row.mode, row.name, first, second) as phone:
        lines = phone.until(ended)
    answers, registers = expected(row, server)
    seen = said(lines, first)
    assert {kind: seen[kind] for kind in answers} == answers
    if not registers:
        assert said(lines, second) == {} and network.exchange(lines) == []
        return
    assert said(lines, second) == {"NAPTR": "ok", "SRV": "ok", "A": "ok"}
    assert network.exchange(lines) == AT_PRIMARY
    # G13a: the next server at once, after silence in a second
    asked = [line.time for line in lines if (line.rule, line.event) == ("dns", ">")]
    assert abs(asked[1] - asked[0] - (answers["NAPTR"] == "silent")) < 0.5


@pytest.mark.parametrize("row, server", cells(FIRST))
def test_g13a_first_of_two_servers(row, server, network):
    check_first(row, server, network)


@pytest.mark.parametrize(
    "server, due",
    [("Knot", "servfail"), ("unbound", "servfail"), ("BIND", "refused"), ("dnsmasq", "refused")],
)
def test_g13_stale_plan_when_a_server_lost_its_zone(server, due, network):
    check_stale(server, due, network)


def check_stale(server, due, network):
    """A plan whose TTL is up is used on if the server, started anew, does not say."""
    address = network.free_address()
    good = {"grandstream.com": network.zone("grandstream.com").replace("$TTL 3", "$TTL 1")}
    before = network.start(server, good, address)
    with network.phone("srv", "test", address, register_expiration_s=2) as phone:
        lines = phone.until(ended)
        assert network.exchange(lines) == AT_PRIMARY
        before.close()
        zones = {name: network.zone(name) if has else None for name, has in LATER[due].items()}
        after = network.start(server, zones, address)
        lines = phone.until(ended)
    after.close()
    assert said(lines, address)["SRV"] == due
    assert network.exchange(lines) == ["> primary REGISTER", "< primary 200"]
    assert [line.text[-5:] for line in lines if line.event == "plan"] == ["stale"]


@pytest.mark.parametrize("row, server", cells(REFERRED))
def test_g13_a_referral_is_no_denial(row, server, network):
    check_first(row, server, network)


@pytest.mark.parametrize("server", ["Knot", "BIND", "unbound*"])
def test_g13_stale_plan_after_a_referral(server, network):
    check_stale(server, "referral", network)
