"""The lab's DNS server answers as Knot does: one list of questions, the same zones.

Compared are the answer section (record sets with their TTLs), RCODE, AA and TC, and in denials and
referrals the authority section. Not compared: RA (the guide's captures have it, Knot not), NS
records and addresses that come with an answer, and what Knot keeps of an answer that has TC, which
nobody may use (RFC 2181 9).
"""

import contextlib
import socket

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.query
import dns.rcode
import pytest
from dns.rdatatype import CNAME, NS, SOA

from srvphone_host import dns_server, lab, phone_process, real_servers

GUIDE = (phone_process.ROOT / "host_tests/vectors/grandstream.com.zone").read_text("utf-8")
# Every way from a name to another, every denial, and answers on both sides of 512 and 1232 bytes.
MANY = """\
$ORIGIN many.test.
$TTL 60
@           900 IN SOA   ns hostmaster 1 7200 3600 604800 300
@               IN NS    ns
@               IN A     192.0.2.80
ns              IN A     192.0.2.53
a            30 IN A     192.0.2.1
a               IN AAAA  2001:db8::1
MiXed           IN A     192.0.2.3
alias           IN CNAME a
alias2       40 IN CNAME alias
out             IN CNAME somewhere.elsewhere.test.
dangling        IN CNAME nobody
toblank         IN CNAME deep
tolarge         IN CNAME _sip._udp.large
intosub         IN CNAME x.sub
round           IN CNAME roundabout
roundabout      IN CNAME round
itself          IN CNAME itself
x.y.deep        IN A     192.0.2.4
*.wild       50 IN A     192.0.2.5
*.wild          IN TXT   "wild"
there.wild      IN TXT   "no A here"
below.it.wild   IN A     192.0.2.6
*.wildalias     IN CNAME a
*.wildround     IN CNAME more.wildround
*._udp.wildsrv  IN SRV   0 0 5060 a
sub             IN NS    ns.sub
sub             IN NS    ns.elsewhere.test.
ns.sub          IN A     192.0.2.7
n               IN NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp
n               IN NAPTR 20 10 "u" "E2U+sip" "!^(.*)$!sip:\\\\1@many.test!" .
_sip._udp       IN SRV   0 0 5060 alias
_sip._udp       IN SRV   1 0 5060 host.elsewhere.test.
none._udp       IN SRV   0 0 0 .
"""
TARGET = "a-host-with-a-name-that-is-as-long-as-they-come-%02d"
for owner, count in (("few", 5), ("several", 9), ("large", 12), ("huge", 40)):
    for i in range(count):
        MANY += "_sip._udp.%s IN SRV %d 0 5060 %s\n" % (owner, i, TARGET % i)
MANY += "".join("%s IN A 192.0.2.%d\n" % (TARGET % i, 100 + i) for i in range(40))
ZONES = {"guide": GUIDE, "many": MANY}
QUESTIONS = {
    "guide": [
        ("test.grandstream.com", "NAPTR"),
        ("_sip._udp.test.grandstream.com", "SRV"),
        ("test1.grandstream.com", "A"),
        ("TEST2.Grandstream.com", "A"),
        ("test.grandstream.com", "SRV"),
        ("test.grandstream.com", "A"),
        ("_udp.test.grandstream.com", "SRV"),
        ("_sip._tcp.test.grandstream.com", "SRV"),
        ("nobody.grandstream.com", "NAPTR"),
        ("grandstream.com", "SOA"),
        ("grandstream.com", "NS"),
        ("grandstream.com", "A"),
        ("com", "NS"),
        (".", "NS"),
        ("grandstream.com.example.com", "A"),
        ("xgrandstream.com", "A"),
    ],
    "many": [
        (name + ".many.test", kind)
        for names, kinds in (
            ("n nobody deep toblank wild x.wild.x", "A NAPTR SRV"),
            ("a MiXed mixed deep y.deep x.y.deep z.x.y.deep", "A AAAA"),
            ("alias alias2 out dangling toblank round itself", "A CNAME NAPTR"),
            ("x.wild x.x.wild *.wild there.wild x.there.wild it.wild x.it.wild", "A TXT SRV"),
            ("x.wildalias x.wildround wildalias", "A CNAME"),
            ("_sip._udp.wildsrv _udp.wildsrv _sip._tcp.wildsrv", "SRV"),
            ("sub x.sub ns.sub intosub", "A NS SRV"),
            ("_sip._udp none._udp _tcp", "SRV A"),
            ("tolarge _sip._udp.few _sip._udp.several _sip._udp.large _sip._udp.huge", "SRV"),
        )
        for name in names.split()
        for kind in kinds.split()
    ],
}
WAYS = {  # how it is asked: EDNS0 size, or None, and transport
    "512": (None, dns.query.udp),
    "900": (900, dns.query.udp),
    "1232": (1232, dns.query.udp),
    "4096": (4096, dns.query.udp),
    "tcp": (None, dns.query.tcp),
}


