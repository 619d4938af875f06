"""One question -> one answer: servers, retries, TCP, aliases, the cache (rules G11 to G13a).

    answer = yield from resolver.ask(question)     # in a task
    lookup = Lookup(core.now)                      # of several questions: bounds for all of them
    answer = yield from resolver.ask(question, lookup)
    resolver.use([("192.168.10.10", 53)])          # from now on; the settings' servers before

The Answer's `records` are a list; of a denial (NXDOMAIN, NODATA) an empty one; None if DNS does
not say: then `status` is FORMERR, NOTIMP or REFUSED if every server said so, else SERVFAIL, which
stands for silence too. What a Lookup has no room for any more is answered with SERVFAIL and an
empty list: it was not asked.

One question is under way at a time, since a board has three UDP sockets in all; the others wait,
16 of them in all, and two tasks with the same question share it. A task of the resolver's own asks
them; should it end for want of memory, those that wait are told so. Each send has a new random ID
and a new random source port (RFC 5452); an answer counts only if ID, name, type, class and the
server's address and port are those of the last send. What does not fit is dropped, counted and
named with its reason, and the question goes on waiting (W1); but an error code needs no question,
and what was cut is asked for anew over TCP (G13a). A server that needs more than a second is heard
all the same: the last send has 4 s, with one server alone 6 s. TCP has 3 s, an answer over it at
most 4,096 bytes; else what arrived whole over UDP is used, and if that is nothing, it is the next
server's turn. Addresses of the Additional section (G12) are given to the look-ups that asked, and
to nobody else (RFC 2181 5.4.1).
RFC 1035, 2181, 5452, 6891, 7766, 9520.
"""

from micropython import const

from ..clock import diff, later
from . import wire
from .answer import NO_QUESTION, NO_RESPONSE, Answer, addresses, arrived, glue, made, read, salvage
from .cache import Cache, held

_DNS = const(1)  # the channel
_OPENED = const(0)  # what a stream did
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
_A_IN = const(b"\0\1\0\1")

# W9, for one look-up as a whole.
_QUESTIONS = const(24)  # with those that aliases lead to
_LOOKUP_UNITS = const(256)  # of 32 bytes: what its answers hold
_LOOKUP_MS = const(60000)
_HOSTS_MAX = const(16)  # whose glue is taken

# Status of an Answer.
_SERVFAIL = const(2)
_TRUNCATED = const(17)
_ALIAS = const(18)
_NOBODY = const(19)  # the server could not be reached, or not over TCP
_SAYS = const(b"\0\3\x10\x12")  # FOUND, NXDOMAIN, NODATA, ALIAS: the server knows
_NO = const(b"\1\4\5")  # FORMERR, NOTIMP, REFUSED: it will never answer this question

NOBODY = made(_NOBODY, 0, 0, None)

# Why a datagram is dropped (W1).
_REASONS = {NO_QUESTION: "dns other question", NO_RESPONSE: "dns no response"}


class Lookup:
    """What one look-up may still take in all, and what it was answered.

    .asked  question -> Answer, each asked once (also if its TTL is 0); with use_glue also what
            its SRV answers said of their targets' addresses
    .met    the bound that was met, as text for the trace, or ""
    """

    def __init__(self, now):
        self.questions = _QUESTIONS
        self.units = _LOOKUP_UNITS
        self.end = later(now, _LOOKUP_MS)
        self.asked = {}
        self.met = ""

    def may_ask(self, now):
        """Is there room for one question more? Then it is counted."""
        if not self.met:
            if self.questions <= 0:
                self.met = "24 questions"
            elif self.units <= 0:
                self.met = "8 KB of answers"
            elif diff(now, self.end) >= 0:
                self.met = "60 s"
        self.questions -= 1
        return not self.met

    def keep(self, question, answer):
        """Keep an answer, if that is within the bound."""
        self.units -= held(question, answer)
        if self.units > 0:
            self.asked[question] = answer


class Query:
    def __init__(self, question):
        self.question = question
        self.tasks = []  # that wait for it; if none is left, it is given up
        self.answer = None  # until it is over
        self.glue = ()  # [(question, Answer), ...] of the Additional section


