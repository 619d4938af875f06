"""One account at one SIP server: REGISTER, refresh, come back, un-REGISTER.

    registration = Registration(core, client, servers)
    registration.start(jitter_s, moved=False)
    registration.state, registration.status()

`_run` is the life of a registration as a straight line: rest until a cycle is due, which is the
time registered (G21 failback, G24 refresh, G26 keep-alive) or the wait after a failure (G22); then
the cycle, a walk over the servers until one says 2xx; again and again. A word posted to its task,
"now", ends the rest.

RFC 3261 10.2, 20.33; rules G16a, G17 to G26, W3, W4, W6.
"""

from micropython import const

from .. import failover
from ..clock import diff, earlier, later
from .credentials import WRONG_PASSWORD
from .expires import granted, refresh_after
from .message import retry_after
from .register import EVERYTHING, USUAL_S, Register, min_expires
from .transaction import LATE, Transaction

# States, and what each waits for.
OFF = const("off")  # nothing, or the start: not started, or stopped
REGISTERING = const("registering")  # the plan, a final response, or silence
REGISTERED = const("registered")  # the refresh, the failback timer, a keep-alive
WAITING = const("waiting")  # the registration failure retry wait
REJECTED = const("rejected")  # the long wait after a wrong password or a 403

_FOR_EVER_MS = const(1 << 40)  # 35 years
_STARVED_MS = const(20000)
_LEAST_S = const(16)  # servers whose Min-Expires is known
_LOOK_MS = const(43200000)  # 12 h: a longer wait is run down, since ticks can't count it

# Choices by their numbers in the settings.
_KEEP_ALIVE_NO = const(0)
_UNREGISTER_NO = const(0)  # of unregister_on_reboot
_UNREGISTER_ALL = const(1)
_CSEQ_SAME = const(1)  # of cseq_on_failover


