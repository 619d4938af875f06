"""One account at one SIP server: REGISTER, refresh, fail over, come back, un-REGISTER.

    registration = Registration(desk, transactions, own, account, "0", "grandstream.com", wheres)
    registration.flow = desk.spawn(registration.run(jitter_s))
    registration.state, registration.current

`run` is the life of a registration as a straight line: a cycle (G14 to G20) until a server says
2xx, then the time registered (G21 failback, G24 refresh, G26 keep-alive) or the wait after a
failure (G22), again and again. What is posted to its flow: transactions and look-ups that have
ended, and the word NOW, which starts a cycle at once.

RFC 3261 10.2, 20.33, 22; RFC 3581; rules G1, G14 to G26, W3, W4.
"""

from micropython import const

from ..clock import Timer, diff, later
from ..desk import NOW
from ..failover import close_for, open_up, refresh_after, rule_of
from .digest import challenge
from .message import number, param, uri_of
from .transaction import LATE, REFUSED, SILENT, WAITING

# States, and what each waits for. An attempt or a cycle comes to one of the last four.
_OFF = const("off")  # nothing: not started, or stopped
_LOOKING_UP = const("looking up")  # the plan
_REGISTERING = const("registering")  # a final response, or silence
_REGISTERED = const("registered")  # the refresh, the failback timer, a keep-alive
_RETRY = const("waiting")  # the registration failure retry wait
_NO_SERVER = const("no server")  # the same, or that the first closed one opens
_REJECTED = const("rejected")  # the long wait after a wrong password or a 403
_MOVE_ON = None  # what an attempt comes to if the next target is to be tried

_ALL = const(-1)  # instead of an Expires: remove every binding of the user
_NONCES = const(16)  # beyond it all are forgotten: each costs its server one 401
_CREDENTIALS = const(3)  # REGISTERs with credentials in one attempt, at the most (W3)
_MAX_EXPIRES = const(3888000)  # 45 days

_REQUEST = const(
    b"%s sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s;rport\r\nMax-Forwards: 70\r\n"
    b"From: %s<%s>;tag=%s\r\nTo: <%s>\r\nCall-ID: %s\r\nCSeq: %d %s\r\n%s"
    b"User-Agent: srvphone\r\nContent-Length: 0\r\n\r\n"
)


class Own:
    """The phone's own address on the SIP socket, as it stands in Via and Contact.

    While it is not `known`, that is a name that can't exist (RFC 2606).
    """

    def __init__(self, host, port):
        self.port = port
        self.set(host)

    def set(self, host):
        self.known = bool(host)
        self.sent_by = b"%s:%d" % (host or b"srvphone.invalid", self.port)

    def learn(self, via):
        """Take the address that a server saw us come from (RFC 3581), if ours is unknown."""
        host = param(via, b"received") or b""
        if not self.known and host.count(b".") == 3 and host.replace(b".", b"").isdigit():
            port = number(param(via, b"rport") or b"", 65535)
            self.port = port if port > 0 else self.port
            self.set(host)


