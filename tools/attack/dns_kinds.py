"""Answers to a DNS question: the right one, and kinds of wrong ones with its ID and question.

    data = right(query)             # query: a reader.Query
    data = FLIP(draws, query)       # any of KINDS: (name, function, seconds)

`seconds` of a kind: for so long an honest phone may have no server by what such an answer says,
besides what every failure costs. Every name has records here, so wherever a lie leads, there are
servers: SRV of any name has two targets, a name's address follows from the name.
RFC 1035, 2308, 2782, 3403, 6891.
"""

from attack.draws import accidents

A, CNAME, SOA, TXT, AAAA, SRV, NAPTR, OPT = 1, 5, 6, 16, 28, 33, 35, 41
NS = 2
UDP_BYTES = 1400  # what a wrong answer has at most over UDP
TCP_BYTES = 4090
ROOT = b"\0"
AT = b"\xc0\x0c"  # a pointer to the question's name
HOURS = 10800  # RFC 2308 5: as long as a denial is kept
DAY = 86400  # the cap of a TTL
SALT = (b"\xc0\x0c", b"\xc0\x00", b"\0", b"\xff\xff", b"\x3f", b"\0\1\0\1", b"\r\n", b"\xc0")
TTLS = (0, 0, 1, 5, 60, 3600, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x3FFFFFFF, 0x40000000)
KINDS_OF_RECORD = (A, NS, CNAME, SOA, TXT, AAAA, SRV, NAPTR, OPT, 255, 256, 0)
SERVICES = (b"SIP+D2U", b"sip+d2u", b"SIP+D2T", b"SIPS+D2T", b"", b"E2U+sip", b"SIP+D2U\r\n")
FLAGS = (b"s", b"S", b"a", b"", b"u", b"p", b"ss", b"\xff", b"s\r\n")
REGEXPS = (
    b"!^.*$!_sip._udp.one.example!",
    b"!^(.*)$!_sip._udp.\\1!",
    b"![" + b"\x02-\xff" * 81 + b"]*\xfe!x!",
    b"![" + b"a-z" * 20 + b"]*!x!i",
    b"!(a*)*b!x!",
    b"!((((((((((.*))))))))))!\\9!",
    b"!.*.*.*.*.*.*.*.*.*=!x!",
    b"!(.+)+$!\\1\\1\\1\\1\\1\\1\\1\\1!",
    b"!^.{0,255}{0,255}$!x!",
    b"!(o|on|one|o.|.*)*x!y!",
    b"!!!", b"!", b"", b"!a", b"!a!b", b"0a0b0", b"!^.*$!sip:\0@x!", b"!\\!x!",
    b"!^.*$!a\r\nb!", b"![!x!", b"!(!x!", b"!*!x!", b"!.*!\\0!", b"!.*!..!",
    b"!.*!" + b"y" * 240 + b"!",
)  # fmt: skip


def u16(n):
    return bytes((n >> 8 & 255, n & 255))


def rr(owner, kind, ttl, data, cls=1):
    """A record in wire format."""
    four = bytes((ttl >> 24 & 255, ttl >> 16 & 255, ttl >> 8 & 255, ttl & 255))
    return owner + u16(kind) + u16(cls) + four + u16(len(data)) + data


def reply(query, answers=(), authority=(), additional=(), flags=0x8580, counts=()):
    """A message under the query's ID with its question. counts: of four sections, else right."""
    counts = counts or (1, len(answers), len(authority), len(additional))
    head = query.ident + u16(flags) + b"".join([u16(n) for n in counts])
    parts = list(answers) + list(authority) + list(additional)
    return head + query.question + b"".join(parts)


# What every name has.


def mark(name):
    """A number of 24 bits that follows from a name."""
    h = 7
    for c in name:
        h = (h * 31 + c) & 0xFFFFFF
    return h


def address_of(name, shift):
    h = mark(name)
    return bytes((10, h >> 16 & 255, h >> 8 & 255, 1 + (h + shift) % 250))


def host(number, name):
    """The name of a name's first or second server."""
    return b"\x08s%d%06x\x07example\0" % (number, mark(name))


def srv(target, priority=10, weight=10, port=5060):
    return u16(priority) + u16(weight) + u16(port) + target


def naptr(name, order=10, flags=b"s", service=b"SIP+D2U", regexp=b"", preference=10):
    out = u16(order) + u16(preference)
    for text in (flags, service, regexp):
        out += bytes((len(text),)) + text
    return out + name


def values(query, shift=0):
    """The data of the right records. shift: another one, other addresses."""
    name = query.name
    if query.kind == SRV:
        return [srv(host(1, name), 10), srv(host(2, name), 20)]
    if query.kind == NAPTR:
        return [naptr(b"\4_sip\4_udp" + name)] if len(name) < 200 else []
    return [address_of(name, shift)]


