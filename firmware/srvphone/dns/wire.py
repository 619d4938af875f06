"""The DNS message: checked once as a whole, then walked in place; and queries.

    code = wire.check(msg)          # OK, or what is wrong: after OK nothing below can go wrong
    p = wire.skip(msg, 12) + 4      # the first record starts with its owner name
    p = wire.skip(msg, p)           # type at p, class p+2, TTL p+4, RDLENGTH p+8, data p+10
    stop = p + 10 + (msg[p + 8] << 8 | msg[p + 9])
    wire.ttl(msg, p + 4), wire.value(msg, p, stop)

`msg` is the bytes of one message. A *name* is uncompressed wire format, at most 255 bytes with
the final zero: b"\\x03sip\\x03org\\x00". A *question* is a name, 2 bytes of type, 2 of class.
Text is for the edges: `name(text)`, `text(name)`.

`check` reads header, question and every record of all sections; it knows the data of A, AAAA, NS,
CNAME, SOA, PTR, TXT, SRV, NAPTR and OPT and takes other types as so many bytes. It allocates
nothing and never raises: what is wrong with a message is a code. What it decides, and why:

- Pointers are followed in every name. SRV and NAPTR data must not have them (RFC 2782, RFC 3403),
  yet real servers write them there, and refusing such an answer would look like silence.
- A pointer goes strictly backwards, and behind it only bytes before the piece of the name that it
  ends may be read (RFC 9267 2). So one name reads no byte twice, and cannot loop.
- Labels are counted, never searched for an end: a zero byte in a label is data (RFC 2181 11,
  RFC 9267 4), as text \\000.
- All types are read alike in every class, except that an A record of class CH is just bytes.
- Bytes after the last record are refused: counts and length contradict each other.
- Work, in bytes read: reading on takes at most one a byte of the message. What lies behind
  pointers draws on a budget of another one a byte, and once a record has overdrawn that (three
  names at most, none reading a byte twice, and mostly bytes that reading on passes over), the
  message is refused: at most four a byte in all. One name's pointers are followed for 256 bytes
  at most.

RFC 1035 (2.3.4 limits, 4.1 messages), 2782 SRV, 3403 NAPTR, 3596 AAAA, 6891 OPT, 9267 mistakes.
"""

from struct import unpack_from

from micropython import const

_A = const(1)
_SOA = const(6)
_TXT = const(16)
_AAAA = const(28)
_SRV = const(33)
_NAPTR = const(35)
_OPT = const(41)
_ONE_NAME = const(b"\2\5\x0c")  # NS, CNAME, PTR: one name
_CH = const(3)  # a class

# What `check` says of a message. -10 and -11 are of `answer`.
OK = const(0)
SHORT = const(-1)  # the message or a record's data ends inside a field, a name or a string
COUNT = const(-2)  # not one question, or more records announced than the bytes can hold
LABEL = const(-3)  # a label of the reserved kinds, top bits 01 or 10 (so also "longer than 63")
POINTER = const(-4)  # a pointer into the header, to itself, forwards, or to what runs into itself
NAME = const(-5)  # a name of more than 255 bytes
RDATA = const(-6)  # data that is not as long as its type and RDLENGTH say
NOT_ROOT = const(-7)  # an OPT record whose owner is not a plain root (RFC 6891 6.1.2)
TRAILING = const(-8)  # bytes after the last record, or more than 65,535 in all
WORK = const(-9)  # more behind pointers than any honest message has

_DAY = const(86400)  # G13: the cap of every TTL, in seconds
_NAME_MAX = const(255)  # RFC 1035 2.3.4, with the final zero
_LABEL_MAX = const(63)
_READ = const(0x10000)  # one byte read behind a pointer: counted above the 16 bits of an offset
_READ_MAX = const(0x1000000)

# The data of an SRV record by the length of its target: read in one piece, without a slice. The
# last few lengths are kept; one too many clears them.
_formats = {}


