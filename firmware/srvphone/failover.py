"""The walk over the servers of one registration: which is next, and when it has failed.

    servers = Servers(core, account, "0", locators)
    verdict = yield from servers.walk(attempt)  # in a task: DONE, FAILED, REJECTED, ...
    servers.current                             # the target that a request goes to first

`attempt(locator, target, again)` is the owner's generator: it makes its request at this target
(again: not the first of this walk) and returns a verdict, as `judge` gives it. The walk knows no
method, so every request can walk it. The rules it keeps:

    G14  silence at a target: the next one
    G15  what else moves on, what ends the walk, and for how long a target is closed
    G16a a late 2xx opens its target
    G18  Default: a walk starts at the first target
    G19  Saved one until DNS TTL: at the saved one, as long as the plan's TTL
    G20  Saved one until no responses: at the saved one, until it does not respond
    G21  Saved one until failback timeout: as G20; `first` is where to go back to
    G22  the second locator's targets (the Backup Outbound Proxy's) follow the first one's; once
         all have failed, the plans are doubted; if there is none, since DNS does not say,
         `says_in_ms` tells when it may be asked again

Limits: 16 targets are closed; the one that opens first gives way.
"""

from micropython import const

from .clock import diff, later

# What an attempt and a walk come to.
DONE = const("done")
NEXT = const("next target")  # of an attempt: this target is of no use now
FAILED = const("failed")  # the same later, perhaps: G22's wait
REJECTED = const("rejected")  # the same would be rejected anywhere: W3's wait
ALL_CLOSED = const("all closed")  # of a walk: every target is closed, or there is none
UNSAID = const("unsaid")  # of a walk: there is no target, since DNS does not say (G22)

# The outcomes of a request that are no status: how its transaction ended, or `sip.client`'s.
_SILENT = const("silent")
_UNREADABLE = const("unreadable")
_REFUSED = const("refused")
_LATE = const("late")
_WRONG_PASSWORD = const("wrong-password")

_VERDICTS = {
    _LATE: DONE,
    _SILENT: NEXT,  # G14
    _UNREADABLE: NEXT,
    _REFUSED: NEXT,  # G15
    503: NEXT,
    403: REJECTED,  # W3
    _WRONG_PASSWORD: REJECTED,
}
_CLOSED_MAX_S = const(3600)  # G15
_CLOSED_MAX = const(16)  # targets that are closed
_LATER = const(
    (404, 413, 480, 486, 500, 600, 603)
)  # G15: their Retry-After counts (RFC 3261 20.33)

# The DNS SRV Fail-over Mode by its number in the settings.
_MODES = const(("G18", "G19", "G20", "G21"))
_MODE_SRV = const(1)  # the DNS Modes in which it acts
_MODE_NAPTR_SRV = const(2)


def rule_of(account):
    """The DNS SRV Fail-over Mode that acts, as the number of its rule.

    The DNS modes without SRV behave as Default (G18).
    """
    if account.dns_mode in (_MODE_SRV, _MODE_NAPTR_SRV):
        return _MODES[account.dns_srv_failover_mode]
    return "G18"


def verdict(outcome, codes):
    """G15: what an outcome at a target means for the walk.

    outcome: a final status, or a word: "silent", "unreadable" (only what had to be dropped came),
    "refused", "timeout", "late" (an earlier target has answered), "wrong-password". codes: further
    statuses that move on.
    """
    if outcome in _VERDICTS:
        return _VERDICTS[outcome]
    if outcome in codes:
        return NEXT
    return DONE if isinstance(outcome, int) and outcome < 300 else FAILED


