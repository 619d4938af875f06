"""Requests that come in, answered as RFC 3261 8.2 and 17.2 say (W5).

    server = Server(core)
    server.receive(request, source)

Who answers which method stands in one table; until calls exist INVITE is 480. A request inside a
dialog that is not known is answered 481, a method that is not in the table 405 with Allow, a
Request-URI of a scheme that is not known 416, an extension that is required 420 with Unsupported;
ACK never. Of a request that is cut, INVITE and OPTIONS are answered 513, the rest is dropped. A
retransmission gets the answer that the first one got.

Limits: 8 answers kept, each for 64*T1 = 32 s; while all are in use, a new request gets 503 (W9).
RFC 3261 8.2, 18.2.1, 18.2.2; RFC 3581 4.
"""

from micropython import const

from ..clock import diff, later
from .message import number, param, split

_SIP = const(0)
_ANSWERS = const(8)
_KEEP_MS = const(32000)
_PORT = const(5060)  # where a Via names none (RFC 3261 18.2.2)

_TEMPLATE = const(
    b"SIP/2.0 %s\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n"
    b"Allow: %s\r\n%sContent-Length: 0\r\n\r\n"
)
_SEMICOLON = const(59)
_STATUS_OK = const(b"200 OK")
_NOT_ALLOWED = const(b"405 Not Allowed")
_UNKNOWN_SCHEME = const(b"416 Unsupported URI Scheme")
_BAD_EXTENSION = const(b"420 Bad Extension")
_UNAVAILABLE = const(b"480 Unavailable")
_UNKNOWN = const(b"481 Unknown")
_BUSY = const(b"503 Busy")
_OTHER_VERSION = const(b"505 Version")
_TOO_LARGE = const(b"513 Message Too Large")


class Server:
    def __init__(self, core):
        self.core = core
        self.answers = {}  # (what a transaction is known by, method) -> (answer, to, its end)
        # Who answers which method, in Allow's order; None: nobody does.
        self.methods = (
            (b"INVITE", self._invite),
            (b"ACK", None),
            (b"CANCEL", self._cancel),
            (b"OPTIONS", self._options),
        )

    # Who answers: (what the transaction is known by, is it inside a dialog?) -> the status.

    def _invite(self, key, in_dialog):
        return _UNKNOWN if in_dialog else _UNAVAILABLE

    def _cancel(self, key, in_dialog):
        """RFC 3261 9.2: there is something to cancel if its INVITE is known."""
        return _STATUS_OK if (key, b"INVITE") in self.answers else _UNKNOWN

    def _options(self, key, in_dialog):
        return _UNKNOWN if in_dialog else _STATUS_OK

    def _other(self, key, in_dialog):
        return _UNKNOWN if in_dialog else _NOT_ALLOWED

    # What comes in.

    def receive(self, message, source):
        """Answer a request that `source` sent; what is wrong with it, if it has to be dropped."""
        vias = message.all(b"via")
        values = []
        for name in (b"from", b"to", b"call-id", b"cseq"):
            values += message.lines(name)
        if message.method == b"ACK":
            return None
        if not vias or len(values) < 4:
            return "cut" if message.cut else "no via"
        if message.cut and message.method not in (b"INVITE", b"OPTIONS"):
            return "cut"
        # RFC 3261 17.2.3: without a magic cookie in the branch, it takes all of this.
        key = vias[0], values[2], message.cseq, source
        self.forget_old()
        kept = self.answers.get((key, message.method))
        if not kept:
            in_dialog = bool(param(values[1], b"tag"))
            if not in_dialog:
                values[1] += b";tag=" + self.core.token_hex(6)
            status = self._status(message, key, in_dialog)
            more = b""
            if status == _BAD_EXTENSION:
                more = b"Unsupported: %s\r\n" % b", ".join(message.all(b"require"))
            kept = self._answer(status, vias, values, source, more)
            if status != _BUSY:
                self.answers[key, message.method] = kept
        self.core.send(_SIP, kept[0], kept[1])
        return None

    def _status(self, message, key, in_dialog):
        """RFC 3261 8.2, in its order."""
        if len(self.answers) >= _ANSWERS:
            self.core.count("sip busy")
            return _BUSY
        if message.cut:
            return _TOO_LARGE
        if not message.version:
            return _OTHER_VERSION
        answer = self._other
        for method, own in self.methods:
            if method == message.method:
                answer = own
        status = answer(key, in_dialog)
        if status == _NOT_ALLOWED or message.method == b"CANCEL":
            return status
        if message.uri.partition(b":")[0].lower() not in (b"sip", b"sips"):
            return _UNKNOWN_SCHEME
        return _BAD_EXTENSION if message.all(b"require") else status

    def _answer(self, status, vias, values, source, more):
        """(the datagram, where it goes, until when it is kept)."""
        vias[0], port = _received(vias[0], source)
        allow = b", ".join([method for method, _ in self.methods])
        data = _TEMPLATE % tuple([status, b"\r\nVia: ".join(vias)] + values + [allow, more])
        return data, (source[0], port), later(self.core.now, _KEEP_MS)

    def forget_old(self):
        """Drop answers whose time is over; call it once in 6 days at least."""
        for key in list(self.answers):
            if diff(self.core.now, self.answers[key][2]) >= 0:
                del self.answers[key]


def _received(via, source):
    """(the top Via as the answer has it, the port where the answer goes): RFC 3261 18.2.1 and
    18.2.2, RFC 3581 4. What it says of `received` and `rport` itself does not count."""
    host, port = source
    parts = split(via, _SEMICOLON)
    out = parts[0]
    asked = False
    for part in parts[1:]:
        name = part.partition(b"=")[0].strip().lower()
        if name == b"rport" and not asked:
            asked = True
            out += b";rport=%d" % port
        elif name not in (b"rport", b"received"):
            out += b";" + part
    if not asked:
        port = number(parts[0].split(b":")[-1].strip(), 65535)
        if port <= 0:
            port = _PORT
    return b"%s;received=%s" % (out, host.encode()), port
