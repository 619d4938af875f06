"""Whole DNS messages from records: what a server says. The phone itself does not load this.

    q = wire.name("_mqtt._tcp.example.org") + b"\\0\\x21\\0\\1"
    srv = (q[:-4], 33, 1, 300, (10, 60, 1883, wire.name("a.example.org")))
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

from . import wire

# What is wrong with a message that wire.check refuses.
_FAULTS = {
    wire.SHORT: "a question or a record's data ends inside a field, a name or a string",
    wire.COUNT: "more records than a message can hold",
    wire.LABEL: "a label that is longer than 63 bytes",
    wire.POINTER: "a pointer to where no name stands",
    wire.NAME: "a name of more than 255 bytes",
    wire.RDATA: "a record whose data is not as long as its type says",
    wire.NOT_ROOT: "an OPT record whose owner is not the root",
    wire.TRAILING: "more than 65,535 bytes in all",
    wire.WORK: "too many names that are pointers",
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
            shape = {  # of a type's data, see `_fields`; other types are bytes
                2: "N",  # NS
                5: "N",  # CNAME
                6: "NN44444",  # SOA
                12: "N",  # PTR
                33: "222n",  # SRV
                35: "22sssn",  # NAPTR
            }.get(kind, "")
            if shape == "N":
                data = (data,)
            elif kind == 16:  # TXT
                shape = "s" * len(data)
            elif not shape:
                out += _address(data) if isinstance(data, str) else data
            _fields(out, shape, data, seen)
            size = len(out) - start - 2
            out[start] = size >> 8
            out[start + 1] = size & 255
            if limit and len(out) > limit:
                limit = 1  # nothing more
                out = out[:end]
                if at < 10:  # not of the additional section
                    out[2] |= 2  # TC
            else:
                count += 1
                out[at] = count >> 8
                out[at + 1] = count & 255
        at += 2
    code = wire.check(out)
    if code:
        raise ValueError(_FAULTS[code])
    return bytes(out)


def _address(text):
    """The bytes of an A record's data."""
    try:
        return bytes(map(int, text.split(".")))
    except ValueError:
        raise ValueError("%r is no IPv4 address" % text)


def _fields(out, shape, fields, seen):
    """Appends fields: N a name, n one without pointers, s a string, 1 2 4 a number's bytes."""
    for form, field in zip(shape, fields):
        if form in "Nn":
            _name(out, field, seen if form == "N" else {})
        elif form == "s":
            _fields(out, "1", (len(field),), seen)
            out += field
        else:
            size = int(form)
            if field >> size * 8:  # also if it is below 0
                raise ValueError("%d is no number of %d bits" % (field, size * 8))
            out += field.to_bytes(size, "big")


def _name(out, name, seen):
    """Appends a name; `seen`: offsets of names that it may end in, and adds to."""
    if isinstance(name, str):
        name = wire.name(name)
    rest = name
    while rest and 0 < rest[0] < 64:
        if rest in seen:
            _fields(out, "2", (seen[rest] | 0xC000,), seen)
            return
        if len(out) < 0x4000:  # what 14 bits of a pointer can point to
            seen[rest] = len(out)
        size = rest[0] + 1
        out += rest[:size]
        rest = rest[size:]
    if rest != b"\0":
        raise ValueError("%r is no uncompressed name with its final zero" % name)
    out += rest
