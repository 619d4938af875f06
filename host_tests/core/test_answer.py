"""dns/answer.py: what a response says to a question, and which ones say nothing."""

import gc
import sys

from cases import dns_messages, raises
from dnsnumbers import (
    CH,
    IN,
    RA,
    RD,
    RESPONSE,
    T_A,
    T_AAAA,
    T_CNAME,
    T_NS,
    T_OPT,
    T_SOA,
    T_SRV,
    T_TXT,
    TC,
)
from srvphone import clock
from srvphone.dns import answer, compose, wire
from srvphone.dns.answer import ALIAS, FOUND, NODATA, NXDOMAIN, SERVFAIL, TRUNCATED

NOW = (0, 536870412, 1073741324)  # 0, 2^29 - 500, 2^30 - 500
GOOD = RESPONSE | RD | RA


def question(text, kind=T_A):
    name = text if isinstance(text, bytes) else wire.name(text)
    return name.lower() + bytes([0, kind, 0, 1])


def a(name, address="192.0.2.1", ttl=300):
    return (name, T_A, IN, ttl, address)


def cname(name, target, ttl=300):
    return (name, T_CNAME, IN, ttl, target)


def soa(zone, ttl=3600, minimum=600):
    timers = (1, 7200, 3600, 604800, minimum)
    return (zone, T_SOA, IN, ttl, ("ns." + zone, "root." + zone) + timers)


def ask(text, answers=(), authority=(), additional=(), flags=GOOD, kind=T_A, now=0):
    q = question(text, kind)
    return answer.read(compose.message(7, flags, q, answers, authority, additional), q, now)


def chain(n):
    """Aliases h0 -> h1 -> ... -> h<n> and the address of the last."""
    return [cname("h%d.example" % i, "h%d.example" % (i + 1)) for i in range(n)] + [
        a("h%d.example" % n)
    ]


def guide(frame):
    for message in dns_messages("guide_dns.json"):
        if message["frame"] == frame:
            return message["data"]


def test_g4_the_guides_srv_answer():
    msg = guide(241)
    for now in NOW:
        got = answer.read(msg, msg[12:48], now)
        assert got == (
            FOUND,
            3,
            clock.later(now, 3000),
            [
                (2, 1, 5060, b"\x05test1\x0bgrandstream\x03com\0"),
                (1, 1, 5060, b"\x05test2\x0bgrandstream\x03com\0"),
            ],
            None,
        )
        assert got.status == 0 and got.ttl == 3 and len(got.records) == 2 and got.alias is None
        assert 0 <= got.expires < 1 << 30 and clock.diff(got.expires, now) == 3000


def test_g5_the_guides_naptr_and_address_answers():
    sip = wire.name("_sip._udp.test.grandstream.com")
    for frame, ttl, record in (
        (243, 10800, "192.168.10.13"),
        (245, 3, "192.168.10.12"),
        (255, 3, (80, 60, b"s", b"SIP+D2U", b"", sip)),
    ):
        msg = guide(frame)
        got = answer.read(msg, msg[12 : wire.skip(msg, 12) + 4], 5)
        assert got == (FOUND, ttl, 5 + ttl * 1000, [record], None)


def test_g4_an_answer_allocates_what_is_kept():
    if not hasattr(gc, "mem_alloc"):
        return
    word = 8 if sys.maxsize > 1 << 31 else 4
    msg = guide(241)
    q = msg[12:48]
    read = answer.read
    read(msg, q, 0)
    before = gc.mem_alloc()
    got = read(msg, q, 0)
    used = gc.mem_alloc() - before
    assert got.ttl == 3 and used <= 56 * word, used


def test_g13_the_smallest_ttl_counts():
    for ttls in ((300, 60, 900), (60, 300, 900), (900, 300, 60)):
        records = [a("h.example", "192.0.2.%d" % i, ttl) for i, ttl in enumerate(ttls)]
        got = ask("h.example", records)
        assert got[:4] == (FOUND, 60, 60000, ["192.0.2.0", "192.0.2.1", "192.0.2.2"])
        assert ask("h.example", [a("x.example", ttl=1)] + records) == got  # the long way


def test_g13_a_ttl_has_a_cap_of_one_day():
    for ttl, seconds in (
        (86399, 86399),
        (86400, 86400),
        (86401, 86400),
        (0xFFFFFF, 86400),
        (0x01000000, 86400),
        (0x7FFFFFFF, 86400),
        (0x80000000, 86400),
        (0x80000003, 86400),
        (0xFFFFFFFF, 86400),
    ):
        for records in ([a("h.example", ttl=ttl)], [a("x.example"), a("h.example", ttl=ttl)]):
            got = ask("h.example", records)
            assert got.ttl == seconds and got.expires == seconds * 1000, (ttl, got)


