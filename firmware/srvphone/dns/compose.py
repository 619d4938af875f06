"""Whole DNS messages from records: what a server says. The phone itself does not load this.

    q = wire.name("_sip._udp.example.org") + b"\\0\\x21\\0\\1"
    srv = (q[:-4], 33, 1, 300, (10, 60, 5060, wire.name("a.example.org")))
    msg = compose.message(ident, 0x8400, q, [srv])  # QR and AA

A record is (name, type, class, TTL, data), its names bytes or text. Data by type: A 4 bytes or
"192.0.2.1"; NS, CNAME, PTR a name; SOA (mname, rname, serial, refresh, retry, expire, minimum);
TXT a tuple of bytes; SRV (priority, weight, port, target); NAPTR (order, preference, flags,
service, regexp, replacement); AAAA 16 bytes; OPT and any other type the bytes.

Names are compressed where RFC 1035 4.1.4 and RFC 3597 4 allow, as most servers do it: by the
longest suffix written before, in the same case. SRV and NAPTR data are never compressed (RFC
2782, RFC 3403) and no pointer leads there. What cannot be written raises ValueError, and so does
whatever `wire.check` would refuse.
"""

from micropython import const

from . import wire

_A = const(1)
_TXT = const(16)
_ADDITIONAL = const(10)  # where that section's count is
_TC = const(2)  # in the third byte
_REACH = const(0x4000)  # what 14 bits of a pointer can point to

# The data of a type, field by field, see `_fields`; types that are not here are bytes.
_SHAPES = {
    2: "N",  # NS
    5: "N",  # CNAME
    6: "NN44444",  # SOA
    12: "N",  # PTR
    33: "222n",  # SRV
    35: "22sssn",  # NAPTR
}


def message(ident, flags, question, *sections, limit=0):
    """The bytes of a message with one question; the response code is in the flags' low 4 bits.

    `sections`: the records of answer, authority and additional section; those of the end may be
    missing. `limit`: a size in bytes. The first record beyond it and all after it are left out,
    and TC is set unless that leaves out additional ones alone (RFC 2181 9).
    """
    out = bytearray()
    seen = {}
    _fields(out, "22", (ident, flags), seen)
    out += b"\0\1\0\0\0\0\0\0"
    _name(out, question[:-4], seen)
    out += question[-4:]
    at = 6  # where the section's count is
    for section in sections:
        count = 0
        for record in section:
            end = len(out)
            _fields(out, "N224", record, seen)
            start = len(out)
            out += b"\0\0"
            kind = record[1]
            data = record[4]
            shape = _SHAPES.get(kind, "")
            if shape == "N":
                data = (data,)
            elif kind == _TXT:
                shape = "s" * len(data)
            elif kind == _A and isinstance(data, str):
                data = list(map(int, data.split(".")))
                shape = "1" * len(data)
            elif not shape:
                out += data
            _fields(out, shape, data, seen)
            size = len(out) - start - 2
            out[start] = size >> 8
            out[start + 1] = size & 255
            if limit and len(out) > limit:
                limit = 1  # nothing more
                out = out[:end]
                if at < _ADDITIONAL:
                    out[2] |= _TC
            else:
                count += 1
                out[at] = count >> 8
                out[at + 1] = count & 255
        at += 2
    count = wire.check(out)
    if count:
        raise ValueError(count)
    return bytes(out)


def _fields(out, shape, fields, seen):
    """Appends fields: N a name, n one without pointers, s a string, 1 2 4 a number's bytes."""
    for form, field in zip(shape, fields):
        if form in "Nn":
            _name(out, field, seen if form == "N" else {})
        elif form == "s":
            _fields(out, "1", (len(field),), seen)
            out += field
        else:
            size = int(form) * 8
            if field >> size:  # also if it is below 0
                raise ValueError(field)
            while size:
                size -= 8
                out.append(field >> size & 255)


def _name(out, name, seen):
    """Appends a name; `seen`: offsets of names that it may end in, and adds to."""
    if isinstance(name, str):
        name = wire.name(name)
    i = 0
    while i < len(name) and 0 < name[i] < 64:
        rest = name[i:]
        if rest in seen:
            _fields(out, "2", (seen[rest] | 0xC000,), seen)
            return
        if len(out) < _REACH:
            seen[rest] = len(out)
        i += 1 + name[i]
        out += rest[: 1 + rest[0]]
    if name[i:] != b"\0":
        raise ValueError(name)
    out.append(0)
