"""A server's name -> a plan: the ordered list of targets, and how long it holds (G1 to G13).

    locator = Locator(core, resolver, account, "0", "test.grandstream.com", True, route)
    plan = yield from locator.plan_now()        # in a task: the plan that holds now
    plan.targets                                # [Target, ...] in trying order, maybe none

A Target is (transport, address, host): the transport, the address (text, port) to send to, and the
host name that it came from. Which target was tried is the business of `failover`.

Limits (W9) of one look-up as a whole: 16 targets of 16 hosts, and `resolver.Lookup`'s: 24
questions with those that aliases lead to, 8 KB of answers, 60 s. What is more is skipped, and said
so: the first 8 things one by one, then how many more.
RFC 3263, 2782, 3403, 8767.
"""

from collections import namedtuple

from micropython import const

from .. import transport
from ..address import host_port, is_ipv4
from ..clock import diff, earlier, later
from ..core import Task
from ..dns import wire
from ..dns.resolver import Lookup
from . import naptr, srv

Target = namedtuple("Target", ["transport", "address", "host"])

_TARGETS = const(16)
_HOSTS_MAX = const(16)  # whose addresses are asked for
_HOST_TEXT = const(255)  # characters of a host's name, where each odd byte takes four
_SKIPPED = const(8)  # things that are skipped and named
_FAILURE_MS = const(5000)  # G13a
_NAPTR_STEPS = const(5)
_STALE_MS = const(259200000)  # 3 days (RFC 8767 4)
_PATIENCE_MS = const(1800)  # RFC 8767 5: how long an old plan waits for a new one

# Type and class, as they stand behind a question's name.
_ASK_A = const(b"\0\1\0\1")
_ASK_SRV = const(b"\0\x21\0\1")
_ASK_NAPTR = const(b"\0\x23\0\1")
_ROOT = const(b"\0")

# DNS Mode by its number in the settings; the first is A Record.
_MODE_SRV = const(1)
_MODE_NAPTR_SRV = const(2)
_MODE_CONFIGURED_IP = const(3)


class Plan:
    """.expires: when the first of the records ends that it was made from; of a plan without
    targets also the first denial or failure. None: no DNS record was needed. .stale: used on
    although its TTL is up, since DNS does not say (G13).

    .failures, .denials: when those end that were met on the way. They shorten nothing, but what
    failed may be asked again beside the plan, and both once all its targets have failed (`doubt`).
    """

    def __init__(self):
        self.targets = []
        self.expires = None
        self.stale = False
        self.doubted = False
        self.failures = []
        self.denials = []
        self.hosts = 0  # whose addresses were asked for

    def up(self, now):
        """Is the plan's TTL over?"""
        return self.expires is not None and diff(now, self.expires) >= 0

    def doubt(self):
        """All its targets have failed: the next cycle asks again what it may (G22)."""
        self.doubted = True

    def may_be_renewed(self, now, doubted):
        """Is there something to ask again, although the plan lives (G13, G22)?"""
        for end in self.failures + self.denials if doubted else self.failures:
            if diff(now, end) >= 0:
                return True
        return False

    def says_in_ms(self, now):
        """Until the first failure is over that is not yet; 0 if there is none (G22)."""
        first_ms = 0
        for end in self.failures:
            ms = diff(end, now)
            if ms > 0 and (not first_ms or ms < first_ms):
                first_ms = ms
        return first_ms

    def until(self, end):
        """It holds no longer than that."""
        self.expires = earlier(self.expires, end)

    def ended(self, now):
        """The look-up is done."""
        if not self.targets:
            for end in self.failures + self.denials:
                self.until(end)
            if self.expires is None:
                self.expires = later(now, _FAILURE_MS)

    def completed(self, new):
        """What was looked up anew while it lived is added: in trying order, then what is left."""
        targets = new.targets.copy()
        for target in self.targets:
            if target not in targets and len(targets) < _TARGETS:
                targets.append(target)
        self.targets = targets  # a walk may be on its way over the old list
        if new.targets:
            self.until(new.expires)
        self.failures = new.failures
        self.denials = new.denials


