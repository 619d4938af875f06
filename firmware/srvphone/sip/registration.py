"""One account at one SIP server: REGISTER, refresh, fail over, come back, un-REGISTER.

    registration = Registration(desk, transactions, own, account, "0", "grandstream.com", wheres)
    registration.flow = desk.spawn(registration.run(jitter_s))
    registration.state, registration.current

`run` is the life of a registration as a straight line: the wait until a cycle is due, which is
the time registered (G21 failback, G24 refresh, G26 keep-alive) or the wait after a failure (G22);
then the cycle (G14 to G20) until a server says 2xx; again and again. What is posted to its flow:
transactions and look-ups that have ended, and the word now, which starts a cycle at once.

RFC 3261 10.2, 20.33, 22; RFC 3581; rules G1, G14 to G26, W3, W4.
"""

from micropython import const

from .. import failover
from ..clock import diff, later
from . import digest
from .message import number, param, uri_of

# States, and what each waits for. An attempt and a cycle come to one of the last three, or to
# None: the next target is to be tried; there was none that is not closed.
_OFF = const("off")  # nothing, or the start: not started, or stopped
_REGISTERING = const("registering")  # the plan, a final response, or silence
_REGISTERED = const("registered")  # the refresh, the failback timer, a keep-alive
_RETRY = const("waiting")  # the registration failure retry wait
_REJECTED = const("rejected")  # the long wait after a wrong password or a 403

# How a transaction ended, as `transaction` has it.
_SILENT = const("silent")
_REFUSED = const("refused")
_LATE = const("late")

_ALL = const(-1)  # instead of an Expires: remove every binding of the user
_NONCES = const(16)  # beyond it all are forgotten: each costs its server one 401
_CREDENTIALS = const(3)  # REGISTERs with credentials in one attempt, at the most (W3)
_MAX_EXPIRES = const(3888000)  # 45 days
_FOR_EVER_MS = const(1 << 40)  # 35 years
_LOOK_MS = const(43200000)  # 12 h: a longer wait is run down, since ticks can't count it

# The Call-ID is random and new, so it serves as the tag, too.
_REQUEST = const(
    b"%s sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s;rport\r\nMax-Forwards: 70\r\n"
    b"From: %s<%s>;tag=%s\r\nTo: <%s>\r\nCall-ID: %s\r\nCSeq: %d %s\r\n%s"
    b"Content-Length: 0\r\n\r\n"
)


class Own:
    """The phone's own address on the SIP socket, as it stands in Via and Contact.

    While `host` is not known, b"", a name stands there that can't exist (RFC 2606).
    """

    def __init__(self, host, port):
        self.host = host
        self.port = port
        self.address = b"%s:%d" % (host or b"srvphone.invalid", port)

    move = __init__

    def learn(self, response):
        """Take the address that a server saw us come from (RFC 3581), if ours is unknown."""
        via = response.get(b"via")
        host = param(via, b"received") or b""
        if not self.host and host.count(b".") == 3 and host.replace(b".", b"").isdigit():
            port = number(param(via, b"rport") or b"", 65535)
            self.move(host, port if port > 0 else self.port)


