"""SIP messages: read one datagram (RFC 3261 7, 18.3, 20, 25.1).

    m = Message(data)       # BadMessage if it is none, with the reason
    if m.status == 401 and param(m.get(b"via"), b"branch") == branch: ...

Everything is bytes. A header is found by its long name in lower case, also where it stands in
compact form. A message keeps where its lines begin, and copies only what is asked for.

Read strictly is what decides whom a message concerns and where it ends: the start line, the
empty line, Content-Length, a Via, one From, To, Call-ID and CSeq. The rest is read as leniently
as RFC 4475 wishes: any order and case, folded lines, bare LF, white space around colons, lines
that are no header (passed over), line ends before the start line (7.5). RFC 3261 would have a 400
for some of what is refused here. It is dropped instead: what makes it bad is mostly what the
answer and its way would have to be made from.

A message that is *cut*, since it is longer than what is read, counts by what has arrived: its
start line and the header lines that are whole. It must have a Via and a CSeq.

Limits: 2,800 bytes, 64 header lines, numbers up to what the caller states.
"""

from micropython import const

_SIZE = const(2800)  # bytes: what two Ethernet frames carry, and what the socket is asked for
_LINES = const(64)  # header lines
_RETRY_AFTER_MAX_S = const(3600)  # G15: an hour is the most that counts
_COMMA = const(44)
_COLON = const(58)
_SEMICOLON = const(59)
_LESS = const(60)

# RFC 3261 7.3.3: the letter of a compact form, as a capital, then the name. The letters of headers
# that a phone does not ask for are left out. Where a name is first found must be its own place.
_COMPACT = const(b"Vvia Ffrom Tto Icall-id Mcontact Lcontent-length Ccontent-type Ksupported")


class BadMessage(ValueError):
    """What came is no SIP message, or one that can't be trusted: the peer's fault. Its only
    argument is the reason, one of a few texts."""


class Message:
    """One message that was read.

    .method       of a request; b"" for a response
    .uri          of a request, as it came
    .version      False for a request of another version than SIP/2.0, to be answered 505
    .status       of a response, 100 to 699; 0 for a request
    .cseq         the number in CSeq
    .cseq_method  the method in CSeq: what a response is the answer to
    .body         as long as Content-Length says, else to the end of the datagram; b"" if it is cut
    .cut          is this not all of it?
    .source       the address it came from, set by who received it
    """

    # What most messages do not have costs them no memory so.
    method = uri = b""
    version = True
    status = 0
    cut = False
    source = None

    def __init__(self, data, cut=False):
        if data and data[0] in b"\r\n":
            data = data.lstrip(b"\r\n")
        if cut or len(data) > _SIZE:
            self.cut = True
            data = data[:_SIZE]
        self.data = data
        self.at = []  # where the header lines begin, and the empty line or the piece of a line
        end = self._find_lines()
        if self.cut:
            self.data = data = data + b"\n"  # so that the piece of a line has an end, too
        listed = self._check_headers()
        self._read_cseq()
        self.body = b"" if self.cut else data[end : end + self._body_size(len(data) - end)]
        if data[:8].upper() == b"SIP/2.0 ":
            self.status = number(data[8:11], 699)
            if self.status < 100 or data[11] > 32:
                raise BadMessage("bad status")
            if listed and len(self.all(b"via")) > 1:  # RFC 3261 8.1.3.3
                raise BadMessage("two Vias")
        else:
            words = data[: self.at[0]].split()
            version = words[-1].upper() if len(words) == 3 else b""
            if version[:4] != b"SIP/":
                raise BadMessage("no SIP")
            self.method = words[0]
            self.uri = words[1]
            self.version = version == b"SIP/2.0"
            if self.method != self.cseq_method:
                raise BadMessage("bad CSeq")

    def _read_cseq(self):
        words = self.lines(b"cseq")[0].split()
        if len(words) == 2:
            self.cseq = number(words[0], 0x7FFFFFFF)  # RFC 3261 8.1.1.5
            self.cseq_method = words[1]
        if len(words) != 2 or self.cseq < 0:
            raise BadMessage("bad CSeq")

    def _body_size(self, left):
        """RFC 3261 18.3: without a length the body goes to the end of the datagram; what is more
        than the length is not read; if it is less, something was lost. Two are no number."""
        found = self.lines(b"content-length")
        if not found:
            return left
        size = number(b",".join(found), left)
        if size < 0:
            raise BadMessage("shorter than its Content-Length")
        return size

    def _find_lines(self):
        """Notes where the header lines begin -> where the body does."""
        data = self.data
        at = self.at
        end = 0
        while True:
            start = end
            end = data.find(b"\n", start) + 1
            if not end:
                if not self.cut:
                    raise BadMessage("no end of the headers")
                self._end_cut(start)
                return len(data)
            # To some readers a lone CR ends a line: it must not pass through us into an answer.
            if data.find(b"\r", start, end - 2) >= 0:
                raise BadMessage("CR in a line")
            if start and data[start] not in b" \t":  # else the line before goes on
                at.append(start)
            if data[start] in b"\r\n":
                return end
            if len(at) > _LINES:
                raise BadMessage("too many header lines")

    def _check_headers(self):
        """Are those there that are needed -> might there be several Vias?"""
        # RFC 4475 3.3.8: one that stands there twice could be read in two ways.
        listed = False
        for name in (b"via", b"from", b"to", b"call-id", b"cseq"):
            count = 0
            for i in range(len(self.at) - 1):  # the last is no header line
                if _value(self.data, self.at[i], name):
                    count += 1
                    if name == b"via" and self.data.find(b",", self.at[i], self.at[i + 1]) >= 0:
                        listed = True
            needed = not self.cut or name == b"via" or name == b"cseq"
            if not count and needed or count > 1 and name != b"via":
                raise BadMessage("%s %s" % ("two" if count else "no", name.decode()))
            listed = listed or name == b"via" and count > 1
        return listed

    def _end_cut(self, start):
        """The header lines end where the piece of one begins, at `start`. If it continues the line
        before, that one is not whole, either."""
        if start == 0:
            raise BadMessage("cut in the start line")
        if not (self.at and self.data[start : start + 1] in (b" ", b"\t")):
            self.at.append(start)

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
    n = capped(value, limit + 1)
    return -1 if n > limit else n


def capped(value, limit):
    """Digits -> int, at most `limit`; -1 for anything else."""
    if not value.isdigit():
        return -1
    n = 0
    for c in value:
        n = n * 10 + c - 48
        if n >= limit:
            return limit
    return n


def retry_after(message):
    """The seconds of its Retry-After (RFC 3261 20.33), 0 if it has none that can be read."""
    # Perhaps a comment or parameters stand behind them.
    seconds = message.get(b"retry-after").replace(b"(", b";").split(b";")[0].strip()
    return max(capped(seconds, _RETRY_AFTER_MAX_S), 0)


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


def is_quoted(value):
    """Is it one quoted string, and nothing besides?"""
    return value[:1] == b'"' and len(value) > 1 and _shut(value, 0) == len(value) - 1


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