def right_records(query, ttl=60, owner=AT, shift=0):
    return [rr(owner, query.kind, ttl, data) for data in values(query, shift)]


def right(query, ttl=60, shift=0):
    return reply(query, right_records(query, ttl, AT, shift))


def short(query):
    """The right answer over UDP of a server that has no room there."""
    return reply(query, flags=0x8780)


# What is wrong in many ways.


def odd_name(draws):
    """A name in wire format that a hostile answer may hold."""
    kind = draws.below(12)
    if kind == 0:
        return ROOT
    if kind == 1:
        return b"\x07a\r\nX: y\0"
    if kind == 2:
        return (b"\x3f" + b"l" * 63) * 3 + b"\x3d" + b"m" * 61 + b"\0"  # 255 bytes
    if kind == 3:
        return b"\x03192\x010\x012\x03" + b"%03d" % draws.below(256) + b"\0"
    if kind == 4:
        return b"\x05a.b.c\0"
    if kind == 5:
        return b"\1a" * 127 + b"\0"
    if kind == 6:
        return b'\x04\0\xff"<\x03one\x07example\0'
    if kind == 7:
        return draws.pick((b"\x03one\x07example\0", b"\x03two\x07example\0"))
    if kind == 8:
        return b"\x3f" + draws.urandom(63) + b"\0"
    return b"\x06" + b"%06x" % draws.below(0xFFFFFF) + b"\x07example\0"


def soa(draws, minimum=None):
    if minimum is None:
        minimum = draws.pick(TTLS)
    fields = draws.urandom(16) + rr(b"", 0, minimum, b"")[4:8]
    return odd_name(draws) + odd_name(draws) + fields


def odd_data(draws, kind):
    """The data of a record of a type: sound mostly, but with odd names and numbers."""
    if draws.chance(8):
        return draws.urandom(draws.below(40))
    if kind == A:
        return draws.urandom(draws.pick((4, 4, 4, 4, 0, 3, 5, 16)))
    if kind in (NS, CNAME):
        return odd_name(draws)
    if kind == SOA:
        return soa(draws)
    if kind == AAAA:
        return draws.urandom(16)
    if kind == SRV:
        numbers = [draws.pick((0, 1, 10, 65535, draws.below(65536))) for _ in range(2)]
        port = draws.pick((5060, 5060, 0, 1, 65535))
        return srv(odd_name(draws), numbers[0], numbers[1], port)
    if kind == NAPTR:
        return odd_naptr(draws)
    return draws.urandom(draws.below(60))


def odd_naptr(draws):
    regexp = draws.pick(REGEXPS) if draws.chance(50) else b""
    name = draws.pick((ROOT, odd_name(draws), b"\4_sip\4_udp\3one\7example\0"))
    order = draws.pick((0, 1, 10, 10, 10, 65535))
    return naptr(name, order, draws.pick(FLAGS), draws.pick(SERVICES), regexp, draws.below(9))


def fitting(records, most=UDP_BYTES):
    """So many of the records as fit."""
    out = []
    for one in records:
        most -= len(one)
        if most < 0:
            break
        out.append(one)
    return out


# The kinds.


def flip(draws, query):
    return query.ident + accidents(draws, right(query)[2:], SALT)


def question_kept(draws, query):
    """Accidents behind the question alone, so that they are looked at."""
    data = right(query)
    end = 12 + len(query.question)
    return data[:end] + accidents(draws, data[end:], SALT)


def cut(draws, query):
    records = [rr(AT, query.kind, 60, odd_data(draws, query.kind)) for _ in range(6)]
    data = reply(query, right_records(query) + fitting(records))
    if draws.chance(20):
        return data + draws.urandom(1 + draws.below(30))
    return data[: draws.below(len(data))]


def counts(draws, query):
    odd = [draws.pick((0, 1, 2, 3, 255, 65535, draws.below(65536))) for _ in range(4)]
    if draws.chance(60):
        odd[0] = 1
    return reply(query, right_records(query), counts=odd)


def rcode(draws, query):
    code = 1 + draws.below(15)
    flags = 0x8180 | code
    opt = ()
    if draws.chance(30):
        opt = (rr(ROOT, OPT, draws.pick((0, 0x01000000, 0xFF000000)), b"", 1232),)
    if draws.chance(50):
        return reply(query, (), (), opt, flags)
    head = query.ident + u16(flags) + bytes(7) + bytes((len(opt),))
    return head + b"".join(opt)