class Resolver:
    def __init__(self, core, settings):
        """settings: has dns_servers, [(address, port), ...], which are used until others are, and
        the flags edns0, dns_0x20 and use_glue."""
        self.core = core
        self.settings = settings
        self.servers = settings.dns_servers
        self.networks = 0  # how many there were
        self.cache = Cache()
        self.queries = []
        self.best = 0  # the server that answered last, as its place in `servers`
        self.task = None  # that asks `queries[0]`
        self.end = 0  # the time at which that is given up
        self.peer = None  # the server it asked last; None if there is no query
        self.ident = b""  # what it asked last
        self.asked = b""
        self.stream_number = 0  # of the TCP stream to it; 0: there is none
        self.length = b""  # of a TCP answer: what came of its two bytes of length,
        self.streamed: "bytearray | None" = None  # and room for it once they are there
        self.arrived = 0  # how many bytes are in that
        self.cut = b""  # a response with TC, or one that was cut
        core.on(_DNS, self.receive, self.failed)

    def use(self, servers):
        """Another network: other servers, [(address, port), ...], and what failed is forgotten."""
        self.servers = servers
        self.networks += 1
        self.cache.purge(self.core.now, True)

    def forget_old(self):
        """Drop what is so old that its wrapped time could be taken for a new one."""
        self.cache.purge(self.core.now)

    def ask(self, question, lookup=None):
        """In a task: `answer = yield from resolver.ask(question)`.

        CNAMEs are followed (G11): `alias` is the last one, `ttl` and `expires` are of the RRset of
        the chain that ends first. lookup: the Lookup that this is part of.
        """
        core = self.core
        first = alias = None
        for _ in range(_ALIASES + 1):
            if lookup and not lookup.may_ask(core.now):
                return made(_SERVFAIL, 0, core.now, [])
            answer = self.cache.get(question, core.now)
            if not answer:
                query = self._query(question)
                if not query:
                    core.count("dns queue full")
                    break
                answer = yield from self._answer_to(query, lookup and lookup.end)
                if not answer:
                    lookup.met = "60 s"
                    return made(_SERVFAIL, 0, core.now, [])
                if lookup:
                    for pair in query.glue:
                        lookup.keep(*pair)
            if answer is NOBODY:  # the task that asks has ended
                break
            if not first or diff(answer.expires, first.expires) < 0:
                first = answer
            alias = answer.alias or alias
            if answer.status != _ALIAS:
                return Answer(answer.status, first.ttl, first.expires, answer.records, alias)
            question = alias + question[-4:]
        return made(_SERVFAIL, 0, core.now, None)

    def _query(self, question):
        """The Query for a question, perhaps one that is under way; None if the queue is full."""
        for query in self.queries:
            if query.question == question:
                return query
        if len(self.queries) >= _QUEUE:
            return None
        query = Query(question)
        if not self.queries:
            self.task = self.core.spawn(self._work())
        self.queries.append(query)
        return query

    def _answer_to(self, query, end):
        """The Answer to a query; None if the time `end` comes first."""
        core = self.core
        task = core.current_task()
        query.tasks.append(task)
        try:
            while not query.answer and (end is None or diff(core.now, end) < 0):
                yield end, Query
        finally:
            query.tasks.remove(task)
            core.post(self.task, query)  # perhaps it is given up
        return query.answer

    # The task that asks.

    def _work(self):
        """One question after the other, until none is left."""
        try:
            while self.queries:
                query = self.queries[0]
                query.answer = yield from self._resolve(query)
                del self.queries[0]
                self._tell(query)
        finally:
            queries = self.queries
            self.queries = []
            self.peer = None
            self.streamed = None
            self.cut = b""
            self.core.send(_DNS, None, None)
            for query in queries:  # this task ends in the middle: nobody will answer
                query.answer = query.answer or NOBODY
                self._tell(query)

    def _tell(self, query):
        for task in query.tasks:
            self.core.post(task, query)

    def _resolve(self, query):
        """Ask one server after the other until one answers (G13a); None if nobody waits."""
        core = self.core
        servers = self.servers
        self.end = later(core.now, _GIVE_UP_MS)
        opt = self.settings.edns0 and _EDNS_BYTES
        sends = bytearray(len(servers))
        slot = 0  # the place in _WAITS_S
        status = 0  # the RCODE that stands for what the servers said, once each is useless
        at = self.best - 1
        while servers and min(sends) < _USELESS:
            if not query.tasks:
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
                answer = yield from self._over_tcp(query)
                if answer.status not in _SAYS:
                    answer = arrived(self.cut, self.asked, core.now) or answer
                self.cut = b""
            if not answer:
                if diff(core.now, self.end) < 0:
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
        return self._failure(query.question, servers, status)

    def _failure(self, question, servers, status):
        """The Answer that stands for none."""
        rule = "W6"  # no server: that may change at any time
        answer = made(_SERVFAIL, 0, self.core.now, None)
        if servers:
            rule = "G13a"
            answer = self.cache.failed(question, status, self.core.now)
        self.core.note(rule, "no-answer", wire.text(question[:-4]))
        return answer

    def _over_tcp(self, query):
        """The Answer to the same question of the same server over TCP, NOBODY if none comes."""
        data = self._renew(0)
        self.length = b""
        self.streamed = None
        self.arrived = 0
        self.stream_number = self.core.connect(
            self, len(data).to_bytes(2, "big") + data, self.peer
        )
        try:
            return (yield from self._wait(query, _TCP_MS)) or NOBODY
        finally:
            number = self.stream_number
            self.stream_number = 0
            self.streamed = None
            self.core.disconnect(number)

    def _wait(self, query, ms):
        """The Answer that comes within so many ms, but before the query ends, or None."""
        core = self.core
        due = later(core.now, ms)
        if diff(due, self.end) > 0:
            due = self.end
        while query.tasks and diff(core.now, due) < 0:
            event = yield due, (Answer, Query)
            if isinstance(event, Answer):
                return event
        return None

    def _send(self, question, opt):
        """Send a question to the peer."""
        below = self.core.randbelow
        asked = bytearray(question)
        if self.settings.dns_0x20:  # letters in random case, and so they are in the answer
            for i in range(len(asked) - 4):
                if 97 <= asked[i] <= 122 and below(2):
                    asked[i] -= 32
        self.asked = bytes(asked)
        data = self._renew(opt)
        self.core.send(_DNS, data, self.peer, 16384 + below(49152))

    def _renew(self, opt):
        """The query for what is asked, with a new ID."""
        data = wire.query(self.core.randbelow(65536), self.asked, opt)
        self.ident = data[:2]
        return data

    # What comes in.

    def receive(self, data, source, cut=False):
        """A datagram on the DNS socket. cut: it was longer than what was read."""
        reason = "dns stranger"
        if source == self.peer:
            reason = "dns beside TCP"
            if not self.stream_number:
                answer = self._read(data, cut)
                if isinstance(answer, Answer):
                    if answer.status == _TRUNCATED:
                        self.cut = data
                    self.core.post(self.task, answer)
                    return
                reason = answer
        self.core.drop("W1", reason, source)

    def _read(self, data, cut=False):
        """The Answer in a message, or why it is none to what was asked last."""
        if not data.startswith(self.ident):
            return "dns other ID"
        now = self.core.now
        exact = self.settings.dns_0x20
        question = self.asked
        answer = read(data, question, now, exact, self._left_out)
        if isinstance(answer, int):
            reason = _REASONS.get(answer, "dns malformed")
            return salvage(data, question, now, exact) or reason
        if cut and answer.status in _SAYS:
            return made(_TRUNCATED, 0, now, [])
        if self.settings.use_glue and question[-3] == _SRV:  # G12
            self._keep_glue(data, answer.records)
        return answer

    def _left_out(self, count):
        """Records of an answer were left out, since it would hold too much."""
        self.core.note("W9", "left-out", wire.text(self.asked[:-4]), count)

    def _keep_glue(self, data, records):
        """What the Additional section says of the targets of SRV records goes to the query."""
        found = {}
        rows = addresses(data)
        for record in records:
            question = record[3].lower() + _A_IN
            if question not in found and len(found) < _HOSTS_MAX:
                answer = glue(data, question[:-4], self.core.now, rows)
                if answer:
                    found[question] = answer
        self.queries[0].glue = found.items()

    def stream(self, event, data):
        """What the TCP stream to the server did (RFC 7766: two bytes of length come first)."""
        if event == _OPENED:
            return
        answer = self._streamed(data) if event == _DATA else NOBODY
        if answer:
            if not isinstance(answer, Answer):
                self.core.drop("W1", answer, self.peer)
                answer = NOBODY
            self.core.post(self.task, answer)

    def _streamed(self, data):
        """Bytes of the TCP answer -> None if more are to come, else as `_read`."""
        buffer = self.streamed
        if buffer is None:
            self.length = data = self.length + data
            if len(data) < 2:
                return None
            size = data[0] << 8 | data[1]
            if size > _TCP_BYTES:
                return "dns too long"
            buffer = self.streamed = bytearray(size)
            data = data[2:]
        start = self.arrived
        data = data[: len(buffer) - start]
        self.arrived = start + len(data)
        buffer[start : self.arrived] = data
        return self._read(bytes(buffer)) if self.arrived == len(buffer) else None

    def failed(self, peer):
        """The network says that what was sent reached nobody (refused, unreachable)."""
        if self.peer and peer in (None, self.peer):
            self.core.post(self.task, NOBODY)
