"""What a response says to a question.

    a = answer.read(msg, question, now)     # one datagram's bytes: an Answer or a negative code
    if isinstance(a, int): ...              # dropped and counted (W1); the query goes on waiting
    elif not a.status: a.records, a.ttl     # found

The caller has matched source address, port and ID (RFC 5452 9.1); here QR, opcode and question
are matched, and only records of the names that the question leads to are believed. Aliases are
followed in whatever order they stand, at most 8 (G11). The authority section is read for denials
alone (RFC 2308), the additional one for `glue` alone (G12).

RFC 1035 4.1, 2308, 5452, 8767 4 (TTLs); G11, G12, G13, W1.
"""

from collections import namedtuple

from micropython import const

from ..clock import later
from .wire import check, expand, skip, ttl, value

# status: one of these, or the response code: 1 FORMERR, 4 NOTIMP, 5 REFUSED ...
FOUND = const(0)
SERVFAIL = const(2)  # also for more than 8 aliases, so for a circle of them (RFC 1034 5.2.2)
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


def read(msg, question, now, exact=False):
    """The Answer to `question` in a response, or a negative code: of wire.check, NO_RESPONSE,
    NO_QUESTION.

    The question's case counts only if `exact` (0x20).
    """
    code = check(msg)
    if code:
        return code
    if not msg.startswith(question, 12) and (
        exact or msg[12 : 12 + len(question)].lower() != question.lower()
    ):
        return NO_QUESTION
    if msg[2] & 0xF8 != 0x80:
        return NO_RESPONSE
    code = msg[3] & 15
    if msg[2] & 2 and (not code or code == NXDOMAIN):
        code = TRUNCATED
    if code and code != NXDOMAIN:
        return made(code, 0, now, [])
    if not (code or question[-4]) and question.endswith(b"\0\1"):
        records = _SLOT * (msg[6] << 8 | msg[7])
        code = _plain(msg, 12 + len(question), question[-3], records)
        if code >= 0:  # a TTL
            return made(FOUND, code, now, records)
    return _chase(msg, question, now)


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


def _chase(msg, question, now):
    """The Answer with aliases to follow, with other records between, or of a denial."""
    status = msg[3] & 15
    name = question[:-4].lower()
    alias = None
    least = _DAY
    for _ in range(_ALIASES + 1):
        records = []
        if not status:
            least = _rrset(msg, _ANSWER, name, question[-4:], records, least)
            if records:
                return made(FOUND, least, now, records, alias)
        least = _rrset(msg, _ANSWER, name, b"\0\5\0\1", records, least)
        if not records:
            break
        name = alias = records[-1].lower()
    else:
        return made(SERVFAIL, 0, now, [])
    least = _rrset(msg, _AUTHORITY, name, b"\0\6\0\1", records, least)
    if records:  # the SOA: its last field is the TTL of a denial
        least = min(least, ttl(records[0], len(records[0]) - 4), _DENIAL)
    elif status or not alias:
        least = 0
    else:
        status = ALIAS
    return made(status or NODATA, least, now, [], alias)


def _rrset(msg, section, name, kind, records, least):
    """Appends to `records` the value of every record of a section with this name and kind.

    `name` is in lower case; in the authority section any zone above it is as good. `kind`: type
    and class, 4 bytes. Returns the smallest of the TTLs and `least`.
    """
    p = skip(msg, 12) + 4
    for at in range(_ANSWER, section + 1, 2):
        for _ in range(msg[at] << 8 | msg[at + 1]):
            start = p
            p = skip(msg, p)
            stop = p + 10 + (msg[p + 8] << 8 | msg[p + 9])
            if at == section and msg.startswith(kind, p):
                owner = expand(msg, start).lower()
                if owner == name or at == _AUTHORITY and name.endswith(owner):
                    records.append(value(msg, p, stop))
                    least = min(least, ttl(msg, p + 4))
            p = stop
    return least


def glue(msg, name, now):
    """The Answer with the additional section's addresses of `name`, in lower case, or None (G12).

    `msg` is one that `read` has answered. Whether that server may speak for `name` is the
    caller's to judge.
    """
    records = []
    least = _rrset(msg, _ADDITIONAL, name, b"\0\1\0\1", records, _DAY)
    return made(FOUND, least, now, records) if records else None
