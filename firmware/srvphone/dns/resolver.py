"""One question -> one answer: servers, retries, TCP, aliases, the cache (rules G11 to G13a).

    answer = yield from resolver.ask(question)     # in a flow
    resolver.receive(data, source)                 # from the shell, by way of the phone

The Answer's `records` are a list; of a denial (NXDOMAIN, NODATA) an empty one; None if DNS does
not say: then `status` is FORMERR, NOTIMP or REFUSED if every server said so, else SERVFAIL, which
stands for silence too.

One question is under way at a time, since a board has three UDP sockets in all; the others wait,
16 of them in all, and two flows with the same question share it. A flow of the resolver's own
asks them. Each send has a new random ID and a new random source port (RFC 5452); an answer counts
only if ID, name, type, class and the server's address and port are those of the last send. What
does not fit is counted and dropped, and the question goes on waiting (W1). A server that needs
more than a second is heard all the same: the last send has 4 s, with one server alone 6 s. TCP
has 3 s, an answer over it at most 4,096 bytes; then it is the next server's turn.
RFC 1035, 5452, 6891, 7766, 9520.
"""

from micropython import const

from ..clock import diff, later
from . import wire
from .answer import Answer, glue, made, read
from .cache import Cache

_DNS = const(1)  # channels of the desk
_TCP = const(2)
_OPENED = const(0)  # what a TCP stream did
_DATA = const(1)

_WAITS_S = const(b"\1\1\2\4")  # after the 1st, 2nd, 3rd and 4th send (G13a)
_SENDS_MAX = const(4)
_GIVE_UP_MS = const(8000)
_TCP_MS = const(3000)
_SENDS = const(3)  # to one server at the most (RFC 9520 3.1)
_USELESS = const(4)  # instead of a number of sends: it refused
_QUEUE = const(16)
_ALIASES = const(8)
_TCP_BYTES = const(4096)
_EDNS_BYTES = const(1232)
_SRV = const(33)

# Status of an Answer.
_SERVFAIL = const(2)
_TRUNCATED = const(17)
_ALIAS = const(18)
_NOBODY = const(19)  # the server could not be reached, or not over TCP
_SAYS = const(b"\0\3\x10\x12")  # FOUND, NXDOMAIN, NODATA, ALIAS: the server knows
_NO = const(b"\1\4\5")  # FORMERR, NOTIMP, REFUSED: it will never answer this question

NOBODY = made(_NOBODY, 0, 0, None)


class Query:
    question: bytes
    flows: "list"  # that wait for it; if none is left, it is given up
    answer = None  # until it is over


