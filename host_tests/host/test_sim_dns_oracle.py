"""What the simulator's DNS server answers, against dnspython's reading of the same zones.

Phone and simulator share srvphone.dns, and could share its mistakes. Here the bytes of an answer
are read by dnspython, and what should be in them comes from dnspython's reading of the zone text
and from RFC 1034 4.3.2 and RFC 2308 3, in the form that sim/dns.py states in its docstring.
"""

import random

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.zone
import pytest

import lookups
from sim import Sim, guide
from sim import dns as sim_dns

# Every type, and every way in which one name leads to another. The TTL of the SOA record is below
# its minimum; in the other zones it is above.
EVERY = r"""
$ORIGIN every.test.
@         100 IN SOA   ns hostmaster 4294967295 7200 3600 604800 900
@         800 IN NS    ns
@         800 IN NS    ns.elsewhere.test.
@          60 IN A     192.0.2.80
ns        300 IN A     192.0.2.53
a          30 IN A     192.0.2.1
a          30 IN A     192.0.2.255
a          31 IN AAAA  2001:db8::1
b          32 IN AAAA  ::
b          32 IN AAAA  1:2:3:4:5:6:7:8
b          32 IN AAAA  fe80::
t          33 IN TXT   "one; two" three "" "a \"b\" \\"
MiXed     240 IN A     192.0.2.3
www        60 IN CNAME web
web        61 IN CNAME a
out        62 IN CNAME somewhere.elsewhere.test.
dangling   63 IN CNAME nobody
toblank    64 IN CNAME deep
x.y.deep   65 IN A     192.0.2.4
n          66 IN NAPTR 10 65535 "" "E2U+sip" "!^(.*)$!sip:\\1@every.test!" .
n          66 IN NAPTR 0 20 "s" "SIP+D2U" "" _sip._udp
_sip._udp   7 IN SRV   0 0 5060 a
_sip._udp   7 IN SRV   1 65535 65535 b
_sip._udp   7 IN SRV   2 1 1 MiXed
_sip._udp   7 IN SRV   3 1 2 a
_sip._udp   7 IN SRV   4 1 3 www
_sip._udp   7 IN SRV   5 1 4 a.elsewhere.test.
_sip._tcp   8 IN SRV   0 0 0 .
_sip.also   9 IN CNAME _sip._udp
"""
LARGE = "$ORIGIN large.test.\n@ 60 IN SOA ns host 1 2 3 4 5\n@ 60 IN NS ns\n" + "".join(
    "_sip._udp 60 IN SRV %d 0 5060 host%d\n" % (i, i)
    + "host%d 60 IN A 192.0.2.%d\n" % (i, i)
    + "many 60 IN A 192.0.3.%d\n" % i
    + ("few 60 IN SRV %d 0 5060 host%d\n" % (i, i) if i < 6 else "")
    + ("fit 60 IN A 192.0.4.%d\n" % i if i < 29 else "")  # 496 bytes, 513 with the NS record
    + "t 60 IN TXT %s\n" % ("x" * (200 + i))
    for i in range(40)
)
INNER = "$ORIGIN deep.every.test.\n@ 9 IN SOA a b 1 2 3 4 5\nx.y 9 IN A 192.0.2.9"
ZONES = {
    "guide": [guide.ZONE],
    "lookups": [lookups.ZONE, lookups.NET],
    "every": [EVERY],
    "large": [LARGE],
    "one inside another": [EVERY, INNER],
}
TYPES = ("A", "AAAA", "NS", "CNAME", "SOA", "TXT", "SRV", "NAPTR", "MX", "PTR")
GOOD = dns.flags.QR | dns.flags.AA | dns.flags.RD | dns.flags.RA
BARE = dns.flags.QR | dns.flags.RD | dns.flags.RA  # of an answer that is none of the zone's
OPT_SIZE = 1232
ADDRESS = "192.0.2.53"
RCODES = ("FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")


