"""SIP messages: read one datagram (RFC 3261 7, 18.3, 20, 25.1).

    m = Message(data)       # ValueError if it is none
    if m.status == 401 and param(m.get(b"via"), b"branch") == branch: ...

Everything is bytes. A header is found by its long name in lower case, also where it stands in
compact form. A message keeps where its lines begin, and copies only what is asked for.

Read strictly is what decides whom a message concerns and where it ends: the start line, the
empty line, Content-Length, a Via, one From, To, Call-ID and CSeq. The rest is read as leniently
as RFC 4475 wishes: any order and case, folded lines, bare LF, white space around colons, lines
that are no header (passed over). Percent escapes stay as they are. RFC 3261 would have a 400 for
some of what is refused here. It is dropped instead: what makes it bad is mostly what the answer
and its way would have to be made from.

Limits: 1,472 bytes, 64 header lines, numbers up to what the caller states.
"""

from micropython import const

_SIZE = const(1472)  # bytes: what one Ethernet frame carries, and what the socket is asked for
_LINES = const(64)  # header lines
_RETRY_AFTER_MAX_S = const(1 << 29)
_COMMA = const(44)
_COLON = const(58)
_SEMICOLON = const(59)
_LESS = const(60)

# RFC 3261 7.3.3: the letter of a compact form, as a capital, then the name. The letters of headers
# that a phone does not ask for are left out. Where a name is first found must be its own place.
_COMPACT = const(b"Vvia Ffrom Tto Icall-id Mcontact Lcontent-length Ccontent-type Ksupported")


class Message:
    """One message that was read.

    .method       of a request; b"" for a response
    .uri          of a request, as it came
    .version      False for a request of another version than SIP/2.0, to be answered 505
    .status       of a response, 100 to 699; 0 for a request
    .cseq         the number in CSeq
    .cseq_method  the method in CSeq: what a response is the answer to
    .body         as long as Content-Length says, else to the end of the datagram

    ValueError (index() and unpacking raise it, too) is the peer's fault: what came is no SIP
    message, or one that can't be trusted.
    """

    def __init__(self, data):
        if len(data) > _SIZE:
            raise ValueError("a message of %d bytes" % len(data))
        self.data = data
        self.at = []  # where the header lines begin, and the empty line
        end = self._find_lines()
        self._check_headers()
        text, self.cseq_method = self.lines(b"cseq")[0].split()
        self.cseq = number(text, 0x7FFFFFFF)  # RFC 3261 8.1.1.5
        if self.cseq < 0:
            raise ValueError("CSeq is no number")
        # RFC 3261 18.3: without a length the body goes to the end of the datagram; what is more
        # than the length is not read; if it is less, something was lost. Two are no number.
        size = len(data) - end
        found = self.lines(b"content-length")
        if found:
            size = number(b",".join(found), size)
            if size < 0:
                raise ValueError("not as long as Content-Length says")
        self.body = data[end : end + size]
        self.method = self.uri = b""
        self.version = True
        self.status = 0
        if data[:8].upper() == b"SIP/2.0 ":
            self.status = number(data[8:11], 699)
            if self.status < 100 or data[11] > 32:
                raise ValueError("not a status")
        else:
            self.method, self.uri, text = data[: self.at[0]].split()
            text = text.upper()
            self.version = text == b"SIP/2.0"
            if text[:4] != b"SIP/" or self.method != self.cseq_method:
                raise ValueError("not a request of SIP, or another method in CSeq")

    def _find_lines(self):
        """Notes where the header lines begin -> where the body does."""
        data = self.data
        at = self.at
        end = 0
        while True:
            start = end
            end = data.index(b"\n", start) + 1
            # To some readers a lone CR ends a line: it must not pass through us into an answer.
            if data.find(b"\r", start, end - 2) >= 0:
                raise ValueError("CR within a line")
            if start and data[start] not in b" \t":  # else the line before goes on
                at.append(start)
            if data[start] in b"\r\n":
                break
        if len(at) > _LINES + 1:
            raise ValueError("%d header lines" % (len(at) - 1))
        return end

    def _check_headers(self):
        # RFC 4475 3.3.8: one that stands there twice could be read in two ways.
        for name in (b"via", b"from", b"to", b"call-id", b"cseq"):
            count = 0
            for start in self.at:
                count += _value(self.data, start, name) > 0
            if not count or count > 1 and name != b"via":
                raise ValueError("%d header lines %s" % (count, name.decode()))

    def lines(self, name):
        """The value of every header line `name`, unfolded; commas are not looked at."""
        values = []
        start = 0
        for p in self.at:
            if start:
                value = self.data[start:p].strip()
                if b"\n" in value:  # RFC 3261 7.3.1: a fold counts as one space
                    value = b" ".join(map(bytes.strip, value.split(b"\n")))
                values.append(value)
            start = _value(self.data, p, name)
        return values

    def all(self, name):
        """The values of a header that is a list, from all its lines, in their order."""
        return list(filter(None, split(b",".join(self.lines(name)))))

    def get(self, name):
        """The first of all(name); b"" if there is none."""
        for value in self.all(name):
            return value
        return b""


