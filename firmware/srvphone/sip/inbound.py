"""Requests that come in, answered as RFC 3261 8.2 and 17.2 say, until calls exist (W5).

    inbound = Inbound(desk)
    inbound.receive(request, source)

OPTIONS is answered 200, INVITE 480, CANCEL 200 or 481, a request inside an unknown dialog 481,
anything else 405 with Allow; ACK never. A retransmission gets the answer that the first one got.

Limits: 8 answers kept, each for 64*T1 = 32 s; while all are in use, a new request gets 503 (W9).
RFC 3261 18.2.2, RFC 3581 4.
"""

from micropython import const

from ..clock import diff, later
from .message import number, param

_SIP = const(0)
_ANSWERS = const(8)
_KEEP_MS = const(32000)

_ANSWER = const(
    b"SIP/2.0 %s\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n"
    b"Allow: INVITE, ACK, CANCEL, OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


class Inbound:
    def __init__(self, desk):
        self.desk = desk
        self.answers = {}  # (what a transaction is known by, method) -> (answer, to, its end)

    def receive(self, message, source):
        """Answer a request that `source` sent."""
        desk = self.desk
        answers = self.answers
        method = message.method
        vias = message.all(b"via")
        if method == b"ACK" or not vias:
            return
        via = vias[0]
        values = []
        for name in (b"from", b"to", b"call-id", b"cseq"):
            values += message.lines(name)
        # RFC 3261 17.2.3: without a magic cookie in the branch, it takes all of this.
        key = via, values[2], message.cseq, source
        self.forget_old()
        kept = answers.get((key, method))
        if not kept:
            status = b"405 Not Allowed"
            if method == b"OPTIONS":
                status = b"200 OK"
            if method == b"INVITE":
                status = b"480 Unavailable"
            if param(values[1], b"tag"):
                status = b"481 Unknown"
            else:
                values[1] += b";tag=" + desk.token(6)
            if method == b"CANCEL":
                status = b"200 OK" if (key, b"INVITE") in answers else b"481 Unknown"
            if not message.version:
                status = b"505 Version"
            full = len(answers) >= _ANSWERS
            if full:
                status = b"503 Busy"
                desk.count("sip busy")
            # RFC 3581 4, else RFC 3261 18.2.2: where the answer goes.
            host, port = source
            rport = param(via, b"rport")
            if rport is None:
                port = number(via.split(b";")[0].split(b":")[-1].strip(), 65535)
                if port <= 0:
                    port = 5060
            elif not rport:
                via = via.replace(b";rport", b";rport=%d" % port, 1)
            vias[0] = b"%s;received=%s" % (via, host.encode())
            data = _ANSWER % tuple([status, b"\r\nVia: ".join(vias)] + values)
            kept = data, (host, port), later(desk.now, _KEEP_MS)
            if not full:
                answers[key, method] = kept
        desk.send(_SIP, kept[0], kept[1])

    def forget_old(self):
        for key in list(self.answers):
            if diff(self.desk.now, self.answers[key][2]) >= 0:
                del self.answers[key]
