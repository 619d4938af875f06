"""dns/compose.py: the guide's responses byte for byte, all types, and what cannot be written."""

from cases import dns_messages, raises
from dnsnumbers import (
    AA,
    CH,
    CS,
    HS,
    IN,
    RA,
    RD,
    RESPONSE,
    T_A,
    T_AAAA,
    T_CNAME,
    T_NAPTR,
    T_NS,
    T_OPT,
    T_PTR,
    T_SOA,
    T_SRV,
    T_TXT,
)
from srvphone.dns import compose, wire

GS = "grandstream.com"
NS = [(GS, T_NS, IN, 10800, "elmrabet-pc")]
SIP = "_sip._udp.test." + GS
Q = wire.name("h.example") + b"\0\1\0\1"


def address(host, last, ttl):
    return (host + "." + GS, T_A, IN, ttl, "192.168.10.%d" % last)


def guide_records(question):
    """What the guide's server says: answers, authority, additional."""
    test1 = address("test1", 12, 3)
    test2 = address("test2", 13, 10800)
    if question[-3] == T_SRV:
        srv = (T_SRV, IN, 3)
        answers = [
            (SIP,) + srv + ((2, 1, 5060, "test1." + GS),),
            (SIP,) + srv + ((1, 1, 5060, "test2." + GS),),
        ]
        return answers, NS, [test1, test2]
    if question[-3] == T_NAPTR:
        data = (80, 60, b"s", b"SIP+D2U", b"", SIP)
        return [("test." + GS, T_NAPTR, IN, 3, data)], NS, ()
    return [test1 if question[5:6] == b"1" else test2], NS, ()


def test_g12_the_guides_messages_byte_for_byte():
    for case in dns_messages("guide_dns.json"):
        msg = case["data"]
        question = msg[12 : wire.skip(msg, 12) + 4]
        sections = ((), (), ())
        if case["direction"] == "response":
            sections = guide_records(question)
        flags = msg[2] << 8 | msg[3]
        assert compose.message(msg[0] << 8 | msg[1], flags, question, *sections) == msg


def records(msg):
    out = []
    assert wire.check(msg) == wire.OK
    p = wire.skip(msg, 12) + 4
    for _ in range(msg[7] + msg[9] + msg[11]):
        owner = wire.expand(msg, p)
        p = wire.skip(msg, p)
        out.append((wire.text(owner), msg[p + 1], msg[p + 3], wire.ttl(msg, p + 4)))
        stop = p + 10 + (msg[p + 8] << 8 | msg[p + 9])
        out[-1] += (wire.value(msg, p, stop),)
        p = stop
    return out


def test_rfc1035_every_type_there_and_back():
    host = wire.name("a.example")
    written = [
        ("h.example", T_A, IN, 300, "192.0.2.255"),
        ("h.example", T_AAAA, IN, 0, bytes(range(16))),
        ("example", T_NS, IN, 300, host),
        ("x.h.example", T_CNAME, CH, 300, host),
        ("7.example", T_PTR, HS, 300, host),
        ("example", T_SRV, IN, 86400, (0, 65535, 5060, host)),
        ("example", T_NAPTR, IN, 1, (1, 65535, b"s", b"SIP+D2U", b"!a!b!", host)),
        ("example", T_TXT, CS, 1, b"\3abc\0"),
        (".", T_OPT, 210, 0, b"\0\x0a\0\1x"),
        ("example", 99, IN, 1, b"\xc0\x0c"),
        ("example", T_A, CH, 1, b"\1a\0\0\1"),
    ]
    given = list(written)
    given[7] = written[7][:4] + ((b"abc", b""),)
    for i in range(len(given)):
        msg = compose.message(1, 0x8180, Q, given[:i], given[i : i + 1], given[i + 1 :])
        assert records(msg) == written
        assert msg[7] == i and msg[9] == 1 and msg[11] == len(given) - 1 - i
    soa = ("mname.example", "rname.example", 1, 2, 0x7FFFFFFF, 4, 0xFFFFFFFF)
    msg = compose.message(1, 0x8180, Q, [("example", T_SOA, IN, 1, soa)])
    data = records(msg)[0][4]
    assert data == b"\5mname\xc0\x0e\5rname\xc0\x0e\0\0\0\1\0\0\0\2\x7f\xff\xff\xff\0\0\0\4" + (
        b"\xff" * 4
    )