class Theirs:
    """The zones as dnspython reads them, and what an answer from them has."""

    def __init__(self, texts):
        self.zones = [
            dns.zone.from_text(text, relativize=False, check_origin=False) for text in texts
        ]

    def zone(self, name):
        """The zone that is nearest to a name, or None."""
        around = [zone for zone in self.zones if name.is_subdomain(zone.origin)]
        return max(around, key=lambda zone: len(zone.origin), default=None)

    def names(self):
        """Those with records, those above them, and some that are not there."""
        names = set()
        for zone in self.zones:
            for name in zone.nodes:
                names.add(dns.name.Name((b"below", *name)))
                while name.is_subdomain(zone.origin):
                    names.add(name)
                    name = name.parent()
            names.add(dns.name.from_text("nobody", zone.origin))
            names.add(zone.origin.parent())
        names.add(dns.name.from_text("other.test."))
        names.add(dns.name.from_text("x" * 63 + ".every.test."))
        return sorted(names)

    def answer(self, name, kind):
        """(RCODE, AA, records of the answer, of authority, of additional section)."""
        zone = self.zone(name)
        if zone is None:
            return "REFUSED", False, [], [], []
        answers = []
        while True:
            found = zone.get_rdataset(name, kind)
            alias = zone.get_rdataset(name, "CNAME")
            if found or not alias:
                break
            answers += records(name, alias)
            name = alias[0].target
            if self.zone(name) is not zone:  # whoever asks has to ask again
                return "NOERROR", True, answers, [], []
        apex = zone.origin
        if not found:
            there = any(other.is_subdomain(name) for other in zone.nodes)
            soa = zone.get_rdataset(apex, "SOA")
            denial = records(apex, soa, min(soa.ttl, soa[0].minimum))
            return "NOERROR" if there else "NXDOMAIN", True, answers, denial, []
        answers += records(name, found)
        servers = zone.get_rdataset(apex, "NS")
        additional = []
        for record in found if kind == "SRV" else ():
            addresses = zone.get_rdataset(record.target, "A")
            for one in records(record.target, addresses) if addresses else ():
                if one not in additional:
                    additional.append(one)
        return "NOERROR", True, answers, records(apex, servers) if servers else [], additional


def records(name, rdataset, ttl=None):
    """[(owner, type, TTL, data as text), ...], comparable in the case of every letter."""
    kind = dns.rdatatype.to_text(rdataset.rdtype)
    ttl = rdataset.ttl if ttl is None else ttl
    return [(name.to_text(), kind, ttl, rdata.to_text()) for rdata in rdataset]


def as_asked(section, name):
    """The records as the server has them: the name in question as the question wrote it."""
    text = name.to_text()
    return [(text, *r[1:]) if r[0].lower() == text.lower() else r for r in section]


def asked(name, kind, payload=None, ident=0x1234):
    """A query as dnspython writes it."""
    edns = -1 if payload is None else 0
    return dns.message.make_query(name, kind, use_edns=edns, payload=payload, id=ident)


def server(texts):
    return Sim().dns(ADDRESS, list(texts))


def told(server, query, how="", limit=0):
    """The bytes of the server's answer."""
    return server.answer(sim_dns._Query(query.to_wire()), how, limit)


def read(data, query, flags, rcode, edns=None, question=None):
    """The sections of an answer as dnspython reads it; header, question and OPT are as given."""
    m = dns.message.from_wire(data, one_rr_per_rrset=True)
    assert m.id == query.id and m.opcode() == 0
    assert dns.rcode.to_text(m.rcode()) == rcode
    assert m.flags & ~15 == flags, dns.flags.to_text(m.flags)
    assert len(m.question) == 1
    want = query.question[0]
    assert m.question[0].name.labels == (question or want.name).labels
    assert (m.question[0].rdtype, m.question[0].rdclass) == (want.rdtype, want.rdclass)
    edns = query.edns >= 0 if edns is None else edns
    opt = (0, OPT_SIZE, 0, ()) if edns else (-1, 0, 0, ())
    assert (m.edns, m.payload, m.ednsflags, m.options) == opt
    return [[one for rr in section for one in records(rr.name, rr)] for section in m.sections[1:]]