def check(msg):  # noqa: PLR0912 - one pass; a call costs more than what it would do
    """OK if the whole message is sound, else what is wrong: SHORT to WORK. Allocates nothing."""
    end = len(msg)
    p = _name(msg, 12, end)
    if p < 0:
        return p
    p += 4
    if p > end:
        return SHORT
    if end > 0xFFFF:
        return TRAILING
    if msg[5] != 1 or msg[4]:
        return COUNT
    left = (msg[6] + msg[8] + msg[10] << 8) + msg[7] + msg[9] + msg[11]
    work = end
    while left:
        if left * 11 > end - p:  # the shortest record: a root and ten bytes
            return COUNT
        left -= 1
        r = p
        if msg[p] == 0xC0 and msg[p + 1] == 12:  # the question's name, as mostly
            p += 2
        else:
            p = _name(msg, p, end)
            if p < 0:
                return p
            work -= p >> 16
            p &= 0xFFFF
        if p + 10 > end:
            return SHORT
        stop = msg[p + 8] << 8 | msg[p + 9]
        stop += p + 10
        if stop > end:
            return SHORT
        if msg[p]:  # a type above 255: so many bytes
            r = stop
        elif msg[p + 1] == _SRV:
            r = _name(msg, p + 16, stop)
        elif msg[p + 1] == _OPT and p != r + 1:
            return NOT_ROOT
        else:
            r = _data(msg, p, stop)
        if r != stop:
            if r < 0:
                return r
            if r & 0xFFFF != stop:
                return RDATA
            work -= r >> 16
        if work < 0:
            return WORK
        p = stop
    return OK if p == end else TRAILING


def _data(msg, p, stop):
    """Where the data of the record whose type is at p, below 256, ends; more see `_name`."""
    kind = msg[p + 1]
    p += 10
    if kind == _A:
        return stop if msg[p - 7] == _CH else p + 4
    if kind in _ONE_NAME:
        return _name(msg, p, stop)
    if kind == _SOA:
        p = _name(msg, p, stop)
        if p < 0:
            return p
        kind = _name(msg, p & 0xFFFF, stop)
        return kind if kind < 0 else kind + (p >> 16 << 16) + 20
    if kind == _AAAA:
        return p + 16
    if kind == _NAPTR:
        p += 4  # order, preference
        for _ in range(3):
            if p < stop:
                p += msg[p] + 1
        return _name(msg, p, stop)
    if kind == _TXT:
        if p == stop:
            return SHORT  # one string or more
        while p < stop:
            p += msg[p] + 1
        return p
    if kind == _OPT:
        while p + 4 <= stop:
            p += (msg[p + 2] << 8 | msg[p + 3]) + 4
        return p
    return stop


def _name(msg, p, end):
    """Past the name at p, all of it before `end`: an offset in 16 bits, or what is wrong.

    Above these bits: how many bytes were read behind the name's first pointer.
    """
    start = p
    while True:
        if p >= end:
            return SHORT
        c = msg[p]
        if c > 63:
            break
        p += c + 1
        if not c:
            return p if p - start <= _NAME_MAX else NAME
    past = p + 2 - 2 * _READ
    size = 0
    while c > 191:
        if p + 1 >= end:
            return SHORT if past < 0 else POINTER
        past += 2 * _READ
        if past >= _READ_MAX:
            return WORK
        size += p - start
        end = start
        p = start = (c & 63) << 8 | msg[p + 1]
        if p < 12:
            return POINTER
        while True:
            if p >= end:
                return POINTER
            c = msg[p]
            if c > 63:
                break
            past += _READ
            p += c + 1
            if not c:
                return past if size + p - start <= _NAME_MAX else NAME
    return LABEL


def skip(msg, p):
    """Past the name at p in a checked message. Pointers are not followed."""
    c = msg[p]
    while 0 < c < 64:
        p += c + 1
        c = msg[p]
    return p + 2 if c else p + 1


def expand(msg, p):
    """The name at p in a checked message, uncompressed."""
    out = b""
    start = p
    while True:
        c = msg[p]
        if c > 63:
            out += msg[start:p]
            start = p = (c & 63) << 8 | msg[p + 1]
        else:
            p += c + 1
            if not c:
                return out + msg[start:p]


