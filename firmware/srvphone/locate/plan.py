"""A server's name -> a plan: the ordered list of targets, and how long it holds (G1 to G13).

    where = Location(desk, resolver, account, "0", "test.grandstream.com")
    plan = yield from where.plan_now(flow)      # in a flow: the plan that holds now
    plan.targets                                # [Target, ...] in trying order, maybe none

A Target is (address, host, priority, weight): the address (text, port) to send UDP to, the host
name that it came from, and its SRV record's numbers (0, 0 without one). Which target was tried is
the business of `failover`. Limits: 16 targets, 16 hosts; the rest is skipped, and said so.
RFC 3263, 2782, 3403, 8767.
"""

from collections import namedtuple

from micropython import const

from ..account import host_port, is_ipv4
from ..clock import diff, later
from ..dns import wire
from . import naptr, srv

Target = namedtuple("Target", ("address", "host", "priority", "weight"))

_PORT = const(5060)
_TARGETS = const(16)
_NAPTR_STEPS = const(5)
_STALE_MS = const(259200000)  # 3 days (RFC 8767 4)
_PATIENCE_MS = const(1800)  # RFC 8767 5: how long an old plan waits for a new one

_A = const(b"\0\1\0\1")
_SRV = const(b"\0\x21\0\1")
_NAPTR = const(b"\0\x23\0\1")
_ROOT = const(b"\0")
_NO = const(b"\1\4\5")  # FORMERR, NOTIMP, REFUSED by every server


class Plan:
    expires = None  # a time; None: no DNS record was needed
    stale = False  # used on although its TTL is up, since DNS does not say (G13)

    def __init__(self):
        self.targets = []

    def up(self, now):
        """Is the plan's TTL over?"""
        return self.expires is not None and diff(now, self.expires) >= 0


