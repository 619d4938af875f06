"""A server's name -> a plan: the ordered list of targets, and how long it holds (G1 to G13).

    where = Location(desk, resolver, account, "0", "test.grandstream.com")
    plan = yield from where.plan_now()          # in a flow: the plan that holds now
    plan.targets                                # [Target, ...] in trying order, maybe none

A Target is (address, host): the address (text, port) to send UDP to, and the host name that it
came from. Which target was tried is the business of `sip.registration`. Limits: 16 targets, and 16
questions after the first; the rest is skipped, and said so.
RFC 3263, 2782, 3403, 8767.
"""

from collections import namedtuple

from micropython import const

from ..address import host_port, is_ipv4
from ..clock import diff, later
from ..dns import wire
from . import naptr, srv

Target = namedtuple("Target", ["address", "host"])

_PORT = const(5060)
_TARGETS = const(16)
_NAPTR_STEPS = const(5)
_STALE_MS = const(259200000)  # 3 days (RFC 8767 4)
_PATIENCE_MS = const(1800)  # RFC 8767 5: how long an old plan waits for a new one

_A = const(b"\0\1\0\1")
_SRV = const(b"\0\x21\0\1")
_NAPTR = const(b"\0\x23\0\1")
_ROOT = const(b"\0")
_SERVFAIL = const(2)  # of an Answer; FORMERR, NOTIMP, REFUSED: every server said so


class Plan:
    targets: "list"
    expires = None  # a time; None: no DNS record was needed
    stale = False  # used on although its TTL is up, since DNS does not say (G13)

    def up(self, now):
        """Is the plan's TTL over?"""
        return self.expires is not None and diff(now, self.expires) >= 0


class Location:
    """One server of an account: its plan, and the look-up that renews it.

    A step of the look-up returns the records it found: some, whether or not they gave targets; []
    if there are none, so that another way may be tried; None if DNS does not say (G10).
    """

    plan: "Plan | None" = None
    lookup = None  # the flow of the look-up
    route: "bytes | None" = None  # the Route header's value, if it is a proxy (G1)

    def __init__(self, desk, resolver, account, label, server, configured):
        self.desk = desk
        self.resolver = resolver
        self.account = account
        self.label = label
        self.host, self.port = host_port(server)
        self.configured = configured  # do Primary IP and Backup IP stand for it (G7)?

    def note(self, text, rule="G6", event="skipped"):
        self.desk.note(rule, event, "%s %s" % (self.label, text))

    def plan_now(self):
        """In a flow: the plan that holds, looked up again if its TTL is up.

        If DNS does not say, it is the last good one, marked stale (G13): after 1.8 s, while the
        look-up goes on beside it. Events for somebody else are posted again at the end.
        """
        desk = self.desk
        self.forget_old()
        plan = self.plan
        patience = None
        if plan:
            if not plan.up(desk.now):
                return plan
            if plan.targets:
                patience = later(desk.now, _PATIENCE_MS)
        lookup = self.lookup
        if not lookup or not lookup.steps:
            lookup = self.lookup = desk.spawn(self._look_up())
        lookup.parent = flow = desk.flow
        others = []
        while lookup.steps:
            event = yield patience
            if not event:
                plan.stale = True
                self.note(self.host, "G13", "stale")
                break
            if event is not lookup:
                others.append(event)
        for event in others:
            desk.post(flow, event)
        return self.plan or plan  # it may have become too old in the meantime

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
        plan.targets = []
        self.asked = {}  # question -> Answer, within one look-up
        found = []
        ips: "tuple" = ()
        if is_ipv4(self.host):  # G2
            ips = (self.host,)
        elif "IP" in mode and self.configured:  # G7
            ips = account.primary_ip, account.backup_ip_1, account.backup_ip_2
            port = host_port(account.sip_server)[1]
        self._add(plan, ips, port, self.host)
        if not plan.targets:
            if ips:
                self.note("", "G7", "no-ip-set")
            name = wire.name(self.host).lower()
            port = self.port
            if not port and "NAPTR" in mode:
                found = yield from self._naptr(plan, name)
            if not port and "SRV" in mode and found == []:
                found = yield from self._srv(plan, b"\4_sip\4_udp" + name)
            if found == []:
                found = yield from self._addresses(plan, name, port)
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
            text += "TTL %d s" % -(diff(self.desk.now, plan.expires) // 1000)
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
        for _ in range(_NAPTR_STEPS):
            answer = yield from self._ask(plan, name + _NAPTR)
            # G13a: servers that know no NAPTR are as good as those that have none.
            found = None if answer.status == _SERVFAIL else []
            for _, flag, name in naptr.usable(
                answer.records or (), (b"sip+d2u",), self.host, self.note
            ):
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
        records = (yield from self._ask(plan, name + _SRV)).records
        policy = self.account.srv_weight_policy
        for _, _, port, host in srv.order(records or [], policy, self.desk.below):
            text = wire.text(host)
            if len(self.asked) > _TARGETS or not port or host == _ROOT or is_ipv4(text):
                self.note("%s:%d" % (text, port), "G9" if host == _ROOT else "G4")
            else:
                host = host.lower()
                if (yield from self._addresses(plan, host, port)) is None:
                    records = None
                if self.asked[host + _A].alias:
                    self.note(text, "G11", "alias")
        return records

    def _addresses(self, plan, name, port=0):
        """G3: every address of `name` is a target."""
        records = (yield from self._ask(plan, name + _A)).records
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
        for ip in ips:
            address = ip, port or _PORT
            for target in plan.targets:
                if target.address == address:
                    break
            else:
                if len(plan.targets) >= _TARGETS:
                    self.note("%s:%d" % address, "G4")
                elif ip:  # G7: not every one may be set
                    plan.targets.append(Target(address, host))