@pytest.fixture(scope="module")
def place():
    found, guard = lab.find_place()
    with contextlib.closing(guard) if guard else contextlib.nullcontext():
        yield found


@contextlib.contextmanager
def running(server, address, zone, folder=None):
    """ask(query, way="udp") of a server."""
    with contextlib.closing(server):
        server.start(address, zone, folder=folder)
        ip, port = address
        yield lambda query, ask=dns.query.udp: ask(query, ip, port=port, timeout=2)


def seen(answer):
    """What is compared: a dict."""
    truncated = bool(answer.flags & dns.flags.TC)
    out = {
        "rcode": dns.rcode.to_text(answer.rcode()),
        "AA": bool(answer.flags & dns.flags.AA),
        "TC": truncated,
        "EDNS": answer.edns,
        "answer": None if truncated else texts(answer.answer),
    }
    ended = bool(answer.answer) and answer.question[0].rdtype in (answer.answer[-1].rdtype, CNAME)
    if not truncated and not ended:
        out["authority"] = texts(rr for rr in answer.authority if rr.rdtype in (SOA, NS))
    return out


def texts(rrsets):
    return sorted(sorted(rrset.to_text().lower().split("\n")) for rrset in rrsets)


@pytest.mark.parametrize("zone", ZONES)
def test_same_answers_as_knot(zone, need, place, tmp_path):
    need("knotd")
    other = (place.dns[0], place.dns[1] + 1)
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(running(dns_server.GuideDns(), place.dns, ZONES[zone]))
        knot = stack.enter_context(running(real_servers.Knot(), other, ZONES[zone], tmp_path))
        differing, cut = [], set()
        for name, kind in QUESTIONS[zone]:
            for way, (payload, ask) in WAYS.items():
                edns = {"use_edns": 0, "payload": payload} if payload else {"use_edns": False}
                query = dns.message.make_query(name, kind, **edns)
                got, due = seen(ours(query, ask)), seen(knot(query, ask))
                if got != due:
                    differing.append("%s %s %s:\n ours %s\n Knot %s" % (name, kind, way, got, due))
                if got["TC"]:
                    cut.add((name, way))
        assert not differing, "\n".join(differing)
    sizes = {way for name, way in cut}
    assert sizes == ({"512", "900", "1232", "4096"} if zone == "many" else set())


def test_same_faults_as_knot(need, place, tmp_path):
    """What is no plain question: RCODE, and whether there is an answer at all."""
    need("knotd")
    good = dns.message.make_query("test.grandstream.com", "A", use_edns=False).to_wire()
    edns = bytearray(dns.message.make_query("test.grandstream.com", "A", use_edns=0).to_wire())
    edns[-5] = 1  # the version, after the extended RCODE
    wires = {
        "opcode STATUS": good[:2] + b"\x11" + good[3:],
        "EDNS version 1": bytes(edns),
        "no question": good[:4] + bytes(8),
        "cut in the question": good[:-3],
        "an answer": good[:2] + b"\x81" + good[3:],
        "11 bytes": good[:11],
        "class CH": good[:-1] + b"\3",
    }
    results = []
    for server, address in (
        (dns_server.GuideDns(), place.dns),
        (real_servers.Knot(), (place.dns[0], place.dns[1] + 1)),
    ):
        with running(server, address, GUIDE, tmp_path):
            results.append({what: rcode_of(wire, address) for what, wire in wires.items()})
    assert results[0] == results[1]


def rcode_of(wire, address):
    answer = real_servers.exchange(address, wire, timeout_s=0.2)
    if answer is None:
        return None
    try:
        return dns.message.from_wire(answer).rcode()
    except dns.exception.DNSException:
        return answer[3] & 15


def test_several_questions_over_one_connection(place):
    with contextlib.ExitStack() as stack:
        stack.enter_context(running(dns_server.GuideDns(), place.dns, GUIDE))
        s = stack.enter_context(socket.create_connection(place.dns, timeout=1))
        for name in ("test1", "test2", "nobody"):
            query = dns.message.make_query(name + ".grandstream.com", "A")
            dns.query.send_tcp(s, query)
            answer, _ = dns.query.receive_tcp(s)
            assert query.is_response(answer)