def same(msg, p, name):
    """Is the name at p in a checked message `name`, which is in lower case? Allocates nothing."""
    i = 0  # in `name`
    while True:
        c = msg[p]
        if c > 63:
            p = (c & 63) << 8 | msg[p + 1]
            continue
        if c != name[i]:
            return False
        if not c:
            return True
        stop = p + c
        while p < stop:
            p += 1
            i += 1
            c = msg[p]
            if c != name[i] and (c < 65 or c > 90 or c + 32 != name[i]):
                return False
        p += 1
        i += 1


def value(msg, p, stop):
    """The data of the record whose type is at p in a checked message, and which ends at `stop`.

    A "192.168.10.13", SRV (priority, weight, port, target), NAPTR (order, preference, flags,
    service, regexp, replacement), CNAME, NS and PTR the name; of any other type the bytes.
    """
    kind = 0 if msg[p] else msg[p + 1]  # 0: a type above 255
    p += 10
    if kind == _SRV:
        if msg[stop - 2] > 191:  # a pointer would be last: this is its first byte
            return unpack_from("!HHH", msg, p) + (expand(msg, p + 6),)
        size = stop - p - 6  # of the target
        if size not in _formats:
            if len(_formats) > 7:
                _formats.clear()
            _formats[size] = "!HHH%ds" % size
        return unpack_from(_formats[size], msg, p)
    if kind == _A and stop == p + 4:
        return "%d.%d.%d.%d" % tuple(msg[p:stop])
    if kind == _NAPTR:
        fields = unpack_from("!HH", msg, p)
        p += 4
        while len(fields) < 5:
            size = msg[p] + 1  # of a string, with this byte
            fields += (msg[p + 1 : p + size],)
            p += size
        return fields + (expand(msg, p),)
    return expand(msg, p) if kind in _ONE_NAME else msg[p:stop]


def ttl(msg, p):
    """The 32 bits at p as seconds, at most a day: also with the top bit set (RFC 8767 4, G13)."""
    if msg[p]:
        return _DAY
    return min(msg[p + 1] << 16 | msg[p + 2] << 8 | msg[p + 3], _DAY)


def query(ident, question, edns=0):
    """The query for a question, RD set (G12); `edns`: the UDP size for an OPT (RFC 6891)."""
    out = b"%c%c\1\0\0\1\0\0\0\0\0%c" % (ident >> 8, ident & 255, edns > 0) + question
    if edns:
        out += b"\0\0\x29%c%c\0\0\0\0\0\0" % (edns >> 8, edns & 255)
    return out


def name(text):
    """The name that a text stands for, with or without a final dot; without escapes.

    ValueError: says which label cannot be written, and why. The case stays as it is: a question
    is made of `name(text).lower()`.
    """
    if text == ".":
        return b"\0"
    out = b""
    if text.endswith("."):
        text = text[:-1]
    for label in text.encode().split(b"."):
        size = len(label)
        if not size:
            raise ValueError("an empty label in %r" % text)
        if size > _LABEL_MAX:
            raise ValueError("label %r: %d bytes, at most 63" % (str(label, "utf-8"), size))
        for c in label:
            if c < 33 or c > 126 or c == 92:
                raise ValueError(
                    "label %r: not visible ASCII without a backslash" % str(label, "utf-8")
                )
        out += b"%c%s" % (size, label)
    if len(out) >= _NAME_MAX:
        raise ValueError("name %r: %d bytes, at most 255" % (text, len(out) + 1))
    return out + b"\0"


def text(name):
    """A name as text without a final dot; what is no plain character as \\DDD (RFC 1035 5.1)."""
    out = bytearray()
    left = 0
    for c in name:
        if left:
            left -= 1
            if 32 < c < 127 and c not in b".\\":
                out.append(c)
            else:
                out += b"\\%03d" % c
        else:
            left = c
            if c and out:
                out += b"."
    return str(out, "utf-8") or "."