class Registration:
    state = _OFF
    flow: "object"  # of `run`
    current = None  # the target whose REGISTER last got a 2xx
    where: "object"  # the Location that it is of
    saved = False  # does a cycle start there (G19 to G21)?
    plan = None  # of the newest cycle
    left_ms = 0  # until the next cycle, counted from `since`; 45 days may be no small integer
    since: "int"
    failback = None  # the time of the next try to return (G21)
    cseq = 0  # of the newest REGISTER
    gone: "bytes" = None  # the own address in the binding at `current`, if it is ours no more (W6)

    def __init__(self, desk, transactions, own, account, label, server, wheres):
        self.desk = desk
        self.transactions = transactions
        self.own = own
        self.account = account
        self.label = label  # of the account, in the trace
        self.server = server  # in Request-URI, From and To (G1)
        self.wheres = wheres  # the Location that is asked for targets; the backup proxy's
        self.nonces = {}  # address -> Challenge (G17)
        self.closed = {}  # address -> when it opens: 503 with Retry-After (G15)
        self.call_id = desk.token(12)

    def note(self, rule, event, target, more=""):
        text = "%s:%d %s" % (target.address + (more,))
        self.wheres[0].note(text.strip(), rule, event)

    # A cycle.

    def _cycle(self):
        """One refresh or first registration: until a 2xx, or until every target has failed."""
        account = self.account
        rule = failover.rule_of(account)
        tried = []
        state = result = None
        self.state = _REGISTERING
        for where in self.wheres:
            plan = yield from where.plan_now()
            now = self.desk.now
            targets = plan.targets
            if where is self.wheres[0]:
                # Is the TTL up of the plan that led to the saved target?
                if rule == "G19" and (plan.up(now) or plan is not self.plan):
                    self.saved = False
                self.plan = plan
                if self.saved:
                    targets = [self.current] + targets
            failover.open_up(self.closed, now)
            for target in targets:
                address = target.address
                if address in tried or address in self.closed:
                    continue
                if tried:
                    if account.cseq_on_failover == "same":  # G16
                        self.cseq -= 1
                elif self.current:
                    self.note(rule, "starts-at", target)
                tried.append(address)
                at = self.where if target is self.current else where
                state = yield from self._attempt(at, target, account.register_expiration_s)
                if state:
                    break
                if address not in self.closed:
                    result = _RETRY
            if state:
                break
        state = state or result
        if state != _REGISTERED:
            # G22's wait, or the long one after a rejection (W3).
            now = self.desk.now
            self.state = state or _RETRY
            self.failback = None
            s = account.registration_failure_retry_wait_s
            if state == _REJECTED:
                s = account.forbidden_retry_wait_s
            elif account.use_random_retry_wait:
                s = account.random_retry_wait_min_s
                s += self.desk.below(account.random_retry_wait_max_s - s + 1)
            ms = s * 1000
            opens = failover.open_up(self.closed, now)
            if not state and opens and opens < ms:
                ms = opens
            self.since = now
            self.left_ms = ms or _FOR_EVER_MS
            where.note(ms or "for ever", "G22", "waits")

    def _attempt(self, where, target, expires_s, contact=b""):
        """REGISTER at one target, with what it asks for (401, 423), until the outcome is clear.

        expires_s 0 removes the binding (of another address than ours: `contact`), _ALL all of the
        user's.
        """
        account = self.account
        own = self.own
        nonces = self.nonces
        address = target.address
        secret = account.authenticate_password.encode()
        if account.ha1:
            secret = "ha1", account.ha1.encode()
        used = answered = 0  # credentials sent, challenges answered
        while True:
            more = b"Contact: *\r\nExpires: 0\r\n"
            if expires_s != _ALL:
                more = b"Expires: %d\r\n" % expires_s
                if contact or own.host:
                    more += b"Contact: <%s>\r\n" % self._uri(contact or own.address)
            wanted = nonces.get(address)
            if wanted:
                used += 1
                more += b"%sAuthorization: %s\r\n" % (
                    wanted.prefix,
                    wanted.credentials(
                        b"REGISTER",
                        b"sip:" + self.server.encode(),
                        (account.authenticate_id or account.sip_user_id).encode(),
                        secret,
                        self.desk.token(8),
                    ),
                )
            self.cseq += 1
            tr = self._send(where, target, b"REGISTER", self.call_id, self.cseq, more)
            if own.host and expires_s > 0:
                tr.about = where, target, expires_s  # what a 2xx means, also a late one
            while not tr.state:
                if self._late((yield None)):
                    self.transactions.finish(tr, _SILENT)
                    return _REGISTERED
            status = tr.state
            response = tr.response
            if response:
                status = response.status
                own.learn(response)
                if status < 300:
                    if tr.about:
                        self._accept(tr)
                        return _REGISTERED
                    if expires_s <= 0:
                        self.note("-", "unregistered", target)
                        return _REGISTERED
                    if own.host:  # now with a Contact
                        continue
                if status == 423 and expires_s == account.register_expiration_s:
                    expires_s = number(response.get(b"min-expires"), _MAX_EXPIRES)
                    self.note("W4", "423", target, expires_s)
                    if expires_s > account.register_expiration_s:
                        continue
                if status == 401 or status == 407:
                    prefix = b"Proxy-" if status == 407 else b""
                    name = (prefix.lower() or b"www-") + b"authenticate"
                    wanted = digest.challenge(response.lines(name), secret)
                    if wanted:
                        if used == _CREDENTIALS or answered > wanted.stale:
                            nonces.pop(address, None)
                            self.note("W3", "wrong-password", target)
                            return _REJECTED
                        answered += 1
                        wanted.prefix = prefix
                        if len(nonces) >= _NONCES:
                            nonces.clear()
                        nonces[address] = wanted
                        continue
            break
        self.note("G14" if status == _SILENT else "G15", str(status), target)
        if status == _SILENT:
            nonces.pop(address, None)
            if target is self.current:
                self.saved = False
        elif status == 503:
            # RFC 3261 20.33: seconds, perhaps a comment or parameters behind them.
            after = response.get(b"retry-after").replace(b"(", b";").split(b";")[0].strip()
            s = number(after, 1 << 29)
            if s > 0:
                self.closed[address] = later(self.desk.now, (s if s < 3600 else 3600) * 1000)
        elif status == 403:
            return _REJECTED
        elif status != _REFUSED and status not in account.failover_codes:
            return _RETRY

    def _late(self, event):
        """G16a: a 2xx from a target that was given up ends a cycle that has no other."""
        if getattr(event, "state", None) == _LATE:
            status = event.response.status
            self.note("G16a", _LATE, event, status)
            if status < 300 and event.about:
                self.closed.pop(event.address, None)
                if self.state != _REGISTERED:
                    self._accept(event)
                    return True

    def _accept(self, tr):
        """A 2xx: this is the current server, for as long as it grants."""
        response = tr.response
        self.where, target, granted_s = tr.about
        now = self.desk.now
        account = self.account
        rule = failover.rule_of(account)
        self.state = _REGISTERED
        self.current = target
        self.saved = rule != "G18"
        # The Expires of our own Contact, else of the response, else what was asked (G24).
        granted = response.get(b"expires")
        for contact in response.all(b"contact"):
            own = self._uri(self.own.address).lower()
            if uri_of(contact).split(b";")[0].lower() == own:
                granted = param(contact, b"expires") or granted
        n = number(granted, _MAX_EXPIRES)
        if n >= 0:
            granted_s = n
        self.note("G24", _REGISTERED, target, granted_s)
        targets = self.plan.targets
        self.since = now
        self.left_ms = failover.refresh_after(
            granted_s, account.reregister_before_expiration_s, len(targets)
        )
        if rule == "G21":
            if targets and target.address == targets[0].address:
                self.failback = None
            elif self.failback is None:
                self.failback = later(now, account.failback_timeout_s * 1000)

    # The whole life.

    def run(self, jitter_s):
        """The flow of a registration's life."""
        desk = self.desk
        account = self.account
        if self.state == _OFF:
            self.left_ms = desk.below(jitter_s * 1000 + 1)
        self.since = desk.now
        self.failback = None
        while True:
            asked = None  # the OPTIONS that waits for its answer (G26)
            lost = 0
            quiet_since = desk.now
            while True:
                now = desk.now
                self.left_ms -= diff(now, self.since)
                self.since = now
                if self.left_ms <= 0:
                    break
                if asked and asked.state:
                    lost = 0 if asked.response or asked.provisional else lost + 1
                    asked = None
                    if lost >= account.keep_alive_max_lost:
                        self.note("G26", "lost", self.current)
                        break
                ask_at = None
                if self.state == _REGISTERED and account.keep_alive != "No" and not asked:
                    ask_at = later(quiet_since, account.keep_alive_interval_s * 1000)
                first = later(now, min(self.left_ms, _LOOK_MS))
                for at in (self.failback, ask_at):
                    if at is not None and diff(at, first) < 0:
                        first = at
                if diff(now, first) < 0:
                    event = yield first
                    if event == "now":
                        break
                    if self._late(event):
                        quiet_since = desk.now
                elif first == ask_at:
                    quiet_since = now
                    # No Accept: without one, application/sdp is meant (RFC 3261 20.1).
                    call_id = desk.token(12)
                    asked = self._send(self.where, self.current, b"OPTIONS", call_id, 1, b"")
                else:  # G21: one REGISTER to the first target; then the old binding goes
                    self.failback = later(now, account.failback_timeout_s * 1000)
                    where = self.wheres[0]
                    self.plan = yield from where.plan_now()
                    failover.open_up(self.closed, desk.now)
                    old = self.where, self.current
                    target = (self.plan.targets or old[1:])[0]
                    address = target.address
                    if address != self.current.address and address not in self.closed:
                        self.note("G21", "failback", target)
                        steps = self._attempt(where, target, account.register_expiration_s)
                        if (yield from steps) == _REGISTERED:
                            # A server that shares its bindings has lost the new one, too.
                            if (yield from self._attempt(*old, 0)) == _REGISTERED:
                                break
            if self.gone:
                yield from self._attempt(self.where, self.current, 0, self.gone)
                self.gone = None
            yield from self._cycle()

    def rest(self):
        """The network has gone, or is another; a rejection stands (W3, W6)."""
        if self.state != _REJECTED:
            self.state = _OFF

    def stop(self):
        """The phone ends: un-REGISTER if the settings say so."""
        how = self.account.unregister_on_reboot
        if self.current and how != "No":
            how = _ALL if how == "All" else 0
            self.desk.spawn(self._attempt(self.where, self.current, how))
        self.state = _OFF

    def status(self):
        """The state in words and numbers, as a dict that JSON can carry.

        place: of the current target in the plan, 0 if it is the first. left_s: until the next
        cycle, when it last looked.
        """
        current = ""
        place = 0
        if self.state == _REGISTERED:
            current = "%s:%d" % self.current.address
            for target in self.plan.targets:
                if target.address == self.current.address:
                    break
                place += 1
        return {
            "account": self.label,
            "server": self.server,
            "state": self.state,
            "current": current,
            "place": place,
            "left_s": self.left_ms // 1000,
        }

    # Messages.

    def _uri(self, host):
        return b"sip:%s@%s" % (self.account.sip_user_id.encode(), host)

    def _send(self, where, target, method, call_id, cseq, more):
        """Build a request outside a dialog and start its transaction (a new branch each)."""
        account = self.account
        branch = b"z9hG4bK" + self.desk.token(8)
        if account.proxy_require:
            more += b"Proxy-Require: %s\r\n" % account.proxy_require.encode()
        if where.route:
            more += b"Route: %s\r\n" % where.route
        name = account.name.replace("\\", "\\\\").replace('"', '\\"')
        if name:
            name = '"%s" ' % name
        server = self.server.encode()
        aor = self._uri(server)
        data = _REQUEST % (
            method,
            server,
            self.own.address,
            branch,
            name.encode(),
            aor,
            call_id,
            aor,
            call_id,
            cseq,
            method,
            more,
        )
        return self.transactions.send(
            target.address, (branch, method), data, account.max_sip_request_retries + 1
        )