class Registration:
    state = _OFF
    flow = None
    current = None  # the target whose REGISTER last got a 2xx
    where = None  # the Location that it is of
    saved = False  # does a cycle start there (G19 to G21)?
    plan = None  # of the newest cycle
    refresh = None  # the Timer of the next cycle
    failback = None  # the time of the next try to return (G21)

    def __init__(self, desk, transactions, own, account, label, server, wheres):
        self.desk = desk
        self.transactions = transactions
        self.own = own
        self.account = account
        self.label = label  # of the account, in the trace
        self.server = server.encode()  # in Request-URI, From and To (G1)
        self.wheres = wheres  # the Location that is asked for targets; the backup proxy's
        self.rule = rule_of(account)
        self.secret = account.authenticate_password.encode()
        if account.ha1:
            self.secret = "ha1", account.ha1.encode()
        self.nonces = {}  # address -> Challenge (G17)
        self.closed = {}  # address -> when it opens: 503 with Retry-After (G15)
        self.call_id = desk.chance.token(12)
        self.tag = desk.chance.token(6)
        self.cseq = desk.chance.below(10000)

    def note(self, rule, event, target, more=""):
        text = "%s %s:%d %s" % ((self.label,) + target.address + (more,))
        self.desk.note(rule, event, text.strip())

    def run(self, jitter_s):
        """The flow of a registration's life."""
        yield from self._sleep(self.desk.chance.below(jitter_s * 1000 + 1))
        while True:
            state = yield from self._cycle()
            if state != _REGISTERED:
                yield from self._wait(state)
            if self.state == _REGISTERED:
                yield from self._stay()

    # A cycle.

    def _cycle(self):
        """One refresh or first registration: until a 2xx, or until every target has failed."""
        account = self.account
        tried = []
        result = _NO_SERVER
        for where in self.wheres:
            self.state = _LOOKING_UP
            plan = yield from where.plan_now(self.flow)
            self.state = _REGISTERING
            targets = plan.targets
            if where is self.wheres[0]:
                # Is the TTL up of the plan that led to the saved target?
                if self.rule == "G19" and (plan is not self.plan or plan.up(self.desk.now)):
                    self.saved = False
                self.plan = plan
                if self.saved:
                    targets = [self.current] + targets
            open_up(self.closed, self.desk.now)
            for target in targets:
                address = target.address
                if address in tried or address in self.closed:
                    continue
                if tried:
                    if account.cseq_on_failover == "same":  # G16
                        self.cseq -= 1
                elif self.current:
                    self.note(self.rule, "starts-at", target)
                tried.append(address)
                at = self.where if target is self.current else where
                state = yield from self._attempt(at, target, account.register_expiration_s)
                if state != _MOVE_ON:
                    return state
                if address not in self.closed:
                    result = _RETRY
        return result

    def _attempt(self, where, target, expires_s):
        """REGISTER at one target, with what it asks for (401, 423), until the outcome is clear."""
        address = target.address
        about = None
        used = answered = 0  # credentials sent, challenges answered
        while True:
            more = b"Contact: *\r\n" if expires_s == _ALL else b""
            if self.own.known and expires_s >= 0:
                more = b"Contact: <%s>\r\n" % self._contact()
                if expires_s:
                    about = where, target, expires_s  # what a 2xx means, also a late one
            more += b"Expires: %d\r\n" % max(expires_s, 0)
            wanted = self.nonces.get(address)
            if wanted:
                used += 1
                value = wanted.credentials(
                    b"REGISTER",
                    b"sip:" + self.server,
                    self.account.authenticate_id.encode(),
                    self.secret,
                    self.desk.chance.token(8),
                )
                more += b"%sAuthorization: %s\r\n" % (wanted.prefix, value)
            self.cseq += 1
            tr = self._send(where, target, b"REGISTER", self.call_id, self.cseq, more)
            tr.about = about
            while tr.state == WAITING:
                event = yield None
                if self._late(event):
                    self.transactions.finish(tr, SILENT)
                    return _REGISTERED
            response = tr.response
            if not response:
                return self._failed(target, tr.state)
            status = response.status
            self.own.learn(response.get(b"via"))
            if status < 300 and (about or expires_s <= 0):
                if about:
                    self._accept(response, *about)
                return _REGISTERED
            if status == 423 and expires_s == self.account.register_expiration_s:
                expires_s = number(response.get(b"min-expires"), _MAX_EXPIRES)
                self.note("W4", "423", target, expires_s)
                if expires_s <= self.account.register_expiration_s:
                    return _RETRY
            elif status == 401 or status == 407:
                prefix = b"Proxy-" if status == 407 else b""
                name = (prefix.lower() or b"www-") + b"authenticate"
                wanted = challenge(response.lines(name), self.secret)
                if not wanted:
                    return self._failed(target, status)
                if used == _CREDENTIALS or answered > wanted.stale:
                    self.nonces.pop(address, None)
                    self.note("W3", "wrong-password", target)
                    return _REJECTED
                answered += 1
                wanted.prefix = prefix
                if len(self.nonces) >= _NONCES:
                    self.nonces.clear()
                self.nonces[address] = wanted
            elif status >= 300 or not self.own.known:
                return self._failed(target, status, response)

    def _failed(self, target, status, response=None):
        """What an attempt without a 2xx comes to (G15); without a response, `status` says why."""
        self.note("G14" if status == SILENT else "G15", str(status), target)
        if status == SILENT:
            self.nonces.pop(target.address, None)
            if target is self.current:
                self.saved = False
        elif status == 503:
            # RFC 3261 20.33: seconds, perhaps a comment or parameters behind them.
            after = response.get(b"retry-after").replace(b"(", b";").split(b";")[0].strip()
            close_for(self.closed, target.address, number(after, 1 << 29), self.desk.now)
        elif status == 403:
            return _REJECTED
        elif status != REFUSED and status not in self.account.failover_codes:
            return _RETRY
        return _MOVE_ON

    def _late(self, event):
        """G16a: a 2xx from a target that was given up ends a cycle that has no other."""
        if getattr(event, "state", None) != LATE:
            return False
        response = event.response
        self.note("G16a", LATE, event, response.status)
        if response.status < 300 and event.about:
            self.closed.pop(event.address, None)
            if self.state != _REGISTERED:
                self._accept(response, *event.about)
                return True
        return False

    def _accept(self, response, where, target, asked_s):
        """A 2xx: this is the current server, for as long as it grants."""
        now = self.desk.now
        account = self.account
        self.state = _REGISTERED
        self.where = where
        self.current = target
        self.saved = self.rule != "G18"
        # The Expires of our own Contact, else of the response, else what was asked (G24).
        granted = response.get(b"expires")
        for contact in response.all(b"contact"):
            if uri_of(contact).split(b";")[0].lower() == self._contact().lower():
                granted = param(contact, b"expires") or granted
        granted_s = number(granted, _MAX_EXPIRES)
        if granted_s < 0:
            granted_s = asked_s
        self.note("G24", _REGISTERED, target, granted_s)
        targets = self.plan.targets
        before_s = account.reregister_before_expiration_s
        self.refresh = Timer(now, *refresh_after(granted_s, before_s, len(targets)))
        if self.rule != "G21" or targets and target.address == targets[0].address:
            self.failback = None
        elif self.failback is None:
            self.failback = later(now, account.failback_timeout_s * 1000)
        if target.address in self.nonces:
            for info in response.lines(b"authentication-info"):
                self.nonces[target.address].next(info)

    # Waiting.

    def _wait(self, state):
        """G22's wait, or the long one after a rejection (W3)."""
        account = self.account
        now = self.desk.now
        self.state = state
        self.failback = None
        s = account.registration_failure_retry_wait_s
        if state == _REJECTED:
            s = account.forbidden_retry_wait_s
        elif account.use_random_retry_wait:
            s = account.random_retry_wait_min_s
            s += self.desk.chance.below(account.random_retry_wait_max_s - s + 1)
        ms = s * 1000
        opens = open_up(self.closed, now)
        if state == _NO_SERVER and opens is not None:
            ms = min(ms, diff(opens, now))
        self.desk.note("G22", "waits", "%s %s" % (self.label, ms or "for ever"))
        yield from self._sleep(ms or None)

    def _sleep(self, ms):
        """Until the time is up (None: never), the word NOW comes or a late 2xx."""
        deadline = None if ms is None else later(self.desk.now, ms)
        while deadline is None or diff(self.desk.now, deadline) < 0:
            event = yield deadline
            if event == NOW or self._late(event):
                return

    def _stay(self):
        """Registered, until the next cycle is due."""
        account = self.account
        every_ms = account.keep_alive_interval_s * 1000
        ask_at = later(self.desk.now, every_ms) if account.keep_alive != "No" else None
        asked = None
        lost = 0
        while not self.refresh.due(self.desk.now):
            now = self.desk.now
            if asked and asked.state != WAITING:
                lost = 0 if asked.response or asked.provisional else lost + 1
                asked = None
                if lost >= account.keep_alive_max_lost:
                    self.note("G26", "lost", self.current)
                    return
            first = self.refresh.deadline()
            for at in (self.failback, None if asked else ask_at):
                if at is not None and diff(at, first) < 0:
                    first = at
            if diff(now, first) < 0:
                event = yield first
                if event == NOW:
                    return
                self._late(event)
            elif first == ask_at:
                ask_at = later(now, every_ms)
                call_id = self.desk.chance.token(12)
                more = b"Accept: application/sdp\r\n"
                asked = self._send(self.where, self.current, b"OPTIONS", call_id, 1, more)
            elif (yield from self._fail_back()):
                return

    def _fail_back(self):
        """G21: one REGISTER to the first target; if that is answered, the old binding goes.

        True: that was answered, too, and a server that shares its bindings has lost the new one.
        """
        old = self.where, self.current
        self.failback = later(self.desk.now, self.account.failback_timeout_s * 1000)
        self.plan = yield from self.wheres[0].plan_now(self.flow)
        open_up(self.closed, self.desk.now)
        for first in self.plan.targets[:1]:
            if first.address != self.current.address and first.address not in self.closed:
                self.note("G21", "failback", first)
                expires_s = self.account.register_expiration_s
                state = yield from self._attempt(self.wheres[0], first, expires_s)
                if state == _REGISTERED:
                    return (yield from self._leave(0, *old))
        return False

    def stop(self):
        """The phone ends: un-REGISTER if the settings say so."""
        how = self.account.unregister_on_reboot
        if self.current and how != "No":
            steps = self._leave(_ALL if how == "All" else 0, self.where, self.current)
            self.flow = self.desk.spawn(steps)
        self.state = _OFF

    def _leave(self, expires_s, where, target):
        """Remove the binding, best effort (expires_s 0; _ALL: all of the user's); True if done."""
        state = yield from self._attempt(where, target, expires_s)
        if state != _REGISTERED:
            return False
        self.note("-", "unregistered", target)
        return True

    def status(self):
        """The state in words and numbers, as a dict that JSON can carry."""
        registered = self.state == _REGISTERED
        return {
            "account": self.label,
            "server": self.server.decode(),
            "state": self.state,
            "current": "%s:%d" % self.current.address if registered else "",
            "refresh_in_s": self.refresh.left_s if registered else 0,
            "targets": ["%s:%d" % t.address for t in self.plan.targets] if self.plan else [],
        }

    # Messages.

    def _contact(self):
        return b"sip:%s@%s" % (self.account.sip_user_id.encode(), self.own.sent_by)

    def _send(self, where, target, method, call_id, cseq, more):
        """Build a request outside a dialog and start its transaction (a new branch each)."""
        account = self.account
        branch = b"z9hG4bK" + self.desk.chance.token(8)
        if account.proxy_require:
            more += b"Proxy-Require: %s\r\n" % account.proxy_require.encode()
        if where.route:
            more += b"Route: %s\r\n" % where.route
        name = account.name.replace("\\", "\\\\").replace('"', '\\"')
        name = b'"%s" ' % name.encode() if name else b""
        aor = b"sip:%s@%s" % (account.sip_user_id.encode(), self.server)
        via = self.own.sent_by, branch
        data = _REQUEST % (
            (method, self.server) + via + (name, aor, self.tag, aor, call_id, cseq, method, more)
        )
        sends = account.max_sip_request_retries + 1
        key = branch, method
        return self.transactions.send(self.flow, target.address, key, data, sends)
