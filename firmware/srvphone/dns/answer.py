"""What a response says to a question.

    a = answer.read(msg, question, now)     # one datagram's bytes: an Answer or a negative code
    if isinstance(a, int): ...              # dropped and counted (W1); the query goes on waiting
    elif not a.status: a.records, a.ttl     # found

The caller has matched source address, port and ID (RFC 5452 9.1); here QR, opcode and question
are matched, and only records of the names that the question leads to are believed. Aliases are
followed in whatever order they stand, at most 8 (G11). The authority section is read for denials
and referrals alone (RFC 2308 2), the additional one for the OPT's part of the response code, and
for `glue` (G12).

A message that is not sound may say something all the same, see `salvage`: an error code needs no
question section (RFC 1035 4.1.1), and one that ends inside a record is as good as one with TC.
`arrived` is what came of that (G13a).

Bounds (W9): an answer holds about 5.5 KB, counted by `units` for the small integers and 16-byte
blocks of a 32-bit board; of more SRV or NAPTR records those of the lowest numbers stay, of others
the first. Work: the sections are walked once, without following pointers; of aliases the first 9
of the message are read; a record's owner is compared twice at most, which is two bytes read a byte
of the message each (`wire.check` has seen to that), and `glue` reads 32 addresses.

RFC 1035 4.1, 2308, 5452, 6891 6.1.3, 8767 4 (TTLs); G11, G12, G13, G13a, W1, W9.
"""

from collections import namedtuple

from micropython import const

from ..clock import later
from .wire import check, expand, same, skip, ttl, value

# status: one of these, or the response code: 1 FORMERR, 4 NOTIMP, 5 REFUSED ...
FOUND = const(0)
SERVFAIL = const(2)  # also for more than 8 aliases, so for a circle of them (RFC 1034 5.2.2); for
# a referral, since that server does not look for us (RFC 2308 2.2); for extended response codes
NXDOMAIN = const(3)  # there is no such name
NODATA = const(16)  # it exists, without such records
TRUNCATED = const(17)  # ask again over TCP (RFC 7766)
ALIAS = const(18)  # an alias for `alias`, of which the message says nothing: ask for that

# ttl: seconds, 0 = use once, do not keep; expires: that as a time (clock.later). records: a list
# as in the message: A "192.168.10.13", SRV (priority, weight, port, target), NAPTR (order,
# preference, flags, service, regexp, replacement), see wire.value. Targets have the message's
# case. alias: the name that the last alias leads to, in lower case; None without aliases.
Answer = namedtuple("Answer", ["status", "ttl", "expires", "records", "alias"])

# Instead of an Answer, beside the codes of wire.check.
NO_RESPONSE = const(-10)  # not a response to a query: QR is 0, or the opcode is not
NO_QUESTION = const(-11)  # a response to another question

_SLOT = [None]  # times a count: a list with room for so many
_ALIASES = const(8)  # G11
_IN = const(1)
_ANSWER = const(6)  # a section is known by the offset of its count
_AUTHORITY = const(8)
_ADDITIONAL = const(10)
_DAY = const(86400)  # G13
_DENIAL = const(10800)  # RFC 2308 5: a denial is kept for 3 hours at most
_SRV = const(33)
_NAPTR = const(35)

# Type and class, as they stand behind an owner name.
_A_IN = const(b"\0\1\0\1")
_NS_IN = const(b"\0\2\0\1")
_CNAME_IN = const(b"\0\5\0\1")
_SOA_IN = const(b"\0\6\0\1")
_OPT_TYPE = const(b"\0\x29")

# W9. Above these, records are counted before they are read.
_PLAIN_RECORDS = const(16)
_PLAIN_BYTES = const(1232)
_ANSWER_UNITS = const(172)  # of 32 bytes: what the records of an answer hold at the most
_GLUE = const(32)  # addresses of the additional section that are looked at


def read(msg, question, now, exact=False, report=None):
    """The Answer to `question` in a response, or a negative code: of wire.check, NO_RESPONSE,
    NO_QUESTION.

    The question's case counts only if `exact` (0x20). report(count) is told of records that were
    left out, since the answer would hold too much.
    """
    code = check(msg)
    if code:
        return code
    if not msg.startswith(question, 12) and not _asks(msg, question, exact):
        return NO_QUESTION
    if msg[2] & 0xF8 != 0x80:
        return NO_RESPONSE
    code = msg[3] & 15
    if msg[2] & 2 and (not code or code == NXDOMAIN):
        code = TRUNCATED
    if code and code != NXDOMAIN:
        return made(code, 0, now, [])
    return _records(msg, question, now, report)


def _records(msg, question, now, report):
    """The Answer of a message that has one, or a denial. On its own since a frame of more than
    eleven words, as `read` would have, is taken from the heap."""
    if (
        not (msg[3] & 15 or question[-4] or msg[6])
        and msg[7] <= _PLAIN_RECORDS
        and question.endswith(b"\0\1")
        and len(msg) <= _PLAIN_BYTES
    ):
        records = _SLOT * msg[7]
        least = _plain(msg, 12 + len(question), question[-3], records)
        if least >= 0:
            return made(FOUND, least, now, records)
    return _chase(msg, question, now, report)