def _value(data, start, name):
    """Where the value begins in the line that begins at `start`; 0 if it is not header `name`."""
    # `& 223` makes a letter a capital, `| 32` makes it lower case.
    if data[start] & 223 == _COMPACT[_COMPACT.find(name) - 1] and data[start + 1] in b": \t":
        start += 1
        name = b""  # the compact form: nothing more is to come but the colon
    for c in name:
        if data[start] | 32 != c:
            return 0
        start += 1
    while data[start] in b" \t":
        start += 1
    return start + 1 if data[start] == _COLON else 0


def number(value, limit):
    """Digits -> int; -1 for anything else or above `limit`. No hostile digits grow a big int."""
    if not value.isdigit():
        return -1
    n = 0
    for c in value:
        n = n * 10 + c - 48
        if n > limit:
            return -1
    return n


def retry_after(message):
    """The seconds of its Retry-After (RFC 3261 20.33), 0 if it has none that can be read."""
    # Perhaps a comment or parameters stand behind them.
    seconds = message.get(b"retry-after").replace(b"(", b";").split(b";")[0].strip()
    return max(number(seconds, _RETRY_AFTER_MAX_S), 0)


def split(value, sep=_COMMA):
    """The parts of a value between every `sep` outside quoted strings and <>, trimmed.

    `sep` is the byte, as a number. A quoted string or <> without an end goes to the end.
    """
    parts = []
    start = i = 0
    while i < len(value):
        if value[i] == sep:
            parts.append(value[start:i].strip())
            start = i + 1
        elif value[i] in b'"<':
            i = _shut(value, i)
        i += 1
    parts.append(value[start:].strip())
    return parts


def param(value, name, sep=_SEMICOLON):
    """Parameter `name` (lower case) of a value: b"" if it has no value itself, None if absent."""
    for part in split(value, sep)[1:]:
        key, _, text = part.partition(b"=")
        if key.strip().lower() == name:
            return unquote(text.strip())
    return None


def uri_of(value):
    """The URI of a From, To, Contact or Route value, in <> or bare; b"" if there is none."""
    for part in split(value, _LESS)[1:]:
        uri, end, _ = part.partition(b">")
        return end and uri
    # What has a quote here has one that never ends (RFC 4475 3.1.2.6).
    return b"" if b'"' in value else split(value, _SEMICOLON)[0]


def unquote(value):
    """What stands between quotes, escapes as they came; a token as it is."""
    return value[1 : _shut(value, 0)] if value[:1] == b'"' else value


def _shut(value, start):
    """Where the quoted string or the <> ends that begins at `start`; if nowhere, the length."""
    end = value[start] | 2  # what " and < become: " and >
    start += 1
    while start < len(value) and value[start] != end:
        start += 1 + (value[start] == 92)  # what is behind a backslash does not end it
    return start
