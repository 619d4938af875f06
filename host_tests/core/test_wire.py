"""dns/wire.py: the guide's messages, RFC 9267's mistakes, and what no message may do to us."""

from cases import Seeded, dns_messages, raises, unallocated
from dnsnumbers import (
    CH,
    CS,
    HS,
    IN,
    T_A,
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

Q = b"\x04_sip\x04_udp\x07example\x03org\0\0\x21\0\1"
NAME = Q[:-4]


class Counted:
    """A message that counts how many of its bytes are read."""

    def __init__(self, data):
        self.data = data
        self.reads = 0

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        self.reads += 1
        return self.data[i]


def guide():
    for message in dns_messages("guide_dns.json"):
        yield message["direction"], message["data"]


def header(an=0, ns=0, ar=0, qd=1):
    return b"\0\1\x81\x80" + bytes([x >> s & 255 for x in (qd, an, ns, ar) for s in (8, 0)])


def record(owner, kind, data, group=1):
    return owner + bytes([0, kind, 0, group, 0, 0, 0, 60, len(data) >> 8, len(data) & 255]) + data


def walk(msg):
    """Past every record of a checked message, as a reader does it who keeps nothing."""
    p = wire.skip(msg, 12) + 4
    for _ in range((msg[6] + msg[8] + msg[10] << 8) + msg[7] + msg[9] + msg[11]):
        p = wire.skip(msg, p)
        wire.ttl(msg, p + 4)
        p += 10 + (msg[p + 8] << 8 | msg[p + 9])
    return p


def values(msg):
    """[(owner, type, class, TTL, value), ...] of a checked message."""
    assert wire.check(msg) == wire.OK
    out = []
    p = wire.skip(msg, 12) + 4
    for _ in range((msg[6] + msg[8] + msg[10] << 8) + msg[7] + msg[9] + msg[11]):
        owner = wire.expand(msg, p)
        p = wire.skip(msg, p)
        kind = msg[p] << 8 | msg[p + 1]
        group = msg[p + 2] << 8 | msg[p + 3]
        stop = p + 10 + (msg[p + 8] << 8 | msg[p + 9])
        out.append((owner, kind, group, wire.ttl(msg, p + 4), wire.value(msg, p, stop)))
        p = stop
    assert p == len(msg)
    return out


def big():
    """An answer of 1,232 bytes: 17 SRV records, their addresses and some text."""
    hosts = [b"\x05sip%02d" % i + NAME[10:] for i in range(17)]
    srv = [(NAME, T_SRV, IN, 300, (10, i, 5060, h)) for i, h in enumerate(hosts)]
    more = [(h, T_A, IN, 300, "192.0.2.1") for h in hosts]
    room = 1232 - len(compose.message(1, 0x8580, Q, srv, (), more)) - 13
    more.append((NAME, T_TXT, IN, 300, [b"x" * 63] * (room >> 6) + [b"y" * (room & 63)]))
    return compose.message(1, 0x8580, Q, srv, (), more)


def test_g12_the_guides_queries_byte_for_byte():
    sizes = []
    for direction, msg in guide():
        if direction == "query":
            ident = msg[0] << 8 | msg[1]
            assert wire.query(ident, msg[12:]) == msg
            sizes.append(len(msg))
    assert sizes == [48, 39, 39, 38, 48, 39, 39]
    name = wire.name("_sip._udp.test.grandstream.com")
    assert wire.query(8, name + b"\0\x21\0\1") == next(guide())[1]


def test_rfc6891_a_query_with_opt():
    msg = wire.query(0xFFFE, Q, 1232)
    assert msg[:12] == b"\xff\xfe\1\0\0\1\0\0\0\0\0\1"
    assert msg[12:] == Q + b"\0\0\x29\x04\xd0\0\0\0\0\0\0"
    assert wire.check(msg) == wire.OK


def test_g27_the_guides_responses_are_sound_and_read_to_its_values():
    said = {}
    for _, msg in guide():
        for owner, kind, group, ttl, value in values(msg):
            assert group == IN
            if kind == T_SRV:
                value = value[:3] + (wire.text(value[3]),)
            elif kind == T_NAPTR:
                value = value[:5] + (wire.text(value[5]),)
            elif kind == T_NS:
                value = wire.text(value)
            said[(wire.text(owner), kind, value)] = ttl
    sip = "_sip._udp.test.grandstream.com"
    assert said == {
        (sip, 33, (2, 1, 5060, "test1.grandstream.com")): 3,
        (sip, 33, (1, 1, 5060, "test2.grandstream.com")): 3,
        ("test.grandstream.com", 35, (80, 60, b"s", b"SIP+D2U", b"", sip)): 3,
        ("grandstream.com", 2, "elmrabet-pc"): 10800,
        ("test1.grandstream.com", 1, "192.168.10.12"): 3,
        ("test2.grandstream.com", 1, "192.168.10.13"): 10800,
    }


def test_rfc9267_every_mistake_has_its_code_and_none_allocates():
    for case in dns_messages("rfc9267.json"):
        msg = case["data"]
        code = unallocated(wire.check, msg)
        assert code == getattr(wire, case["code"]), (case["name"], code)


def test_w1_checking_and_walking_allocate_nothing():
    messages = [msg for _, msg in guide()]
    messages.append(big())
    assert len(messages) == 15 and len(messages[-1]) == 1232 and messages[-1][7] >= 16
    for msg in messages:
        assert unallocated(wire.check, msg) == wire.OK
        assert unallocated(walk, msg) == len(msg)


def test_rfc9267_2_pointers_are_decoded_in_every_type():
    # dnslib's server compresses in SRV and NAPTR data: a refusal would look like silence.
    tail = b"\xc0\x16"  # example.org in the question
    host = b"\1a\x07example\x03org\0"
    msg = header(2, 2, 2) + Q
    msg += record(b"\xc0\x0c", T_SRV, b"\0\1\0\2\x13\xc4\1a" + tail)
    msg += record(tail, T_NAPTR, b"\0\1\0\2\1s\7SIP+D2U\0\xc0\x0c")
    msg += record(tail, T_NS, b"\1a" + tail)
    msg += record(tail, T_SOA, b"\1a" + tail + b"\1b" + tail + b"\0\0\0\1" * 5)
    msg += record(tail, T_PTR, tail)
    msg += record(b"\1b" + tail, T_CNAME, b"\1a" + tail)
    got = [(v[0], v[4]) for v in values(msg)]
    assert got[0] == (NAME, (1, 2, 5060, host))
    assert got[1] == (NAME[10:], (1, 2, b"s", b"SIP+D2U", b"", NAME))
    assert got[2] == (NAME[10:], host)
    assert got[3][1] == b"\1a" + tail + b"\1b" + tail + b"\0\0\0\1" * 5
    assert got[4] == (NAME[10:], NAME[10:])
    assert got[5] == (b"\1b" + NAME[10:], host)


def test_rfc2782_a_target_whose_last_label_ends_high_has_no_pointer():
    for target in (b"\2a\xc0\0", b"\1\xff\0", b"\0", b"\x01a\0"):
        msg = header(1) + Q + record(b"\xc0\x0c", T_SRV, b"\0\1\0\2\xc5\xc4" + target)
        assert values(msg)[0][4] == (1, 2, 0xC5C4, target)


def test_w9_srv_data_of_any_length_and_a_bounded_table_of_formats():
    for _ in range(2):
        for n in range(1, 64):
            target = bytes([n]) + b"x" * n + b"\0"
            msg = header(1) + Q + record(b"\xc0\x0c", T_SRV, b"\0\1\0\2\0\3" + target)
            assert values(msg)[0][4] == (1, 2, 3, target)
            assert len(wire._formats) <= 8


def test_rfc1035_3_2_4_the_four_classes():
    for group in (IN, CS, CH, HS):
        msg = header(1) + Q[:-1] + bytes([group])
        for kind, data in ((T_A, b"\1\2\3\4"), (T_TXT, b"\1a"), (T_PTR, b"\0")):
            assert values(msg + record(b"\xc0\x0c", kind, data, group))[0][2] == group
        chaos = msg + record(b"\xc0\x0c", T_A, b"\1a\0\0\1", group)
        assert wire.check(chaos) == (wire.OK if group == CH else wire.RDATA)


def test_rfc3597_unknown_types_are_bytes():
    data = b"\xc0\xff\x80\x40"
    assert values(header(1) + Q + record(b"\0", 99, data))[0][4] == data
    msg = header(1) + Q + b"\0\xff\x21\0\1\0\0\0\0\0\4" + data  # type 65313: the low byte is SRV
    assert values(msg)[0][1:] == (0xFF21, 1, 0, data)
    for low in (1, 41):
        msg = header(1) + Q + b"\1b\0\xff" + bytes([low]) + b"\0\1\0\0\0\0\0\2ab"
        assert values(msg)[0][4] == b"ab"


def test_rfc6891_opt_belongs_to_the_root():
    opt = record(b"\0", T_OPT, b"\0\x0a\0\2ab\0\3\0\0")
    assert wire.check(header(0, 0, 1) + Q + opt) == wire.OK
    assert wire.check(header(0, 0, 1) + Q + b"\1a" + opt) == wire.NOT_ROOT
    assert wire.check(header(0, 0, 1) + Q + b"\xc0\x0c" + opt[1:]) == wire.NOT_ROOT


def test_g13_a_ttl_is_capped_at_a_day_also_with_its_top_bit_set():
    cases = (
        (b"\0\0\0\0", 0),
        (b"\0\0\0\3", 3),
        (b"\0\0\x2a\x30", 10800),
        (b"\0\1\x51\x7f", 86399),
        (b"\0\1\x51\x80", 86400),
        (b"\0\1\x51\x81", 86400),
        (b"\0\1\xff\xff", 86400),
        (b"\0\2\0\0", 86400),
        (b"\1\0\0\0", 86400),
        (b"\x7f\xff\xff\xff", 86400),
        (b"\x80\0\0\0", 86400),
        (b"\x80\0\0\3", 86400),
        (b"\xff\xff\xff\xff", 86400),
    )
    for data, seconds in cases:
        assert unallocated(wire.ttl, data, 0) == seconds, data


def test_rfc1035_5_1_names_as_text():
    cases = (
        (b"\0", "."),
        (b"\3sip\3org\0", "sip.org"),
        (b"\3SIP\0", "SIP"),
        (b"\4_sip\4_udp\1a\0", "_sip._udp.a"),
        (b"\3a.b\0", "a\\046b"),
        (b"\3a\\b\1c\0", "a\\092b.c"),
        (b"\3a\0b\0", "a\\000b"),
        (b"\3 \x7f\xff\0", "\\032\\127\\255"),
        (b'\7"$();@!\0', '"$();@!'),
        (b"\x3f" + b"x" * 63 + b"\0", "x" * 63),
    )
    for name, text in cases:
        assert wire.text(name) == text
        if "\\" not in text:  # escapes are written, not read
            assert wire.name(text) == name
            assert text == "." or wire.name(text + ".") == name
    full = (b"\x3f" + b"x" * 63) * 3 + b"\x3d" + b"y" * 61 + b"\0"
    assert len(full) == 255 and wire.name(wire.text(full)) == full


def test_rfc1035_2_3_4_names_that_cannot_be_written():
    for text in (
        "",
        "..",
        ".a",
        "a..b",
        "a..",
        "x" * 64,
        "x" * 63 + "." + ("y" * 63 + ".") * 2 + "z" * 62,
        "a b",
        "a\tb",
        "caf\u00e9",
        "a\\b",
        "a\\",
    ):
        raises(ValueError, wire.name, text)


def test_a_name_that_cannot_be_written_says_which_label_and_why():
    full = ("x" * 63 + ".") * 3 + "y" * 62
    for text, said in (
        ("", "an empty label in ''"),
        ("a..b", "an empty label in 'a..b'"),
        ("a." + "x" * 64, "label '%s': 64 bytes, at most 63" % ("x" * 64)),
        ("a.b c.d", "label 'b c': not visible ASCII without a backslash"),
        ("a.b\\c", "label 'b\\\\c': not visible ASCII without a backslash"),
        (full, "name '%s': 256 bytes, at most 255" % full),
    ):
        assert raises(ValueError, wire.name, text).args[0] == said, text


def test_rfc9267_2_work_is_at_most_four_bytes_read_a_byte():
    # One name of 120 labels, and records whose owners and data all lead there
    long = b"\1x" * 120 + b"\0"
    start = 12 + len(Q) + 12  # where the data of the first record starts
    to = bytes([0xC0 | start >> 8, start & 255])
    messages = []
    for n in (1, 2, 5, 20, 50):
        msg = Q + record(b"\xc0\x0c", 99, long)
        soa = record(to, T_SOA, to + to + b"\0\0\0\1" * 5)
        messages.append(header(n + 1) + msg + soa * n)
        messages.append(header(n + 1) + msg + record(to, T_NS, to) * n)
        messages.append(header(n + 1) + msg + record(to, T_A, b"\1\2\3\4") * n)
        for kind, data in (
            (T_NS, to),
            (T_SOA, to + b"\0" + b"\0\0\0\1" * 5),
            (T_SOA, b"\0" + to + b"\0\0\0\1" * 5),
        ):
            messages.append(header(n + 1) + msg + record(b"\xc0\x0c", kind, data) * n)
            assert (wire.check(messages[-1]) == wire.WORK) == (n >= 5), (n, kind)
        pointers = to
        while len(pointers) < 4 * n:
            at = start + 241 + len(pointers) - 2
            pointers += bytes([0xC0 | at >> 8, at & 255])
        at = start + 241 + len(pointers) - 2
        last = bytes([0xC0 | at >> 8, at & 255])
        chain = Q + record(b"\xc0\x0c", 99, long + pointers)
        messages.append(header(n + 1) + chain + record(last, T_A, b"\1\2\3\4") * n)
        soa = record(last, T_SOA, last + last + b"\0\0\0\1" * 5)
        messages.append(header(n + 1) + chain + soa * n)
        messages.append(header(2 * n + 1) + chain + (record(last, T_NS, last) + soa) * n)
    messages += [msg for _, msg in guide()] + [big()]
    messages += [case["data"] for case in dns_messages("rfc9267.json")]
    refused = 0
    for msg in messages:
        counted = Counted(msg)
        code = wire.check(counted)
        assert code == wire.check(msg)
        assert counted.reads <= 4 * len(msg), (counted.reads, len(msg), code)
        refused += code == wire.WORK
    assert refused > 20


def test_w1_damaged_messages_are_refused_or_read_never_more():
    seeded = Seeded(9267)
    messages = [msg for _, msg in guide()] + [big()[:400]]
    codes = {}
    for i in range(2000):
        msg = bytearray(messages[seeded.next() % len(messages)])
        for _ in range(1 + seeded.next() % 4):
            msg[seeded.next() % len(msg)] = (0, 1, 12, 64, 192, 255, i & 255)[seeded.next() % 7]
        if seeded.next() % 4 == 0:
            msg = msg[: seeded.next() % len(msg)]
        msg = Counted(bytes(msg))
        code = wire.check(msg)
        codes[code] = True
        assert msg.reads <= 4 * len(msg), i
        if code == wire.OK:
            values(msg.data)
    assert len(codes) >= 7, codes


def test_w1_every_message_cut_short_is_refused():
    for _, msg in guide():
        for n in range(len(msg)):
            assert wire.check(msg[:n]) < 0


def test_w9_a_message_has_at_most_65535_bytes():
    msg = header(2) + Q
    msg += record(b"\0", 99, bytes(65000 - len(msg)))
    for size, code in ((65535, wire.OK), (65536, wire.TRAILING), (70000, wire.TRAILING)):
        whole = msg + record(b"\0", 99, bytes(size - len(msg) - 11))
        assert len(whole) == size and wire.check(whole) == code