def _asks(msg, question, exact):
    """Is this the question of a message, whose case may differ?"""
    return not exact and msg[12 : 12 + len(question)].lower() == question.lower()


def salvage(msg, question, now, exact=False):
    """The Answer of a message that `wire.check` refuses, None if it says nothing (G13a): an error
    code, or TRUNCATED if it ends inside a record."""
    if len(msg) < 12 or msg[2] & 0xF8 != 0x80:
        return None
    code = msg[3] & 15
    if len(msg) == 12 or not (msg[4] or msg[5]):  # no question section: an error, or nothing
        if not code and msg.startswith(b"\0" + _OPT_TYPE, 12) and len(msg) > 17:
            code = msg[17]  # BADVERS: the upper 8 bits of 12 (RFC 6891 6.1.3)
            return made(SERVFAIL, 0, now, []) if code else None
        if code == NXDOMAIN:
            code = SERVFAIL  # it does not say of what
    elif not msg.startswith(question, 12) and not _asks(msg, question, exact):
        return None
    elif not code or code == NXDOMAIN:
        code = TRUNCATED if _whole(msg, question) else 0
    return made(code, 0, now, []) if code else None


def _whole(msg, question):
    """A message that ends inside a record, up to that record; None if it does not, or is not
    sound as far as that."""
    head = bytearray(msg[:12])
    p = 12 + len(question)
    for at in (_ANSWER, _AUTHORITY, _ADDITIONAL):
        count = 0
        for _ in range(msg[at] << 8 | msg[at + 1]):
            stop = _past(msg, p)
            if not stop:
                break
            p = stop
            count += 1
        head[at] = count >> 8
        head[at + 1] = count & 255
    if head == msg[:12]:
        return None
    msg = bytes(head) + msg[12:p]
    return None if check(msg) else msg


def _past(msg, p):
    """Past the record at p in an unchecked message; 0 if it is not there as a whole."""
    end = len(msg)
    while p < end and 0 < msg[p] < 64:
        p += msg[p] + 1
    if p >= end:
        return 0
    p += 12 if msg[p] else 11
    if p <= end:
        p += msg[p - 2] << 8 | msg[p - 1]
    return p if p <= end else 0


def arrived(msg, question, now):
    """Of a cut message (TRUNCATED): the Answer of what arrived whole, None if that is nothing."""
    msg = _whole(msg, question) or msg
    if not check(msg):
        answer = _chase(msg, question, now, None)
        if answer.records or answer.status == ALIAS:
            return answer
    return None


def made(status, ttl, now, records, alias=None):
    return Answer(status, ttl, later(now, ttl * 1000), records, alias)


def _plain(msg, p, kind, records):
    """Reads an answer as most are: every record has the question's name, type and class IN.

    `records` has room for each. Returns their smallest TTL; -1 if there is none, or another one
    among them: then `_chase` has to look. Eleven words of state and no object but the values:
    this is the way of every look-up.
    """
    least = _DAY
    place = -len(records)  # in `records`, from its end
    while place:
        if (
            msg[p] != 0xC0
            or msg[p + 1] != 12
            or msg[p + 2]
            or msg[p + 3] != kind
            or msg[p + 4]
            or msg[p + 5] != _IN
        ):
            return -1
        if (msg[p + 7] << 16 | msg[p + 8] << 8 | msg[p + 9]) < least and not msg[p + 6]:
            least = msg[p + 7] << 16 | msg[p + 8] << 8 | msg[p + 9]
        stop = msg[p + 10] << 8 | msg[p + 11]
        stop += p + 12
        records[place] = value(msg, p + 2, stop)
        place += 1
        p = stop
    return least if records else -1


def _chase(msg, question, now, report):
    """The Answer with aliases to follow, with other records between, or of a denial."""
    status = msg[3] & 15
    name = question[:-4].lower()
    rows = []
    aliases = []
    soa, referral, high = _pass(msg, question, rows, aliases)
    if high:
        return made(SERVFAIL, 0, now, [])
    found = [] if status else _owned(msg, rows, name)
    alias = None
    least = _DAY
    if not found:
        for _ in range(_ALIASES + 1):
            p = 0
            for owner, at in aliases:
                if owner == name:
                    p = at
            if not p:
                break
            least = min(least, ttl(msg, p + 4))
            name = alias = expand(msg, p + 10).lower()
        else:
            return made(SERVFAIL, 0, now, [])
        if alias and not status:
            found = _owned(msg, rows, name)
    if found:
        records, least = _values(msg, found, least, report)
        return made(FOUND, least, now, records, alias)
    if soa and name.endswith(expand(msg, soa).lower()):
        p = skip(msg, soa)
        stop = p + 10 + (msg[p + 8] << 8 | msg[p + 9])
        least = min(least, ttl(msg, p + 4), ttl(msg, stop - 4), _DENIAL)
    elif status:
        least = 0
    elif alias:
        status = ALIAS
    elif referral:
        status = SERVFAIL  # RFC 2308 2.2: it knows who knows
        least = 0
    else:
        least = 0
    return made(status or NODATA, least, now, [], alias)