def test_rfc1035_4_1_1_the_header():
    msg = compose.message(0xABCD, RESPONSE | AA | RD | RA | 3, Q)
    assert msg == b"\xab\xcd\x85\x83\0\1\0\0\0\0\0\0" + Q
    record = ("h.example", T_A, IN, 1, b"\1\2\3\4")
    msg = compose.message(0, 0, Q, [record] * 300, [record] * 256, [record] * 2)
    assert msg[:12] == b"\0\0\0\0\0\1\1\x2c\1\0\0\2" and wire.check(msg) == wire.OK


def test_rfc1035_4_1_4_names_are_compressed_where_allowed():
    head = 12 + len(Q)
    ns = [("h.example", T_NS, IN, 1, "x.h.example")]
    msg = compose.message(0, 0, Q, ns)
    assert msg[head:] == b"\xc0\x0c\0\2\0\1\0\0\0\1\0\4\1x\xc0\x0c"
    msg = compose.message(0, 0, Q, ns * 2)
    assert msg[head + 16 :] == b"\xc0\x0c\0\2\0\1\0\0\0\1\0\2" + bytes([0xC0, head + 12])
    # Of another case: as it is written, so not the same
    msg = compose.message(0, 0, Q, [("H.example", T_TXT, IN, 1, [b""])])
    assert msg[head:].startswith(b"\1H\xc0\x0e\0\x10")
    # What the question ends in, never what comes before it; the root has nothing to save
    msg = compose.message(0, 0, Q, [("le", T_NS, IN, 1, ".")])
    assert msg[head:] == b"\2le\0\0\2\0\1\0\0\0\1\0\1\0"


def test_rfc2782_targets_are_not_compressed_and_not_pointed_to():
    head = 12 + len(Q)
    for kind, data, size in (
        (T_SRV, (1, 2, 3, "x.h.example"), 6 + 13),
        (T_NAPTR, (1, 2, b"", b"", b"", "x.h.example"), 7 + 13),
    ):
        more = [("x.h.example", T_A, IN, 1, "192.0.2.1")]
        msg = compose.message(0, 0, Q, [("h.example", kind, IN, 1, data)], (), more)
        assert msg[head + 10 : head + 12] == bytes([0, size])
        assert msg[head + 12 + size - 13 :].startswith(b"\1x\1h\7example\0\1x\xc0\x0c\0\1")


def test_rfc1035_4_1_4_pointers_reach_the_first_16384_bytes():
    text = ("h.example", T_TXT, IN, 1, [b"x" * 255] * 63)
    ns = ("y.test", T_NS, IN, 1, "z.test")
    for more in range(180, 240):
        fill = ("h.example", T_TXT, IN, 1, [b"x" * more])
        msg = compose.message(0, 0, Q, [text, fill, ns, ns])
        assert wire.check(msg) == wire.OK
        assert len(records(msg)) == 4 and records(msg)[3][0] == "y.test"
        assert records(msg)[3][4] == b"\1z\4test\0"


def test_rfc2181_9_a_limit_leaves_out_whole_records():
    record = ("h.example", T_A, IN, 1, "192.0.2.1")
    whole = compose.message(0, 0x8180, Q, [record] * 3)
    for limit in (len(whole), len(whole) + 1, 0):
        assert compose.message(0, 0x8180, Q, [record] * 3, limit=limit) == whole
    cut = compose.message(0, 0x8180, Q, [record] * 3, [record], [record], limit=len(whole) - 1)
    assert cut[2] & 2 and cut[6:12] == b"\0\2\0\0\0\0" and wire.check(cut) == wire.OK
    cut = compose.message(0, 0x8180, Q, [record], [record] * 2, [record], limit=len(whole) - 1)
    assert cut[2] & 2 and cut[6:12] == b"\0\1\0\1\0\0" and wire.check(cut) == wire.OK
    cut = compose.message(0, 0x8180, Q, [record], [], [record] * 3, limit=len(whole) - 1)
    assert not cut[2] & 2 and cut[6:12] == b"\0\1\0\0\0\1" and wire.check(cut) == wire.OK