def referral(draws, query):
    """NOERROR without an answer: NS of somebody, SOA or none, RA or not."""
    authority = [rr(draws.pick((ROOT, AT, b"\7example\0")), NS, 60, odd_name(draws))]
    if draws.chance(30):
        authority.append(rr(ROOT, SOA, draws.pick((0, 1, 60)), soa(draws, 60)))
    flags = draws.pick((0x8000, 0x8100, 0x8180, 0x8580))
    return reply(query, (), authority[draws.below(2) :], (), flags)


def denial(draws, query):
    owner = draws.pick((ROOT, AT, b"\7example\0", odd_name(draws)))
    record = rr(owner, SOA, draws.pick(TTLS), soa(draws))
    return reply(query, (), (record,) * draws.below(4), (), 0x8580 + draws.pick((0, 3)))


def short_denial(draws, query):
    record = rr(ROOT, SOA, 5, soa(draws, draws.below(10)))
    return reply(query, (), (record,), (), 0x8580 + draws.pick((0, 3)))


def alias(draws, query):
    """Chains: long, in circles, out of order, to ever new names, with records or without."""
    names = [AT] + [odd_name(draws) for _ in range(1 + draws.below(12))]
    if draws.chance(30):
        names.append(names[draws.below(len(names))])  # a circle
    chain = []
    for i in range(len(names) - 1):
        to = query.question[:-4] if names[i + 1] == AT else names[i + 1]
        chain.append(rr(names[i], CNAME, draws.pick((0, 1, 60)), to))
    if draws.chance(30):
        chain.reverse()
    if draws.chance(60):
        chain += right_records(query, 60, names[-1])
    return reply(query, fitting(chain))


def new_alias(draws, query):
    """The name is an alias of a name that nobody has heard of, and so is that."""
    record = rr(AT, CNAME, draws.below(5), b"\x0a" + b"%010d" % draws.below(9999999) + b"\0")
    return reply(query, (record,))


def same_alias(draws, query, most=UDP_BYTES):
    record = rr(AT, CNAME, 60, draws.pick((AT, query.question[:-4])))
    return reply(query, fitting([record] * 340, most))


def many(draws, query, most=UDP_BYTES):
    """As many records of the type as fit."""
    out = []
    size = 0
    ttl = draws.pick((0, 1, 60))
    long = draws.chance(30)
    shape = draws.chance(70)
    while size < most and len(out) < 250:
        data = odd_data(draws, query.kind)
        if shape and query.kind == A:
            data = draws.urandom(4)
        elif shape and query.kind == SRV:
            name = b"\x08%08d\x07example\0" % draws.below(9999999)
            data = srv((b"\x3f" + draws.urandom(63)) * 3 + name if long else name)
        elif shape:
            data = naptr(b"\x08%08d\0" % draws.below(9999999), 10, draws.pick((b"s", b"a")))
        out.append(rr(AT, query.kind, ttl, data))
        size += len(out[-1])
    return reply(query, fitting(out, most))


def pointers(draws, query):
    """Names that are pointers: forwards, to themselves, in chains, into data, at work."""
    here = 12 + len(query.question)
    out = b""
    for i in range(1 + draws.below(60)):
        at = here + len(out)
        to = draws.pick((at, at - 2, at + 2, here, 12, 0, 4, at - 12, draws.below(at + 20)))
        owner = b"\1x" * draws.below(4) + u16(0xC000 | to & 0x3FFF)
        out += rr(owner, draws.pick((TXT, NS, query.kind)), 60, owner * draws.below(3))
    return reply(query, (out,), counts=(1, i + 1, 0, 0))


def ttls(draws, query):
    """The right records, each with a TTL of its own."""
    records = [rr(AT, query.kind, draws.pick(TTLS), data) for data in values(query)]
    return reply(query, records * (1 + draws.below(3)))


def fresh(draws, query):
    """Other addresses each time, good for once."""
    if query.kind != A:
        return reply(query, right_records(query, 0))
    return reply(query, [rr(AT, A, 0, draws.urandom(4)) for _ in range(1 + draws.below(12))])


def odd_records(draws, query):
    """Records of the type whose data are odd, among right ones or alone."""
    records = [
        rr(AT, query.kind, draws.pick((0, 1, 60)), odd_data(draws, query.kind))
        for _ in range(1 + draws.below(9))
    ]
    if draws.chance(50):
        records += right_records(query)
    return reply(query, fitting(records))


def regexps(draws, query):
    """NAPTR records with regexps; to other questions odd records."""
    if query.kind != NAPTR:
        return odd_records(draws, query)
    records = []
    for _ in range(1 + draws.below(6)):
        data = naptr(ROOT, 10, draws.pick((b"s", b"a", b"")), b"SIP+D2U", draws.pick(REGEXPS))
        records.append(rr(AT, NAPTR, draws.pick((0, 1, 60)), data))
    return reply(query, fitting(records))