def test_g13_ttl_0_is_used_once():
    got = ask("h.example", [a("h.example", ttl=0)])
    assert got == (FOUND, 0, 0, ["192.0.2.1"], None)
    got = ask("h.example", [a("h.example", ttl=300), a("h.example", "192.0.2.2", 0)], now=NOW[2])
    assert got[:3] == (FOUND, 0, NOW[2])
    assert ask("h.example", [cname("h.example", "i.example", 0), a("i.example")]).ttl == 0


def test_g13_an_alias_lowers_the_ttl():
    records = [cname("h.example", "i.example", 30), cname("i.example", "j.example", 20)]
    got = ask("h.example", records + [a("j.example", ttl=300)])
    assert got.ttl == 20 and got.expires == 20000
    assert ask("h.example", records).ttl == 20


def test_g11_an_alias_is_followed():
    got = ask("h.example", [cname("h.example", "I.example"), a("i.example"), a("h.test")])
    assert got == (FOUND, 300, 300000, ["192.0.2.1"], wire.name("i.example"))


def test_g11_aliases_in_any_order():
    records = chain(4)
    for turn in range(5):
        records = records[1:] + records[:1]
        got = ask("h0.example", records)
        assert got.status == FOUND and got.alias == wire.name("h4.example"), turn


def test_g11_at_most_eight_aliases():
    got = ask("h0.example", chain(8))
    assert got.status == FOUND and got.alias == wire.name("h8.example")
    got = ask("h0.example", chain(9))
    assert got == (SERVFAIL, 0, 0, [], None)


def test_g11_aliases_in_a_circle():
    for n in (1, 2, 3, 7, 12):
        records = chain(n)[:n] + [cname("h%d.example" % n, "h0.example")]
        assert ask("h0.example", records).status == SERVFAIL
    assert ask("h.example", [cname("h.example", "h.example")]).status == SERVFAIL


def test_g11_an_alias_out_of_the_message():
    got = ask("h.example", [cname("h.example", "SIP.example.net", 40)])
    assert got == (ALIAS, 40, 40000, [], wire.name("sip.example.net"))


def test_g11_the_alias_itself_was_asked_for():
    got = ask("h.example", [cname("h.example", "i.example")], kind=T_CNAME)
    assert got == (FOUND, 300, 300000, [wire.name("i.example")], None)


def test_rfc5452_only_records_of_the_name_are_believed():
    others = [a("x.example", "203.0.113.1"), a("example", "203.0.113.2"), a("xh.example")]
    got = ask("h.example", others + [a("h.example")] + others)
    assert got.records == ["192.0.2.1"]
    assert ask("h.example", others).status == NODATA
    assert ask("h.example", (), [a("h.example")], [a("h.example")]).status == NODATA
    chaos = [("h.example", T_A, CH, 300, b"\1\2\3\4")]
    assert ask("h.example", chaos).status == NODATA
    assert ask("h.example", chaos + [a("h.example")]).records == ["192.0.2.1"]
    text = [("h.example", T_TXT, IN, 300, [b"x"])]
    assert ask("h.example", text + [a("h.example")]).records == ["192.0.2.1"]
    high = [("h.example", 0x101, IN, 300, b"\1\2\3\4")]
    assert ask("h.example", high).status == NODATA
    high = [("h.example", T_A, 0x101, 300, b"\1\2\3\4")]
    assert ask("h.example", high).status == NODATA
    # The first record's owner is one pointer, as the question's name would be
    assert ask("h.example", [a("example")]).status == NODATA
    q = question("h.example")[:-1] + b"\3"
    msg = compose.message(7, GOOD, q, [a("h.example")])
    assert answer.read(msg, q, 0).status == NODATA
    alias = ("h.example", T_CNAME, CH, 300, "i.example")
    assert ask("h.example", [alias, a("i.example")]).status == NODATA
    q = wire.name("h.example") + b"\1\1\0\1"  # type 257 was asked for, not type 1
    assert answer.read(compose.message(7, GOOD, q, [a("h.example")]), q, 0).status == NODATA


def test_rfc5452_names_of_the_answer_are_compared_without_case():
    assert ask("h.example", [a("H.eXample")]).records == ["192.0.2.1"]
    got = ask("h.example", [cname("H.EXAMPLE", "I.Example"), a("i.exAMPLE")])
    assert got.records == ["192.0.2.1"] and got.alias == wire.name("i.example")