class Registration:
    """See the module's head. .state is one of OFF, REGISTERING, REGISTERED, WAITING, REJECTED."""

    def __init__(self, core, client, servers):
        self.core = core
        self.client = client
        self.account = client.account
        self.label = client.label
        self.servers = servers  # failover.Servers
        self.state = OFF
        self.task = None
        self.left_ms = 0  # until the next cycle, counted from `since`; may be no small integer
        self.since = 0
        self.failback = None  # the time of the next try to return (G21)
        self.cseq = 0  # of the newest REGISTER
        self.least_s = {}  # address -> the Min-Expires that its server has named (W4)
        self.gone = b""  # the own address in the binding at the current server, if no more (W6)
        self.call_id = core.token_hex(12)

    # Beginning and end.

    def start(self, jitter_s, moved):
        """The network is here. moved: the phone has another address than before (W6)."""
        if moved and self.servers.current:
            self.gone = self.client.local.address
        self.task = self.core.spawn(self._run(jitter_s))

    def halt(self):
        """The network has gone, or is another; a rejection stands (W3, W6)."""
        if self.state != REJECTED:
            self.state = OFF

    def stop(self):
        """The phone ends: un-REGISTER if the settings say so."""
        how = self.account.unregister_on_reboot
        servers = self.servers
        if servers.current and how != _UNREGISTER_NO:
            expires_s = EVERYTHING if how == _UNREGISTER_ALL else 0
            self.core.spawn(self._register(servers.locator, servers.current, expires_s))
        self.state = OFF

    def hurry(self):
        """Start a cycle at once, unless one is under way."""
        self.core.offer(self.task, "now")

    def lives(self):
        """Is it at work (W11)?"""
        return self.task.alive()

    # The whole life.

    def _run(self, jitter_s):
        if self.state == OFF:
            self.left_ms = self.core.randbelow(jitter_s * 1000 + 1)
        self.since = self.core.now
        self.failback = None
        while True:
            try:
                yield from self._rest()
                if self.gone:
                    servers = self.servers
                    yield from self._register(servers.locator, servers.current, 0, self.gone)
                    self.gone = b""
                yield from self._cycle()
            except MemoryError:  # W9: this cycle is given up
                self.core.starved += 1
                self.state = WAITING
                self.left_ms = 0
            if self.state == WAITING and not self.left_ms:
                yield later(self.core.now, _STARVED_MS), ()

    def _rest(self):
        """Until the next cycle is due."""
        keep_alive = self._keep_alive()
        while not self._is_due():
            if keep_alive and keep_alive.is_dead():
                self._note("G26", "lost", self.servers.current)
                return
            now = self.core.now
            ask_at = keep_alive.due() if keep_alive and self.state == REGISTERED else None
            first = earlier(later(now, min(self.left_ms, _LOOK_MS)), self.failback)
            first = earlier(first, ask_at)
            if diff(now, first) < 0:
                event = yield first, (Transaction, str)
                if event == "now":
                    return
                if event and event.outcome == LATE and self.late(event) and keep_alive:
                    keep_alive.quiet_since = self.core.now
            elif first == ask_at:
                keep_alive.ask()
            elif (yield from self._go_back()):
                return

    def _keep_alive(self):
        """For this rest; None if the settings want none (G26)."""
        if self.account.keep_alive == _KEEP_ALIVE_NO:
            return None
        from .keepalive import KeepAlive

        return KeepAlive(self.core, self.client, self.servers)

    def _is_due(self):
        """Run the wait down to now: is it over?"""
        now = self.core.now
        self.left_ms -= diff(now, self.since)
        self.since = now
        return self.left_ms <= 0

    def _go_back(self):
        """G21: one REGISTER to the first target, then the old binding goes -> is a cycle due?"""
        servers = self.servers
        account = self.account
        self.failback = later(self.core.now, account.failback_timeout_s * 1000)
        old_locator, old = servers.locator, servers.current
        first = yield from servers.first()
        if not first:
            return False
        locator, target = first
        self._note("G21", "failback", target)
        verdict = yield from self._register(locator, target, self._wanted_s(target))
        if verdict != failover.DONE:
            return False
        # A server that shares its bindings has lost the new one, too, with the old one's.
        return (yield from self._register(old_locator, old, 0)) == failover.DONE

    # A cycle.

    def _cycle(self):
        """One refresh or first registration: until a 2xx, or until every target has failed."""
        self.state = REGISTERING
        verdict = yield from self.servers.walk(self._attempt)
        if verdict != failover.DONE:
            self._wait(verdict)

    def _wait(self, verdict):
        """G22's wait begins, or the long one after a rejection (W3)."""
        account = self.account
        self.failback = None
        self.state = WAITING
        if verdict == failover.REJECTED:
            self.state = REJECTED
            s = account.forbidden_retry_wait_s
        elif account.use_random_retry_wait:
            least_s = account.random_retry_wait_min_s
            s = least_s + self.core.randbelow(account.random_retry_wait_max_s - least_s + 1)
        else:
            s = account.registration_failure_retry_wait_s
        ms = max(s, self.servers.retry_after_s) * 1000 if s else 0
        if verdict == failover.ALL_CLOSED:
            ms = min(ms, self.servers.opens_in_ms() or ms)
        elif verdict == failover.UNSAID:
            ms = self.servers.says_in_ms
            if account.use_random_retry_wait:
                ms += self.core.randbelow(ms + 1)
        self.since = self.core.now
        self.left_ms = ms or _FOR_EVER_MS
        self.core.note("G22", "waits", self.label, ms or "for ever")

    def _attempt(self, locator, target, again):
        """The walk is at this target."""
        if again and self.account.cseq_on_failover == _CSEQ_SAME:  # G16
            self.cseq -= 1
        return self._register(locator, target, self._wanted_s(target))

    def _wanted_s(self, target):
        """What is asked for there: register_expiration_s, or the Min-Expires that is known."""
        least_s = self.least_s.get(target.address, 0)
        return max(self.account.register_expiration_s, least_s)

    def _register(self, locator, target, expires_s, address=b""):
        """In a task: a REGISTER and what its answers ask for, until the verdict is clear."""
        raised = False
        request = Register(self, locator, target, expires_s, address)
        while True:
            outcome, response = yield from self.client.exchange(request, locator, target)
            if outcome in (LATE, WRONG_PASSWORD):
                return failover.verdict(outcome, ())
            if not response:
                return self.servers.judge(target, outcome)
            if outcome < 300:
                if request.context:
                    accepted = self._accept(request.context, response)
                    return failover.DONE if accepted else failover.FAILED
                if expires_s <= 0:
                    self._note("-", "unregistered", target)
                    return failover.DONE
                if not self.client.local.host:  # nothing is bound, since it does not say where
                    self.servers.judge(target, outcome)
                    return failover.FAILED
                continue  # now with a Contact
            if outcome == 423 and expires_s > 0 and not raised:  # W4: once
                raised = True
                least_s = self._least(target, response)
                if least_s > request.expires_s:
                    request.expires_s = least_s
                    continue
            return self.servers.judge(target, outcome, retry_after(response))

    def _least(self, target, response):
        """The Min-Expires of a 423, remembered for its server; without one what is usual."""
        least_s = min_expires(response)
        self._note("W4", "423", target, least_s)
        if least_s < 0:
            return USUAL_S
        if len(self.least_s) >= _LEAST_S:
            self.least_s.clear()
        self.least_s[target.address] = least_s
        return least_s

    # What a 2xx means.

    def late(self, transaction):
        """G16a: a 2xx from a target that was given up ends a cycle without another -> does it?"""
        status = transaction.response.status
        self.core.note("G16a", LATE, self.label, transaction.address, status)
        if status < 300 and transaction.context:
            self.servers.alive(transaction.address)
            if self.state != REGISTERED:
                return self._accept(transaction.context, transaction.response)
        return False

    def _accept(self, context, response):
        """This is the current server, for as long as it grants -> does it grant anything?"""
        locator, target, asked_s = context
        account = self.account
        servers = self.servers
        granted_s = granted(response, self.client.contact(self.client.local.address), asked_s)
        if not granted_s:
            self._note("G24", "granted-nothing", target)
            return False
        self.state = REGISTERED
        servers.registered(locator, target)
        self._note("G24", REGISTERED, target, granted_s)
        now = self.core.now
        self.since = now
        self.left_ms = refresh_after(
            granted_s, account.reregister_before_expiration_s, servers.size()
        )
        if servers.rule == "G21":
            if servers.size() and not servers.place():
                self.failback = None
            elif self.failback is None:
                self.failback = later(now, account.failback_timeout_s * 1000)
        return True

    # What others ask.

    def knows(self, host):
        """Is it the address of a server of this registration (W5)?"""
        return self.servers.knows(host)

    def forget_old(self):
        self.servers.forget_old()

    def status(self):
        """The state in words and numbers, as a dict that JSON can carry.

        place: of the current target in the plan, 0 if it is the first. left_s: until the next
        cycle, when it last looked.
        """
        registered = self.state == REGISTERED
        return {
            "account": self.label,
            "server": self.client.server[4:].decode(),
            "state": self.state,
            "current": "%s:%d" % self.servers.current.address if registered else "",
            "place": self.servers.place() if registered else 0,
            "left_s": self.left_ms // 1000,
        }

    def _note(self, rule, event, target, *more):
        self.core.note(rule, event, self.label, target.address, *more)