class Locator:
    """One server of an account: its plan, and the look-up that renews it.

    A step of the look-up returns the records it found: some, whether or not they gave targets; []
    if there are none, so that another way may be tried; None if DNS does not say (G10).
    """

    def __init__(self, core, resolver, account, label, server, configured, route=b""):
        """server: "name" or "name:port". label: of the account, in the trace. configured: do
        Primary IP and Backup IP stand for it (G7)? route: the Route header's value for what is
        sent to its targets, b"" for none (G1)."""
        self.core = core
        self.resolver = resolver
        self.account = account
        self.label = label
        self.transport = account.sip_transport
        self.host, self.port = host_port(server)
        self.configured = configured
        self.route = route
        self.plan = None
        self.lookup = None  # the task of the look-up
        self.skipped = 0  # things, in the newest look-up
        self.networks = 0  # how many there were when the plan was made

    def note(self, text, rule="G6", event="skipped"):
        """What is skipped is named so often, then counted (W9)."""
        if event == "skipped":
            self.skipped += 1
            if self.skipped > _SKIPPED:
                return
        self.core.note(rule, event, self.label, text)

    def plan_now(self):
        """In a task: the plan that holds, looked up again if its TTL is up.

        If DNS does not say, it is the last good one, marked stale (G13): after 1.8 s, while the
        look-up goes on beside it. One that lacks something by a failure is used as it is, while
        that is asked for beside it.
        """
        core = self.core
        self.forget_old()
        self._forget_failures()
        plan = self.plan
        patience = None
        if plan:
            if not plan.up(core.now):
                doubted = plan.doubted
                plan.doubted = False
                if not plan.may_be_renewed(core.now, doubted):
                    return plan
                if not doubted:
                    self._start()
                    return plan
            if plan.targets:
                patience = later(core.now, _PATIENCE_MS)
        self._start()
        self.lookup.parent = core.current_task()
        while self.lookup.alive():
            ended = yield patience, Task
            if not ended:
                self.lookup.parent = None
                if plan.up(core.now):
                    plan.stale = True
                    self.note(self.host, "G13", "stale")
                break
        # It may have become too old in the meantime; and a look-up may end for want of memory.
        return self.plan or plan or Plan()

    def _forget_failures(self):
        """In another network, what failed is asked again at once (W6)."""
        plan = self.plan
        if self.networks != self.resolver.networks:
            self.networks = self.resolver.networks
            if plan and plan.failures:
                plan.failures = [self.core.now]
                if not plan.targets:
                    self.plan = None

    def _start(self):
        """A look-up begins, unless one is under way."""
        if not self.lookup or not self.lookup.alive():
            self.lookup = self.core.spawn(self._look_up())

    def knows(self, host):
        """Is it the address (without a port) of a target of the plan?"""
        if self.plan:
            for target in self.plan.targets:
                if target.address[0] == host:
                    return True
        return False

    def forget_old(self):
        """Drop a plan that is too old to be used on; call it once in 12 h at least."""
        if self.plan and self.plan.up(later(self.core.now, -_STALE_MS)):
            self.plan = None

    def _look_up(self):
        """The task of one look-up. What DNS denies ends the old plan; silence does not."""
        core = self.core
        old = self.plan
        plan = Plan()
        self.skipped = 0
        if not self._without_dns(plan):
            lookup = Lookup(core.now)
            try:
                yield from self._with_dns(plan, lookup)
            except MemoryError:  # W9: it ends with what it has
                core.count("no memory")
                plan.failures.append(later(core.now, _FAILURE_MS))
            if lookup.met:
                self.note(lookup.met, "W9", "bound")
            plan.ended(core.now)
        if self.skipped > _SKIPPED:
            self.note(str(self.skipped - _SKIPPED), "W9", "more")
        if old and old.targets and self.plan is old:
            if not old.up(core.now):
                old.completed(plan)
                plan = old
            elif plan.failures and not plan.targets:
                old.failures = plan.failures
                old.stale = True
                plan = old
        self.plan = plan
        self._report(plan)

    def _without_dns(self, plan):
        """G2, G7: the targets that need no query -> are there any?"""
        account = self.account
        if is_ipv4(self.host):
            self._add(plan, (self.host,), self.port, self.host)
        elif self.configured and account.dns_mode == _MODE_CONFIGURED_IP:
            ips = account.primary_ip, account.backup_ip_1, account.backup_ip_2
            self._add(plan, ips, host_port(account.sip_server)[1], self.host)
            if not plan.targets:
                self.note("", "G7", "no-ip-set")
        return plan.targets

    def _with_dns(self, plan, lookup):
        """The records found, by the DNS Mode and what it falls back to (G2 to G6, G10)."""
        mode = self.account.dns_mode
        name = wire.name(self.host).lower()
        found = []
        if not self.port:
            if mode == _MODE_NAPTR_SRV:
                found = yield from self._naptr(plan, lookup, name)
            if found == [] and mode in (_MODE_SRV, _MODE_NAPTR_SRV):
                owner = transport.srv_owner(self.transport, name)
                found = yield from self._srv(plan, lookup, owner)
        if found == []:
            found = yield from self._addresses(plan, lookup, name, self.port)
        return found

    def _report(self, plan):
        text = ""
        for target in plan.targets:
            text += "%s:%d " % target.address
        if plan.stale:
            text += "stale"
        elif plan.expires is not None:  # the seconds that are left, rounded up
            text += "TTL %d s" % -(diff(self.core.now, plan.expires) // 1000)
        self.note(text, "G4", "plan" if plan.targets else "no-targets")

    def _ask(self, plan, lookup, question):
        """One question, once in a look-up; what its Answer means for how long the plan holds."""
        answer = lookup.asked.get(question)
        if not answer:
            answer = yield from self.resolver.ask(question, lookup)
            lookup.keep(question, answer)
        if answer.records:
            plan.until(answer.expires)
        elif answer.records is None:
            plan.failures.append(answer.expires)
        elif not lookup.met:
            plan.denials.append(answer.expires)
        return answer

    def _naptr(self, plan, lookup, name):
        """G5, G6. Of the records of the best order, the first whose next step exists.

        A loop ends like a chain that is too long; nothing in it is asked twice.
        """
        services = (transport.naptr_service(self.transport),)
        for _ in range(_NAPTR_STEPS):
            answer = yield from self._ask(plan, lookup, name + _ASK_NAPTR)
            if answer.records is None:  # G13a: as good as none
                self.note(wire.text(name), "G13a", "no-naptr")
            records = answer.records or ()
            found = []
            for _, flag, name in naptr.usable(records, services, self.host, self.note):
                name = name.lower()
                if not flag:
                    break
                step = self._srv if flag == b"s" else self._addresses
                step = yield from step(plan, lookup, name)
                if plan.targets or step is None:
                    return step
                found = found or step
            else:
                return found
        self.note("loop")
        return []

    def _srv(self, plan, lookup, name):
        """G4, G8, G9: the SRV records of `name`, in order, each with its addresses."""
        records = (yield from self._ask(plan, lookup, name + _ASK_SRV)).records
        policy = self.account.srv_weight_policy
        for _, _, port, host in srv.order(records or [], policy, self.core.randbelow):
            text = wire.text(host)
            host = host.lower()
            if not self._may_ask(plan, lookup, host, text, port):
                named = "%s:%d" % (text[:_HOST_TEXT], port)
                self.note(named, "G9" if host == _ROOT else "G4")
            elif (yield from self._addresses(plan, lookup, host, port, True)) is None:
                records = None
        return records

    def _may_ask(self, plan, lookup, host, text, port):
        """Can an SRV record's target be used, and is there room for it?"""
        if not port or host == _ROOT or len(text) > _HOST_TEXT or is_ipv4(text):
            return False
        if host + _ASK_A in lookup.asked:
            return True
        return plan.hosts < _HOSTS_MAX and len(plan.targets) < _TARGETS and not lookup.met

    def _addresses(self, plan, lookup, name, port=0, is_target=False):
        """G3: every address of `name` is a target. is_target: an SRV record's."""
        plan.hosts += name + _ASK_A not in lookup.asked
        answer = yield from self._ask(plan, lookup, name + _ASK_A)
        host = wire.text(name)
        ips = answer.records
        old = self.plan
        if ips is None:
            ips = []
            if old:  # DNS does not say: those of the old plan
                for target in old.targets:
                    if target.host == host:
                        ips.append(target.address[0])
                        plan.until(old.expires)
                        plan.stale = old.up(self.core.now)
        if is_target and answer.alias:
            self.note(host, "G11", "alias")
        self._add(plan, ips, port, host)
        return answer.records

    def _add(self, plan, ips, port, host):
        """Adds a target for each address; port 0: that of the transport."""
        for ip in ips:
            if not ip:  # G7: not every one may be set
                continue
            address = ip, port or transport.port(self.transport)
            if address in [target.address for target in plan.targets]:
                continue
            if len(plan.targets) < _TARGETS:
                plan.targets.append(Target(self.transport, address, host))
            else:
                self.note("%s:%d" % address, "G4")