class Resolver:
    best = 0  # the server that answered last, as its place in `servers`
    flow = None  # that asks `queries[0]`
    peer = None  # the server it asked last; None if there is no query
    tcp = None  # the bytes of a TCP answer so far

    def __init__(self, desk, settings):
        """settings: has dns_servers, [(address, port), ...], which may change for the next query,
        and the flags edns0, dns_0x20 and use_glue."""
        self.desk = desk
        self.settings = settings
        self.cache = Cache()
        self.queries = []

    def ask(self, question):
        """In a flow: `answer = yield from resolver.ask(question)`.

        CNAMEs are followed (G11): `alias` is the last one, `ttl` and `expires` are of the RRset of
        the chain that ends first.
        """
        desk = self.desk
        first = alias = None
        for _ in range(_ALIASES + 1):
            answer = self.cache.get(question, desk.now)
            if not answer:
                for query in self.queries:
                    if query.question == question:
                        break
                else:
                    if len(self.queries) >= _QUEUE:
                        desk.count("dns queue full")
                        break
                    query = Query()
                    query.question = question
                    query.flows = []
                    if not self.queries:
                        self.flow = desk.spawn(self._work())
                    self.queries.append(query)
                flow = desk.flow
                query.flows.append(flow)
                try:
                    while not query.answer:
                        yield None
                finally:
                    query.flows.remove(flow)
                    desk.post(self.flow, None)
                answer = query.answer
            if not first or diff(answer.expires, first.expires) < 0:
                first = answer
            alias = answer.alias or alias
            if answer.status != _ALIAS:
                return Answer(answer.status, first.ttl, first.expires, answer.records, alias)
            question = alias + question[-4:]
        return made(_SERVFAIL, 0, desk.now, None)

    # The flow that asks.

    def _work(self):
        """One question after the other, until none is left."""
        try:
            while self.queries:
                query = self.queries[0]
                query.answer = yield from self._resolve(query)
                del self.queries[0]
                for flow in query.flows:
                    self.desk.post(flow, query)
        finally:
            self.queries.clear()
            self.peer = None
            self.desk.send(_DNS, None, None)

    def _resolve(self, query):
        """Ask one server after the other until one answers (G13a)."""
        desk = self.desk
        servers = tuple(self.settings.dns_servers)
        self.end = later(desk.now, _GIVE_UP_MS)
        opt = self.settings.edns0 and _EDNS_BYTES
        sends = bytearray(len(servers))
        slot = 0  # the place in _WAITS_S
        status = 0  # the RCODE that stands for what the servers said, once each is useless
        at = self.best - 1
        while servers and min(sends) < _USELESS:
            if not query.flows:
                return None
            ms = _GIVE_UP_MS
            for _ in servers:
                at = (at + 1) % len(servers)
                if sends[at] < _SENDS and slot < _SENDS_MAX:
                    self.peer = servers[at]
                    self._send(query.question, opt)
                    ms = _WAITS_S[slot] * 1000
                    sends[at] += 1
                    slot += 1
                    break
            answer = yield from self._wait(query, ms)
            if answer and answer.status == _TRUNCATED:
                self.tcp = b""
                self._send(None, 0)
                try:
                    answer = (yield from self._wait(query, _TCP_MS)) or NOBODY
                finally:
                    self.tcp = None
                    desk.send(_TCP, None, None)
            if not answer:
                if diff(desk.now, self.end) < 0:
                    continue
                status = _SERVFAIL
                break
            if answer.status in _SAYS:
                self.best = at
                self.cache.put(query.question, answer)
                return answer
            slot -= 1
            if opt and answer.status != _NOBODY:
                opt = 0  # RFC 6891 7: once more without OPT, to the same
                sends[at] -= 1
                at -= 1
            else:
                sends[at] = _USELESS
                if status != _SERVFAIL:
                    status = answer.status if answer.status in _NO else _SERVFAIL
        rule = "W6"  # no server: that may change at any time
        answer = made(_SERVFAIL, 0, desk.now, None)
        if servers:
            rule = "G13a"
            answer = self.cache.failed(query.question, status, desk.now)
        desk.note(rule, "no-answer", wire.text(query.question[:-4]))
        return answer

    def _wait(self, query, ms):
        """The Answer that comes within so many ms, but before the query ends, or None."""
        desk = self.desk
        due = later(desk.now, ms)
        if diff(due, self.end) > 0:
            due = self.end
        answer = None
        while not answer and query.flows and diff(desk.now, due) < 0:
            answer = yield due
        return answer

    def _send(self, question, opt):
        """Send a question; None: the last one once more, over TCP."""
        desk = self.desk
        below = desk.below
        if question:
            asked = bytearray(question)
            if self.settings.dns_0x20:  # letters in random case, and so they are in the answer
                for i in range(len(asked) - 4):
                    if 97 <= asked[i] <= 122 and below(2):
                        asked[i] -= 32
            self.asked = bytes(asked)
        data = wire.query(below(65536), self.asked, opt)
        self.ident = data[:2]
        if question:
            desk.send(_DNS, data, self.peer, 16384 + below(49152))
        else:
            desk.send(_TCP, len(data).to_bytes(2, "big") + data, self.peer)

    # What comes in.

    def receive(self, data, source):
        """A datagram on the DNS socket."""
        if source == self.peer and self.tcp is None:
            answer = self._read(data)
            if answer:
                self.desk.post(self.flow, answer)
                return
        self.desk.count("dns dropped")

    def _read(self, data):
        """The Answer in a message, or None if it is not one to what was asked last."""
        if data.startswith(self.ident):
            now = self.desk.now
            answer = read(data, self.asked, now, self.settings.dns_0x20)
            if not isinstance(answer, int):
                if self.settings.use_glue and self.asked[-3] == _SRV:  # G12
                    for record in answer.records:
                        name = record[3].lower()
                        found = glue(data, name, now)
                        if found:
                            self.cache.put(name + b"\0\1\0\1", found)
                return answer
        return None

    def stream(self, event, data):
        """What the TCP stream to the server did (RFC 7766: two bytes of length come first)."""
        if self.tcp is None or event == _OPENED:  # or 2, closed
            return
        answer = None
        if event == _DATA:
            self.tcp = data = self.tcp + data
            if len(data) < 2:
                return
            size = data[0] << 8 | data[1]
            if size <= _TCP_BYTES:
                data = data[2 : size + 2]
                if len(data) < size:
                    return
                answer = self._read(data)
        self.desk.post(self.flow, answer or NOBODY)

    def failed(self, peer):
        """The network says that what was sent reached nobody (refused, unreachable)."""
        if self.peer and peer in (None, self.peer):
            self.desk.post(self.flow, NOBODY)
