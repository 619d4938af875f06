"""A server's name -> a plan: the ordered list of targets, and how long it holds (G1 to G13).

    locator = Locator(core, resolver, account, "0", "test.grandstream.com", True, route)
    plan = yield from locator.plan_now()        # in a task: the plan that holds now
    plan.targets                                # [Target, ...] in trying order, maybe none

A Target is (transport, address, host): the transport, the address (text, port) to send to, and the
host name that it came from. Which target was tried is the business of `failover`. Limits: 16
targets, and 16 questions after the first; the rest is skipped, and said so.
RFC 3263, 2782, 3403, 8767.
"""

from collections import namedtuple

from micropython import const

from .. import transport
from ..address import host_port, is_ipv4
from ..clock import diff, later
from ..core import Task
from ..dns import wire
from . import naptr, srv

Target = namedtuple("Target", ["transport", "address", "host"])

_TARGETS = const(16)
_NAPTR_STEPS = const(5)
_STALE_MS = const(259200000)  # 3 days (RFC 8767 4)
_PATIENCE_MS = const(1800)  # RFC 8767 5: how long an old plan waits for a new one

# Type and class, as they stand behind a question's name.
_ASK_A = const(b"\0\1\0\1")
_ASK_SRV = const(b"\0\x21\0\1")
_ASK_NAPTR = const(b"\0\x23\0\1")
_ROOT = const(b"\0")
_SERVFAIL = const(2)  # of an Answer; FORMERR, NOTIMP, REFUSED: every server said so

# DNS Mode by its number in the settings; the first is A Record.
_MODE_SRV = const(1)
_MODE_NAPTR_SRV = const(2)
_MODE_CONFIGURED_IP = const(3)


class Plan:
    """.expires: a time; None: no DNS record was needed. .stale: used on although its TTL is up,
    since DNS does not say (G13)."""

    def __init__(self):
        self.targets = []
        self.expires = None
        self.stale = False

    def up(self, now):
        """Is the plan's TTL over?"""
        return self.expires is not None and diff(now, self.expires) >= 0


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
        self.asked = {}  # question -> Answer, within one look-up

    def note(self, text, rule="G6", event="skipped"):
        self.core.note(rule, event, self.label, text)

    def plan_now(self):
        """In a task: the plan that holds, looked up again if its TTL is up.

        If DNS does not say, it is the last good one, marked stale (G13): after 1.8 s, while the
        look-up goes on beside it.
        """
        core = self.core
        self.forget_old()
        plan = self.plan
        patience = None
        if plan:
            if not plan.up(core.now):
                return plan
            if plan.targets:
                patience = later(core.now, _PATIENCE_MS)
        if not self.lookup or not self.lookup.alive():
            self.lookup = core.spawn(self._look_up())
        self.lookup.parent = core.current_task()
        while self.lookup.alive():
            ended = yield patience, Task
            if not ended:
                self.lookup.parent = None
                plan.stale = True
                self.note(self.host, "G13", "stale")
                break
        return self.plan or plan  # it may have become too old in the meantime

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
        plan = Plan()
        found = []
        if not self._without_dns(plan):
            self.asked = {}
            found = yield from self._with_dns(plan)
            self.asked = {}
        old = self.plan
        if found is None and not plan.targets and old:
            plan = old
            plan.stale = True
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

    def _with_dns(self, plan):
        """The records found, by the DNS Mode and what it falls back to (G2 to G6, G10)."""
        mode = self.account.dns_mode
        name = wire.name(self.host).lower()
        found = []
        if not self.port:
            if mode == _MODE_NAPTR_SRV:
                found = yield from self._naptr(plan, name)
            if found == [] and mode in (_MODE_SRV, _MODE_NAPTR_SRV):
                found = yield from self._srv(plan, transport.srv_owner(self.transport, name))
        if found == []:
            found = yield from self._addresses(plan, name, self.port)
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

    def _ask(self, plan, question):
        """One question, once in a look-up; the plan holds no longer than the answer."""
        answer = self.asked.get(question)
        if not answer:
            answer = self.asked[question] = yield from self.resolver.ask(question)
            if plan.expires is None or diff(answer.expires, plan.expires) < 0:
                plan.expires = answer.expires
        return answer

    def _naptr(self, plan, name):
        """G5, G6. Of the records of the best order, the first whose next step exists.

        A loop ends like a chain that is too long; nothing in it is asked twice.
        """
        services = (transport.naptr_service(self.transport),)
        for _ in range(_NAPTR_STEPS):
            answer = yield from self._ask(plan, name + _ASK_NAPTR)
            # G13a: servers that know no NAPTR are as good as those that have none.
            found = None if answer.status == _SERVFAIL else []
            records = answer.records or ()
            for _, flag, name in naptr.usable(records, services, self.host, self.note):
                name = name.lower()
                if not flag:
                    break
                step = self._srv if flag == b"s" else self._addresses
                step = yield from step(plan, name)
                if plan.targets or step is None:
                    return step
                found = found or step
            else:
                return found
        self.note("loop")
        return []

    def _srv(self, plan, name):
        """G4, G8, G9: the SRV records of `name`, in order, each with its addresses."""
        records = (yield from self._ask(plan, name + _ASK_SRV)).records
        policy = self.account.srv_weight_policy
        for _, _, port, host in srv.order(records or [], policy, self.core.randbelow):
            text = wire.text(host)
            if len(self.asked) > _TARGETS or not port or host == _ROOT or is_ipv4(text):
                self.note("%s:%d" % (text, port), "G9" if host == _ROOT else "G4")
            else:
                host = host.lower()
                if (yield from self._addresses(plan, host, port)) is None:
                    records = None
                if self.asked[host + _ASK_A].alias:
                    self.note(text, "G11", "alias")
        return records

    def _addresses(self, plan, name, port=0):
        """G3: every address of `name` is a target."""
        records = (yield from self._ask(plan, name + _ASK_A)).records
        host = wire.text(name)
        ips = records or []
        old = self.plan
        if records is None and old:  # DNS does not say: those of the old plan
            for target in old.targets:
                if target.host == host:
                    ips.append(target.address[0])
                    plan.expires = old.expires
                    plan.stale = True
        self._add(plan, ips, port, host)
        return records

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