class Servers:
    """The servers of one registration.

    .current  the target whose REGISTER last got a 2xx, or None; .locator is the one it is of
    .plan     the first locator's plan, as the newest walk found it
    """

    def __init__(self, core, account, label, locators):
        """locators: have plan_now() and knows(host), as `locate.plan.Locator`."""
        self.core = core
        self.label = label  # of the account, in the trace
        self.locators = locators
        self.rule = rule_of(account)
        self.codes = account.failover_codes
        self.current = None
        self.locator = None
        self.plan = None
        self.saved = False  # does a walk start at the current one (G19 to G21)?
        self.says_in_ms = 0  # of UNSAID: until DNS may be asked again
        self.closed_until = {}  # address -> when it opens: 503 with Retry-After (G15)
        self.retry_after_s = 0  # what the answer wants that ended the newest walk (G15)

    def walk(self, attempt):
        """In a task: attempt at one target after another, until one says more than NEXT."""
        tried = []
        plans = []
        failed = False
        self.retry_after_s = 0
        for locator in self.locators:
            plan = yield from locator.plan_now()
            plans.append(plan)
            self.opens_in_ms()
            for target in self._in_order(locator, plan):
                address = target.address
                if address in tried or address in self.closed_until:
                    continue
                if self.current and not tried:
                    self.core.note(self.rule, "starts-at", self.label, address)
                again = bool(tried)
                tried.append(address)
                at = self.locator if target is self.current else locator
                said = yield from attempt(at, target, again)
                if said != NEXT:
                    return said
                if address not in self.closed_until:
                    failed = True
        self.says_in_ms = 0
        for plan in plans:
            plan.doubt()
            ms = plan.says_in_ms(self.core.now)
            if ms and (not self.says_in_ms or ms < self.says_in_ms):
                self.says_in_ms = ms
        if not tried and not self.closed_until and self.says_in_ms:
            return UNSAID
        return FAILED if failed else ALL_CLOSED

    def _in_order(self, locator, plan):
        """The plan's targets in the order in which this walk tries them (G18 to G21)."""
        if locator is not self.locators[0]:
            return plan.targets
        # G19: is the TTL up of the plan that led to the saved target?
        if self.rule == "G19" and (plan.up(self.core.now) or plan is not self.plan):
            self.saved = False
        self.plan = plan
        return [self.current] + plan.targets if self.saved else plan.targets

    # What happened at a target.

    def judge(self, target, outcome, retry_after_s=0):
        """The verdict on an outcome at a target; what it means for later walks is kept.

        retry_after_s: 0 if it has none.
        """
        silent = outcome in (_SILENT, _UNREADABLE)
        self.core.note("G14" if silent else "G15", str(outcome), self.label, target.address)
        retry_after_s = min(retry_after_s, _CLOSED_MAX_S)
        if silent and target is self.current:
            self.saved = False
        elif outcome == 503 and retry_after_s > 0:
            self._close(target.address, retry_after_s)
        elif outcome in _LATER:
            self.retry_after_s = retry_after_s
        return verdict(outcome, self.codes)

    def _close(self, address, seconds):
        """G15; if so many are closed already, the one that opens first gives way."""
        now = self.core.now
        if len(self.closed_until) >= _CLOSED_MAX and address not in self.closed_until:
            first = min(self.closed_until, key=lambda one: diff(self.closed_until[one], now))
            del self.closed_until[first]
        self.closed_until[address] = later(now, seconds * 1000)

    def registered(self, locator, target):
        """A REGISTER got a 2xx there: this is the current server."""
        self.locator = locator
        self.current = target
        self.saved = self.rule != "G18"

    def alive(self, address):
        """A closed target has said 2xx after all (G16a)."""
        self.closed_until.pop(address, None)

    # What others ask.

    def opens_in_ms(self):
        """Forget the targets that have opened; ms until the next one does, 0 if none is closed."""
        first_ms = 0
        for address in list(self.closed_until):
            ms = diff(self.closed_until[address], self.core.now)
            if ms <= 0:
                del self.closed_until[address]
            elif not first_ms or ms < first_ms:
                first_ms = ms
        return first_ms

    def first(self):
        """In a task: where to go back to (G21), the first target of the newest plan with its
        locator; None if that is the current one, or is closed."""
        locator = self.locators[0]
        self.plan = yield from locator.plan_now()
        self.opens_in_ms()
        if self.place():
            target = self.plan.targets[0]
            if target.address not in self.closed_until:
                return locator, target
        return None

    def size(self):
        """How many targets the newest plan has."""
        return len(self.plan.targets)

    def place(self):
        """The current server's place in the newest plan: 0 if it is the first; behind the last if
        it is none of them."""
        place = 0
        for target in self.plan.targets:
            if target.address == self.current.address:
                break
            place += 1
        return place

    def knows(self, host):
        """Is it the address (without a port) of the current server, or of a target of a plan?"""
        if self.current and self.current.address[0] == host:
            return True
        return any(locator.knows(host) for locator in self.locators)

    def forget_old(self):
        """Drop times that are so old that they could be taken for new ones; call it once in 12 h
        at least."""
        self.opens_in_ms()
        for locator in self.locators:
            locator.forget_old()