def _pass(msg, question, rows, aliases):
    """Once over all records: (the SOA's offset in the authority section, 0 if there is none; are
    there NS records, the OPT's part of the response code).

    rows: is filled with the offsets of the answer section's records of the question's type;
    aliases: with [(owner in lower case, offset of its type), ...].
    """
    soa = referral = high = 0
    p = 12 + len(question)
    kind = question[-4:]
    for at in (_ANSWER, _AUTHORITY, _ADDITIONAL):
        for _ in range(msg[at] << 8 | msg[at + 1]):
            start = p
            p = skip(msg, p)
            if at == _ANSWER:
                if msg.startswith(kind, p):
                    rows.append(start)
                elif msg.startswith(_CNAME_IN, p) and len(aliases) <= _ALIASES:
                    aliases.append((expand(msg, start).lower(), p))
            elif at == _ADDITIONAL:
                if msg.startswith(_OPT_TYPE, p):
                    high = msg[p + 4]
            elif msg.startswith(_SOA_IN, p):
                soa = soa or start
            elif msg.startswith(_NS_IN, p):
                referral = 1
            p += 10 + (msg[p + 8] << 8 | msg[p + 9])
    return soa, referral, high


def _owned(msg, rows, name):
    """Those of the records, known by their offsets, whose owner is `name`, in lower case."""
    found = []
    asked = same(msg, 12, name)  # the question's name: most owners are a pointer to it
    for p in rows:
        if asked if msg[p] == 0xC0 and msg[p + 1] == 12 else same(msg, p, name):
            found.append(p)
    return found


def _values(msg, rows, least, report):
    """([the values of the records that an answer may hold], the smallest of their TTLs and
    `least`)."""
    records = []
    left = _ANSWER_UNITS
    for start in rows:
        p = skip(msg, start)
        record = value(msg, p, p + 10 + (msg[p + 8] << 8 | msg[p + 9]))
        left -= units([record])
        if left < 0:
            break
        records.append(record)
        least = min(least, ttl(msg, p + 4))
    else:
        return records, least
    ordered = rows
    if not msg[p] and msg[p + 1] in (_SRV, _NAPTR):
        ordered = _by_number(msg, rows)
    if ordered != rows:
        return _values(msg, ordered, least, report)
    if report:
        report(len(rows) - len(records))
    return records, least


def _by_number(msg, rows):
    """The SRV or NAPTR records by priority or order, equals as they stood."""
    keys = []
    for i, start in enumerate(rows):
        p = skip(msg, start) + 10
        keys.append((msg[p] << 8 | msg[p + 1]) << 13 | i)
    return [rows[key & 0x1FFF] for key in sorted(keys)]


def units(records, size=0, alias=None):
    """How much of a 32-bit board's heap the values of records of one type hold at the most, in
    units of 32 bytes, with their places in a list; and what an alias holds, and `size` more."""
    if alias:
        size += (len(alias) >> 5) + 1
    if not records:
        return size
    size += 3 * len(records)
    first = records[0]
    if isinstance(first, tuple):
        if len(first) == 4:  # SRV
            for record in records:
                size += len(record[3]) >> 5
        else:  # NAPTR
            size += 3 * len(records)
            for record in records:
                size += len(record[2]) + len(record[3]) + len(record[4]) + len(record[5]) >> 5
    elif isinstance(first, bytes):
        for record in records:
            size += len(record) >> 5
    return size


def addresses(msg):
    """[(owner in lower case, offset), ...] of the additional section's addresses, for `glue`."""
    rows = []
    p = skip(msg, 12) + 4
    for at in (_ANSWER, _AUTHORITY, _ADDITIONAL):
        for _ in range(msg[at] << 8 | msg[at + 1]):
            start = p
            p = skip(msg, p)
            if at == _ADDITIONAL and msg.startswith(_A_IN, p) and len(rows) < _GLUE:
                rows.append((expand(msg, start).lower(), start))
            p += 10 + (msg[p + 8] << 8 | msg[p + 9])
    return rows


def glue(msg, name, now, rows=None):
    """The Answer with the additional section's addresses of `name`, in lower case, or None (G12).

    `msg` is one that `read` has answered; rows: its `addresses`, if they are at hand. Whether that
    server may speak for `name` is the caller's to judge.
    """
    if rows is None:
        rows = addresses(msg)
    found = [start for owner, start in rows if owner == name]
    if not found:
        return None
    records, least = _values(msg, found, _DAY, None)
    return made(FOUND, least, now, records)