class Location:
    """One server of an account: its plan, and the look-up that renews it.

    A step of the look-up returns the records it found: some, whether or not they gave targets; []
    if there are none, so that another way may be tried; None if DNS does not say (G10).
    """

    plan = None
    lookup = None  # the flow of the look-up
    route = None  # the Route header's value, if it is a proxy (G1)

    def __init__(self, desk, resolver, account, label, server, configured=False):
        self.desk = desk
        self.resolver = resolver
        self.account = account
        self.label = label
        self.host, self.port = host_port(server)
        self.configured = configured  # do Primary IP and Backup IP stand for it (G7)?

    def note(self, rule, event, text=""):
        self.desk.note(rule, event, "%s %s" % (self.label, text))

    def plan_now(self, flow):
        """In a flow: the plan that holds, looked up again if its TTL is up.

        If DNS does not say, it is the last good one, marked stale (G13): after 1.8 s, while the
        look-up goes on beside it. Events for somebody else are posted again at the end.
        """
        desk = self.desk
        self.forget_old()
        plan = self.plan
        if plan and not plan.up(desk.now):
            return plan
        patience = None
        if plan and plan.targets:
            patience = later(desk.now, _PATIENCE_MS)
        lookup = self.lookup
        if not lookup or not lookup.steps:
            lookup = self.lookup = desk.spawn(self._look_up())
        lookup.parent = flow
        others = []
        while lookup.steps:
            event = yield patience
            if not event:
                plan.stale = True
                self.note("G13", "stale", self.host)
                break
            if event is not lookup:
                others.append(event)
        for event in others:
            desk.post(flow, event)
        return self.plan

    def forget_old(self):
        """Drop a plan that is too old to be used on; call it once in 12 h at least."""
        if self.plan and self.plan.up(later(self.desk.now, -_STALE_MS)):
            self.plan = None

    def _look_up(self):
        """The flow of one look-up. What DNS denies ends the old plan; silence does not."""
        account = self.account
        mode = account.dns_mode
        port = self.port
        plan = Plan()
        self.asked = {}  # host -> Answer, within one look-up
        found = []
        ips = ()
        if is_ipv4(self.host):  # G2
            ips = (self.host,)
        elif mode == "Use Configured IP" and self.configured:  # G7
            ips = (account.primary_ip, account.backup_ip_1, account.backup_ip_2)
            port = host_port(account.sip_server)[1]
        for ip in ips:
            if ip:
                self._add(plan, (ip, port or _PORT), ip)
        if not plan.targets:
            if ips:
                self.note("G7", "no-ip-set")
            name = wire.name(self.host).lower()
            port = self.port
            if not port and mode == "NAPTR/SRV":
                found = yield from self._naptr(plan, name)
            if not port and "SRV" in mode and found == []:
                found = yield from self._srv(plan, b"\4_sip\4_udp" + name)
            if found == []:
                found = yield from self._addresses(plan, name, port or _PORT)
        self.asked = None
        old = self.plan
        if found is None and not plan.targets and old:
            plan = old
            plan.stale = True
        self.plan = plan
        text = ""
        for target in plan.targets:
            text += "%s:%d " % target.address
        if plan.stale:
            text += "stale"
        elif plan.expires is not None:  # the seconds that are left, rounded up
            text += "TTL %d s" % ((diff(plan.expires, self.desk.now) + 999) // 1000)
        self.note("G4", "plan" if plan.targets else "no-targets", text)

    def _ask(self, plan, question):
        """One question; the plan holds no longer than the answer."""
        answer = yield from self.resolver.ask(self.lookup, question)
        if plan.expires is None or diff(answer.expires, plan.expires) < 0:
            plan.expires = answer.expires
        return answer

    def _naptr(self, plan, name):
        """G5, G6. Of the records of the best order, the first whose next step exists."""
        seen = []
        while name not in seen and len(seen) < _NAPTR_STEPS:
            seen.append(name)
            answer = yield from self._ask(plan, name + _NAPTR)
            if answer.status in _NO:  # G13a: servers that know no NAPTR
                return []
            if not answer.records:
                return answer.records
            found = []
            for _, flag, name in naptr.usable(
                answer.records, (b"sip+d2u",), self.host, self._skipped
            ):
                name = name.lower()
                if not flag:
                    break
                if flag == b"s":
                    step = self._srv(plan, name)
                else:
                    step = self._addresses(plan, name, _PORT)
                step = yield from step
                if plan.targets or step is None:
                    return step
                found = found or step
            else:
                return found
        self._skipped("loop")
        return []

    def _skipped(self, text):
        self.note("G6", "skipped", text)

    def _srv(self, plan, name):
        """G4, G8, G9: the SRV records of `name`, in order, each with its addresses."""
        answer = yield from self._ask(plan, name + _SRV)
        records = answer.records
        below = self.desk.chance.below
        policy = self.account.srv_weight_policy
        for priority, weight, port, host in srv.order(records or [], policy, below):
            text = wire.text(host)
            full = len(self.asked) >= _TARGETS
            if full or port == 0 or host == _ROOT or is_ipv4(text):
                rule = "G9" if host == _ROOT else "G4"
                self.note(rule, "skipped", "%s:%d" % (text, port))
            else:
                host = host.lower()
                if (yield from self._addresses(plan, host, port, priority, weight)) is None:
                    records = None
                if self.asked[host].alias:
                    self.note("G11", "alias", text)
        return records

    def _addresses(self, plan, name, port, priority=0, weight=0):
        """G3: every address of `name` is a target."""
        answer = self.asked.get(name)
        if not answer:
            answer = self.asked[name] = yield from self._ask(plan, name + _A)
        host = wire.text(name)
        for ip in answer.records or ():
            self._add(plan, (ip, port), host, priority, weight)
        old = self.plan
        if answer.records is None and old:  # DNS does not say: those of the old plan
            for target in old.targets:
                if target.host == host:
                    self._add(plan, (target.address[0], port), host, priority, weight)
                    plan.expires = old.expires
                    plan.stale = True
        return answer.records

    def _add(self, plan, address, host, priority=0, weight=0):
        for target in plan.targets:
            if target.address == address:
                return
        if len(plan.targets) >= _TARGETS:
            self.note("G4", "skipped", "%s:%d" % address)
        else:
            plan.targets.append(Target(address, host, priority, weight))