def test_rfc4343_only_letters_have_a_case():
    # Bytes 32 apart that are no letters, and length bytes 32 apart
    for a_, b in ((64, 96), (91, 123), (48, 16), (14, 46), (0xC4, 0xE4)):
        one, other = bytes([1, a_, 0]), bytes([1, b, 0])
        assert ask(b"\1h\0", [cname(b"\1h\0", other), a(other)]).records == ["192.0.2.1"]
        assert ask(b"\1h\0", [cname(b"\1h\0", other), a(one)]).status == ALIAS
        msg = compose.message(7, GOOD, one + b"\0\1\0\1", [a(one)])
        assert answer.read(msg, one + b"\0\1\0\1", 0).records == ["192.0.2.1"]
        assert answer.read(msg, other + b"\0\1\0\1", 0) == answer.NO_QUESTION
    long = b"\x21a" + b"x" * 32 + b"\0"
    assert ask(b"\1h\0", [cname(b"\1h\0", long), a(b"\1a\0")]).status == ALIAS
    # The names of the message are compressed
    records = [a("x.example"), cname("H.Example", "XY.h.eXAMPLE"), a("xy.H.example")]
    got = ask("h.example", records)
    assert got.records == ["192.0.2.1"] and got.alias == wire.name("xy.h.example")


def test_w1_a_response_to_another_question():
    q = question("h.example")
    for other in (
        question("i.example"),
        question("h.exampl"),
        question("h.examples"),
        question("h.example", T_SRV),
        q[:-1] + b"\3",
        question("xh.example"),
        b"\0\0\1\0\1",
    ):
        msg = compose.message(7, GOOD, other, [a("h.example")])
        assert answer.read(msg, q, 0) == answer.NO_QUESTION
        assert answer.read(msg, other, 0) != answer.NO_QUESTION


def test_w1_the_case_of_the_question_counts_only_with_0x20():
    q = question("h.example")
    asked = wire.name("h.ExAmPle") + q[-4:]
    msg = compose.message(7, GOOD, asked, [a("h.example")])
    assert answer.read(msg, q, 0).records == ["192.0.2.1"]
    assert answer.read(msg, asked, 0).records == ["192.0.2.1"]
    assert answer.read(msg, asked, 0, True).records == ["192.0.2.1"]
    assert answer.read(msg, q, 0, True) == answer.NO_QUESTION
    # A denial and aliases, too, with the case as it was sent
    msg = compose.message(7, GOOD | 3, asked, [], [soa("eXample")])
    assert answer.read(msg, asked, 0, True)[:2] == (NXDOMAIN, 600)
    msg = compose.message(7, GOOD, asked, [cname("h.example", "i.example"), a("i.example")])
    assert answer.read(msg, asked, 0, True).records == ["192.0.2.1"]


def test_w1_a_query_or_another_opcode():
    q = question("h.example")
    for flags in (0, 0x100, 0x0400, 0x8800, 0x9000, 0xA800, 0xF800):
        msg = compose.message(7, flags, q, [a("h.example")])
        assert answer.read(msg, q, 0) == answer.NO_RESPONSE
    assert answer.read(wire.query(7, q), q, 0) == answer.NO_RESPONSE
    assert answer.read(compose.message(7, 0x8000, q, [a("h.example")]), q, 0).status == 0


def test_w1_a_malformed_response_has_the_code_of_the_check():
    q = b"\1a\0\0\1\0\1"  # what rfc9267.json asks
    for case in dns_messages("rfc9267.json"):
        msg = case["data"]
        code = getattr(wire, case["code"])
        for asked in (q, question("h.example")):
            got = answer.read(msg, asked, 0)
            if code:
                assert got == code, case["name"]
            elif not msg.startswith(asked, 12):
                assert got == answer.NO_QUESTION, case["name"]
            else:
                assert got.status in (FOUND, NODATA), case["name"]
    assert answer.read(b"", q, 0) == wire.SHORT


def test_rfc9267_5_every_record_of_every_section_is_checked():
    good = [a("h.example")]
    bad = [("h.example", 99, IN, 300, b"\0" * 5)]
    for sections in ((good + bad, (), ()), (good, bad, ()), (good, (), bad)):
        msg = compose.message(7, GOOD, question("h.example"), *sections)
        assert answer.read(msg, question("h.example"), 0).status == FOUND
        msg = msg.replace(b"\0\x63\0\1", b"\0\1\0\1")  # an address of five bytes
        assert answer.read(msg, question("h.example"), 0) == wire.RDATA


def test_g13a_response_codes_are_passed_on():
    for code in (1, 2, 4, 5, 9, 15):
        for records in ([], [a("h.example")]):
            assert ask("h.example", records, flags=GOOD | code, now=9) == (code, 0, 9, [], None)


def test_rfc7766_a_cut_answer():
    got = ask("h.example", [a("h.example")], flags=GOOD | TC, now=9)
    assert got == (TRUNCATED, 0, 9, [], None)
    assert ask("h.example", flags=GOOD | TC | 3).status == TRUNCATED
    assert ask("h.example", flags=GOOD | TC | 2).status == SERVFAIL


