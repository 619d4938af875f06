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
from ..desk import SIP
from .message import number, param

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

    def receive(self, request, source):
        """Answer a request that `source` sent."""
        desk = self.desk
        answers = self.answers
        method = request.method
        vias = request.all(b"via")
        if method == b"ACK" or not vias:
            return
        # RFC 3261 17.2.3: without a magic cookie in the branch, it takes all of this.
        cseq = request.get(b"cseq").split()[0]
        key = vias[0], request.get(b"call-id"), cseq, source
        self.forget_old()
        kept = answers.get((key, method))
        if not kept:
            full = len(answers) >= _ANSWERS
            status = b"481 Call/Transaction Does Not Exist"
            if full:
                status = b"503 Service Unavailable"
                desk.count("sip answers full")
            elif not request.version:
                status = b"505 Version Not Supported"
            elif method == b"CANCEL":
                if (key, b"INVITE") in answers:
                    status = b"200 OK"
            elif not param(request.get(b"to"), b"tag"):
                status = {b"OPTIONS": b"200 OK", b"INVITE": b"480 Temporarily Unavailable"}.get(
                    method, b"405 Method Not Allowed"
                )
            kept = self._answer(request, vias, source, status)
            if not full:
                answers[key, method] = kept
        desk.send(SIP, kept[0], kept[1])

    def _answer(self, request, vias, source, status):
        """(the response, where it goes, when it is forgotten)."""
        host, port = source
        via = vias[0]
        rport = param(via, b"rport")
        if rport is None:
            port = number(via.split(b";")[0].partition(b":")[2].strip(), 65535)
            port = port if port > 0 else 5060
        elif not rport:
            via = via.replace(b";rport", b";rport=%d" % port, 1)
        vias[0] = b"%s;received=%s" % (via, host.encode())
        values = [status, b"\r\nVia: ".join(vias)]
        for name in (b"from", b"to", b"call-id", b"cseq"):
            values += request.lines(name)
        if not param(values[3], b"tag"):
            values[3] += b";tag=" + self.desk.chance.token(6)
        return _ANSWER % tuple(values), (host, port), later(self.desk.now, _KEEP_MS)

    def forget_old(self):
        for key in list(self.answers):
            if diff(self.desk.now, self.answers[key][2]) >= 0:
                del self.answers[key]