def glue(draws, query):
    """Addresses in the additional section: of the targets, of other accounts' hosts, odd."""
    extra = []
    names = [host(1, query.name), host(2, query.name), b"\3one\7example\0", b"\3two\7example\0"]
    for _ in range(draws.below(12)):
        owner = draws.pick(names) if draws.chance(70) else odd_name(draws)
        data = odd_data(draws, A)
        extra.append(rr(owner, A, draws.pick((0, 1, 60)), data, draws.pick((1, 1, 1, 3, 255))))
    return reply(query, right_records(query), (), fitting(extra))


def tc(draws, query):
    data = reply(query, right_records(query)[: draws.below(3)], flags=0x8780)
    return data[: draws.pick((len(data), 12 + len(query.question), draws.below(len(data))))]


def case(draws, query):
    data = bytearray(right(query))
    for i in range(12, 12 + len(query.question) - 4):
        if 65 <= data[i] & 223 <= 90 and draws.chance(30):
            data[i] ^= 32
    return bytes(data)


def edns(draws, query):
    opts = []
    for _ in range(1 + draws.below(3)):
        data = draws.urandom(draws.pick((0, 0, 4, 40, 500)))
        owner = draws.pick((ROOT, ROOT, AT))
        size = draws.pick((0, 512, 1232, 65535))
        opts.append(rr(owner, OPT, draws.pick((0, 0x00010000, 0x01000000)), data, size))
    if draws.chance(20):
        return reply(query, opts + right_records(query))
    return reply(query, right_records(query), (), opts)


def types(draws, query):
    """Records of any type and class, of the name and of others, in every section."""
    sections = []
    for _ in range(3):
        records = []
        for _ in range(draws.below(6)):
            kind = draws.pick(KINDS_OF_RECORD)
            owner = AT if draws.chance(60) else odd_name(draws)
            cls = draws.pick((1, 1, 1, 3, 255, 254))
            records.append(rr(owner, kind, draws.pick((0, 1, 60)), odd_data(draws, kind), cls))
        sections.append(fitting(records, 450))
    if draws.chance(50):
        sections[0] += right_records(query)
    return reply(query, *sections)


def flags(draws, query):
    return reply(query, right_records(query), flags=draws.below(65536) & ~0x7 & 0xFFFF)


def other_ident(draws, query):
    return draws.urandom(2) + right(query)[2:]


def other_question(draws, query):
    data = right(query)
    other = accidents(draws, query.question, SALT)
    return data[:12] + other + data[12 + len(query.question) :]


def noise(draws, query):
    return query.ident[: draws.below(3)] + draws.urandom(draws.below(300))


KINDS = (
    ("dns flip", flip, DAY),
    ("dns flip behind the question", question_kept, DAY),
    ("dns cut", cut, 0),
    ("dns counts", counts, 0),
    ("dns rcode", rcode, 0),
    ("dns referral", referral, HOURS),
    ("dns denial", denial, HOURS),
    ("dns short denial", short_denial, 0),
    ("dns alias", alias, 0),
    ("dns new alias", new_alias, 0),
    ("dns same alias", same_alias, 0),
    ("dns many", many, 0),
    ("dns pointers", pointers, 0),
    ("dns ttl", ttls, DAY),
    ("dns fresh", fresh, 0),
    ("dns odd records", odd_records, 0),
    ("dns regexp", regexps, 0),
    ("dns glue", glue, 0),
    ("dns tc", tc, 0),
    ("dns case", case, 0),
    ("dns edns", edns, 0),
    ("dns types", types, HOURS),
    ("dns flags", flags, 0),
    ("dns other id", other_ident, 0),
    ("dns other question", other_question, 0),
    ("dns noise", noise, 0),
)


# Over TCP: the same, larger, in pieces, with wrong lengths.


def stream(draws, query):
    """(name, the pieces of a stream, seconds)."""
    name, make, seconds = draws.pick(KINDS)
    if draws.chance(40):
        make = draws.pick((many, same_alias))
        name = "dns many" if make is many else "dns same alias"
        data = make(draws, query, TCP_BYTES)
    else:
        data = make(draws, query)
    size = len(data)
    if draws.chance(25):
        size = draws.pick((0, 1, 12, size - 1, size + 1, 4096, 4097, 65535)) & 0xFFFF
    data = u16(size) + data
    if draws.chance(15):
        data += draws.urandom(draws.below(600))
    return "tcp " + name[4:], split(draws, data), seconds


def split(draws, data):
    """The bytes in 1 to 8 pieces; now and then byte by byte at first."""
    out = []
    if draws.chance(20):
        out = [data[:1], data[1:2], data[2:3]]
        data = data[3:]
    for _ in range(draws.below(5)):
        at = draws.below(len(data) + 1)
        out.append(data[:at])
        data = data[at:]
    return [piece for piece in out + [data] if piece]