def test_rfc2308_denials_last_as_the_soa_says():
    for rcode, status in ((3, NXDOMAIN), (0, NODATA)):
        for ttl, minimum, seconds in (
            (3600, 600, 600),
            (60, 600, 60),
            (86400, 10799, 10799),
            (86400, 86400, 10800),
            (0x80000000, 0xFFFFFFFF, 10800),
            (0, 600, 0),
            (3600, 0, 0),
        ):
            zone = [soa("example", ttl, minimum)]
            got = ask("h.example", (), zone, flags=GOOD | rcode, now=NOW[1])
            assert got == (status, seconds, clock.later(NOW[1], seconds * 1000), [], None)


def test_rfc2308_no_soa_no_caching():
    assert ask("h.example", flags=GOOD | 3, now=4) == (NXDOMAIN, 0, 4, [], None)
    assert ask("h.example", now=4) == (NODATA, 0, 4, [], None)
    ns = [("example", T_NS, IN, 300, "ns.example")]
    assert ask("h.example", (), ns).ttl == 0


def test_rfc2308_the_soa_of_the_zone_only():
    for zone, seconds in (
        ("EXAMPLE", 600),
        (".", 600),
        ("h.example", 600),
        ("test", 0),
        ("x.example", 0),
        ("xh.example", 0),
    ):
        record = soa("example")
        got = ask("h.example", (), [(zone,) + record[1:]], flags=GOOD | 3)
        assert got.ttl == seconds, zone
    # Not from another section, not of another class
    assert ask("h.example", [soa("example")], (), [soa("example")], GOOD | 3).ttl == 0
    record = soa("example")
    assert ask("h.example", (), [record[:2] + (CH,) + record[3:]], (), GOOD | 3).ttl == 0


def test_rfc2308_2_a_denial_at_the_end_of_aliases():
    records = [cname("h.example", "i.example.net", 50)]
    zone = [soa("example.net")]
    end = wire.name("i.example.net")
    got = ask("h.example", records, zone, flags=GOOD | 3)
    assert got == (NXDOMAIN, 50, 50000, [], end)
    assert ask("h.example", records, zone) == (NODATA, 50, 50000, [], end)
    assert ask("h.example", records, [soa("example")]) == (ALIAS, 50, 50000, [], end)
    assert ask("h.example", records, flags=GOOD | 3) == (NXDOMAIN, 0, 0, [], end)


def test_rfc2308_a_name_error_with_records_is_a_name_error():
    got = ask("h.example", [a("h.example")], flags=GOOD | 3)
    assert got == (NXDOMAIN, 0, 0, [], None)


def test_g12_glue_is_the_additional_section():
    q = question("_sip._udp.example", T_SRV)
    srv = [(q[:-4], T_SRV, IN, 300, (1, 1, 5060, "a.example"))]
    more = [
        ("a.example", T_AAAA, IN, 9, bytes(16)),
        a("A.Example", "192.0.2.7", 70),
        a("b.example", "192.0.2.8"),
        a("a.example", "192.0.2.9", 60),
        ("a.example", T_A, CH, 9, b"\1\2\3\4"),
        (".", T_OPT, 1232, 0, b""),
    ]
    msg = compose.message(7, GOOD, q, srv, [a("c.example")], more)
    got = answer.glue(msg, wire.name("a.example"), 1000)
    assert got == (FOUND, 60, 61000, ["192.0.2.7", "192.0.2.9"], None)
    assert answer.glue(msg, wire.name("c.example"), 1000) is None
    assert answer.glue(msg, wire.name("example"), 1000) is None


def test_g4_records_keep_the_order_of_the_message():
    q = question("_sip._udp.example", T_SRV)
    data = [(i * 7 % 5, i, 5060 + i, wire.name("h%d.example" % i)) for i in range(8)]
    records = [(q[:-4], T_SRV, IN, 300, d) for d in data]
    msg = compose.message(7, GOOD, q, records)
    assert answer.read(msg, q, 0).records == data
    # The same by the long way, since a record of another name is among them
    msg = compose.message(7, GOOD, q, records[:3] + [a("x.example")] + records[3:])
    assert answer.read(msg, q, 0).records == data


def test_g4_the_root_can_be_asked():
    q = b"\0\0\2\0\1"
    msg = compose.message(7, GOOD, q, [(".", T_NS, IN, 300, "a.example")])
    assert answer.read(msg, q, 0).records == [wire.name("a.example")]


def test_an_answer_is_a_tuple_that_cannot_be_changed():
    got = ask("h.example", [a("h.example")])
    raises(AttributeError, setattr, got, "ttl", 5)