def test_local_mistakes_are_refused():
    for name in (
        "",
        "a..b",
        "x" * 64,
        b"",
        b"\1",
        b"\1a",
        b"\1a\0\0",
        b"\1a\0b\0",
        b"\x40" + b"a" * 64 + b"\0",
        b"\xc0\x0c",
        b"\2a\0",
        (b"\x3f" + b"x" * 63) * 3 + b"\x3e" + b"y" * 62 + b"\0",
    ):
        record = (name, T_A, IN, 1, "192.0.2.1")
        raises(ValueError, compose.message, 0, 0, Q, [record])
        record = ("h.example", T_SRV, IN, 1, (1, 2, 3, name))
        raises(ValueError, compose.message, 0, 0, Q, [record])
    for kind, data in (
        (T_A, "192.0.2"),
        (T_A, "192.0.2.256"),
        (T_A, "192.0.2.x"),
        (T_A, "192.0.2.1.1"),
        (T_A, ""),
        (T_A, b"\1\2\3"),
        (T_A, b"\1\2\3\4\5"),
        (T_AAAA, bytes(15)),
        (T_AAAA, bytes(17)),
        (T_TXT, []),
        (T_TXT, [b"x" * 256]),
        (T_SRV, (65536, 0, 0, ".")),
        (T_SRV, (0, -1, 0, ".")),
        (T_SRV, (0, 0, 65536, ".")),
        (T_NAPTR, (0, 0, b"s", b"x" * 256, b"", ".")),
        (T_NAPTR, (65536, 0, b"s", b"", b"", ".")),
        (T_SOA, (".", ".", 1 << 32, 1, 1, 1, 1)),
        (T_SOA, (".", ".", 1, 1, 1, 1, -1)),
        (99, bytes(65536)),
    ):
        record = ("h.example", kind, IN, 1, data)
        raises(ValueError, compose.message, 0, 0, Q, [record])
    good = ("h.example", T_A, IN, 1, "192.0.2.1")
    for i, bad in ((1, 65536), (1, -1), (2, 65536), (3, 1 << 32), (3, -1)):
        raises(ValueError, compose.message, 0, 0, Q, [good[:i] + (bad,) + good[i + 1 :]])
    raises(ValueError, compose.message, 65536, 0, Q)
    raises(ValueError, compose.message, 0, -1, Q)
    raises(ValueError, compose.message, 0, 0, b"\1a\0\1\0\1")


def test_a_local_mistake_is_told_in_words():
    for kind, data, said in (
        (T_A, "192.0.2.x", "'192.0.2.x' is no IPv4 address"),
        (T_A, b"\1\2\3", "a record whose data is not as long as its type says"),
        (T_SRV, (65536, 0, 0, "."), "65536 is no number of 16 bits"),
        (T_SRV, (0, -1, 0, "."), "-1 is no number of 16 bits"),
        (T_NS, b"\1a", "b'\\x01a' is no uncompressed name with its final zero"),
    ):
        record = ("h.example", kind, IN, 1, data)
        assert raises(ValueError, compose.message, 0, 0, Q, [record]).args[0] == said


def test_a_message_has_at_most_65535_bytes():
    record = ("h.example", 99, IN, 1, bytes(65535 - 12 - len(Q) - 12))
    assert len(compose.message(0, 0, Q, [record])) == 65535
    record = record[:4] + (record[4] + b"x",)
    raises(ValueError, compose.message, 0, 0, Q, [record])