def spelled(name, draw):
    """The name with every letter in one case or the other (0x20)."""
    if draw is None:
        return name
    return dns.name.from_text("".join(draw.choice((c.lower(), c.upper())) for c in name.to_text()))


def check(data, query, theirs):
    """The answer is whole and as dnspython has it."""
    name = query.question[0].name
    kind = dns.rdatatype.to_text(query.question[0].rdtype)
    rcode, aa, *sections = theirs.answer(name, kind)
    got = read(data, query, GOOD if aa else BARE, rcode)
    assert got == [as_asked(section, name) for section in sections], query.to_text()


@pytest.mark.parametrize("payload", [None, 4096])
@pytest.mark.parametrize("seed", [None, 1, 2])
@pytest.mark.parametrize("zones", ZONES)
def test_every_name_with_every_type(zones, seed, payload):
    draw = random.Random(seed) if seed else None
    theirs = Theirs(ZONES[zones])
    ours = server(ZONES[zones])
    for name in theirs.names():
        for kind in TYPES:
            query = asked(spelled(name, draw), kind, payload)
            check(told(ours, query), query, theirs)


def test_the_zones_have_what_they_should():
    """Each kind of answer is among those of the test above."""
    seen = set()
    for texts in ZONES.values():
        theirs = Theirs(texts)
        for name in theirs.names():
            for kind in TYPES:
                rcode, _, answers, authority, additional = theirs.answer(name, kind)
                types = tuple(sorted({record[1] for record in answers}))
                denied = [record[1] for record in authority] == ["SOA"]
                seen.add((rcode, types, denied, bool(additional)))
    assert {types[0] for _, types, _, _ in seen if len(types) == 1} == set(sim_dns.FIELDS)
    for one in (
        ("REFUSED", (), False, False),
        ("NXDOMAIN", (), True, False),
        ("NOERROR", (), True, False),
        ("NXDOMAIN", ("CNAME",), True, False),
        ("NOERROR", ("CNAME",), True, False),
        ("NOERROR", ("CNAME",), False, False),
        ("NOERROR", ("A", "CNAME"), False, False),
        ("NOERROR", ("CNAME", "SRV"), False, True),
        ("NOERROR", ("SRV",), False, False),
    ):
        assert one in seen, one


def ends(data):
    """Where each record of a message ends, by dnspython's reading of the names."""
    at = 12 + dns.name.from_wire(data, 12)[1] + 4
    out = [at]
    while at < len(data):
        at += dns.name.from_wire(data, at)[1]
        at += 10 + int.from_bytes(data[at + 8 : at + 10], "big")
        out.append(at)
    return out


@pytest.mark.parametrize("payload", [None, 100, 512, 700, 1232, 4096])
def test_a_limit_leaves_out_whole_records_from_the_end(payload):
    theirs = Theirs([LARGE])
    ours = server([LARGE])
    seen = set()
    authority_alone = False
    for label in ("_sip._udp", "few", "fit", "many", "t", "@"):
        for kind in ("A", "SRV", "TXT", "NS"):
            name = dns.name.from_text(label, theirs.zones[0].origin)
            query = asked(name, kind, payload)
            limit = sim_dns._Query(query.to_wire()).size
            assert limit == max(512, payload or 0)
            whole = told(ours, query)
            check(whole, query, theirs)
            data = told(ours, query, limit=limit)
            fitting = [end for end in ends(whole) if end <= limit]
            assert len(data) == fitting[-1] and data[12:] == whole[12 : len(data)]
            rcode, _, *sections = theirs.answer(name, kind)
            # A TC is due if the answer or authority section is not whole (RFC 2181 9). An OPT
            # record is the first of the additional section, and goes with it.
            core = len(sections[0]) + len(sections[1])
            kept = len(fitting) - 1
            tc = kept < core
            edns = payload is not None and kept > core
            got = read(data, query, GOOD | (dns.flags.TC if tc else 0), rcode, edns=edns)
            flat = [one for section in sections for one in section]
            assert [one for section in got for one in section] == flat[: kept - edns]
            assert [len(section) for section in got] == counts(sections, kept - edns)
            seen.add((tc, kept < len(ends(whole)) - 1))
            authority_alone |= len(sections[0]) <= kept < core
    assert (False, False) in seen and (True, True) in seen
    if limit == 512:
        assert authority_alone
    if limit == 700:
        assert (False, True) in seen


def counts(sections, kept):
    """How many of the first `kept` records are in each section."""
    out = []
    for section in sections:
        out.append(min(kept, len(section)))
        kept -= out[-1]
    return out


@pytest.mark.parametrize("payload", [None, 4096])
@pytest.mark.parametrize("rcode", RCODES)
def test_rcodes_come_without_records(rcode, payload):
    theirs = Theirs([EVERY])
    ours = server([EVERY])
    for label, kind in (("a", "A"), ("_SIP._udp", "SRV"), ("nobody", "TXT")):
        query = asked(dns.name.from_text(label, theirs.zones[0].origin), kind, payload)
        for limit in (0, 512):
            data = told(ours, query, rcode, limit)
            assert read(data, query, BARE, rcode) == [[], [], []]
        data = told(ours, query, rcode + " to EDNS")
        if payload is None:
            check(data, query, theirs)
        else:
            assert read(data, query, BARE, rcode, edns=False) == [[], [], []]


@pytest.mark.parametrize("payload", [None, 4096])
def test_truncated_wrong_question_and_lower_case(payload):
    theirs = Theirs([EVERY])
    ours = server([EVERY])
    name = dns.name.from_text("_SIP._udp.Every.test.")
    query = asked(name, "SRV", payload)
    data = told(ours, query, "truncated")
    assert read(data, query, GOOD | dns.flags.TC, "NOERROR") == [[], [], []]
    other = dns.name.from_text("wrong._SIP._udp.Every.test.")
    got = read(told(ours, query, "wrong question"), query, GOOD, "NOERROR", question=other)
    assert got == [as_asked(section, name) for section in theirs.answer(name, "SRV")[2:]]
    ours.lower = True
    lower = dns.name.from_text(name.to_text().lower())
    read(told(ours, query), query, GOOD, "NOERROR", question=lower)


@pytest.mark.parametrize("zones", ZONES)
def test_squeezed_names_are_the_same_names(zones):
    theirs = Theirs(ZONES[zones])
    ours = server(ZONES[zones])
    ours.squeeze = True
    shorter = 0
    for name in theirs.names():
        for kind in TYPES:
            query = asked(name, kind)
            rcode, aa, *sections = theirs.answer(name, kind)
            data = told(ours, query)
            if not sections[0] or kind not in ("SRV", "NAPTR"):
                check(data, query, theirs)
                continue
            got = read(data, query, GOOD, rcode, edns=False)
            assert [[fold(r) for r in section] for section in got] == [
                [fold(r) for r in sections[0]], [], [],
            ]  # fmt: skip
            ours.squeeze = False
            plain = dns.message.from_wire(told(ours, query))
            ours.squeeze = True
            plain.authority, plain.additional = [], []
            shorter += len(data) < len(plain.to_wire())
    assert shorter or zones != "every"


def fold(record):
    return record[0].lower(), *record[1:3], record[3].lower()


@pytest.mark.parametrize("piece", [0, 1, 50])
@pytest.mark.parametrize("zones", ZONES)
def test_over_tcp_the_answer_is_whole(zones, piece):
    theirs = Theirs(ZONES[zones])
    ours = server(ZONES[zones])
    ours.piece = piece
    ours.fails("truncated")  # over UDP alone
    for i, name in enumerate(theirs.names()):
        for kind in ("A", "SRV", "TXT", "SOA"):
            query = asked(name, kind, 512 if i % 2 else None)
            data = query.to_wire()
            stream = ours.stream(len(data).to_bytes(2, "big") + data)
            data = b"".join(part for _, part in stream)
            assert int.from_bytes(data[:2], "big") == len(data) - 2
            assert [ms for ms, _ in stream] == sorted(ms for ms, _ in stream)
            assert all(0 < len(part) <= (piece or len(data)) for _, part in stream)
            check(data[2:], query, theirs)
