"""The DNS side of the core alone on the simulated network: what tests of it share.

looker = Looker(sim, ["192.0.2.53"])
asked = looker.ask("SRV", "_sip._udp.example.org")
sim.run(10000)
asked.value, asked.ms            # the Answer, and when it was there

where = looker.location("example.org", dns_mode="SRV")
asked = looker.plan(where)       # its value is the Plan
"""

from cases import DNS, SIP
from sim import Sim
from sim.dns import NUMBERS
from srvphone.account import Account, Settings
from srvphone.clock import diff
from srvphone.desk import Desk
from srvphone.dns import wire
from srvphone.dns.resolver import Resolver
from srvphone.locate.plan import Location
from srvphone.trace import Trace

ONE = "192.0.2.53"
TWO = "192.0.2.54"
THREE = "192.0.2.55"
FOUR = "192.0.2.56"
SERVERS = (ONE, TWO, THREE, FOUR)

ZONE = """
$ORIGIN example.org.
@           3600 IN SOA   ns hostmaster 1 3600 600 86400 60
@           3600 IN NS    ns
@             30 IN A     192.0.2.1
_sip._udp     20 IN SRV   10 0 5060 a
_sip._udp     20 IN SRV   20 0 5062 b
a             10 IN A     192.0.2.13
b             40 IN A     192.0.2.12
many          10 IN A     192.0.2.21
many          10 IN A     192.0.2.22
many          10 IN A     192.0.2.23
alias         10 IN CNAME a
away          15 IN CNAME there.example.net.
"""
NET = """
$ORIGIN example.net.
@           3600 IN SOA   ns hostmaster 1 3600 600 86400 60
there          5 IN A     192.0.2.99
"""


class Asked:
    """A flow that waits for one thing; `value` and `ms` are set once that is there."""

    value = ms = flow = None


class Looker:
    """Desk, cache and resolver, with the methods of a Phone."""

    def __init__(self, sim, servers, address="192.0.2.11", **options):
        self.sim = sim
        self.notes = []
        self.desk = Desk(sim.random.split("looker " + address).urandom, Trace(self._heard))
        self.settings = Settings()
        self.settings.dns_servers = [(server, 53) for server in servers]
        for name in options:
            assert hasattr(self.settings, name)
            setattr(self.settings, name, options[name])
        self.resolver = Resolver(self.desk, self.settings)
        self.cache = self.resolver.cache
        sim.attach(self, address, start=None)

    def ask(self, kind, name):
        """Ask for the records of a type ("SRV") of a name (text)."""
        question = wire.name(name) + bytes((0, NUMBERS[kind], 0, 1))
        return self.spawn(self.resolver.ask, question)

    def location(self, server, configured=True, **fields):
        """The Location of a server of an account with these fields."""
        account = Account()
        account.sip_server = server
        for name in fields:
            assert hasattr(account, name)
            setattr(account, name, fields[name])
        return Location(self.desk, self.resolver, account, "0", server, configured)

    def plan(self, where):
        return self.spawn(where.plan_now)

    def spawn(self, steps, *args):
        """Start a flow that waits for `yield from steps(*args)`."""
        asked = Asked()
        asked.flow = self.desk.spawn(None)
        asked.flow.steps = self._steps(asked, steps, args)
        self._turn(self.sim.ticks())
        return asked

    def _steps(self, asked, steps, args):
        asked.value = yield from steps(*args)
        asked.ms = self.sim.now

    def close(self, *flows):
        """End flows, as a phone that stops does."""
        for flow in flows:
            self.desk.close(flow)
        self._turn(self.sim.ticks())

    def noted(self, rule, event=None):
        """[(ms, text), ...] of the notes of a rule."""
        return [(n[0], n[3]) for n in self.notes if n[1] == rule and event in (None, n[2])]

    def _heard(self, record):
        if record[5] is None:
            self.notes.append((self.sim.now,) + record[2:5])

    def idle(self):
        """Is nothing left of any look-up: no query, no timer, no open socket or stream?"""
        host = self.sim.host(self)
        host.carry()
        desk = self.desk
        resolver = self.resolver
        left = desk.flows or desk.events or resolver.queries or host.dns_port or host.stream
        return not left and resolver.peer is None and resolver.tcp is None

    # What the simulator calls.

    def _turn(self, now):
        self.desk.now = now
        self.desk.run()

    def receive(self, channel, data, source, now):
        assert channel == DNS
        self.desk.now = now
        self.resolver.receive(data, source)
        self._turn(now)

    def failed(self, channel, peer, errno, now):
        assert channel != SIP
        self.desk.now = now
        self.resolver.failed(peer)
        self._turn(now)

    def stream(self, event, data, now):
        self.desk.now = now
        self.resolver.stream(event, data)
        self._turn(now)

    def wake(self, now):
        self._turn(now)

    def take(self):
        out = self.desk.out
        self.desk.out = []
        return out

    def deadline(self):
        first = None
        for flow in self.desk.flows:
            if flow.deadline is not None and (first is None or diff(flow.deadline, first) < 0):
                first = flow.deadline
        return first


def network(count=1, tick=0, seed=1, zones=(ZONE, NET), reports=True, **options):
    """(sim, Looker, [so many DNS servers with the zones, in the order they are asked])."""
    sim = Sim(seed, tick, reports)
    servers = [sim.dns(address, list(zones)) for address in SERVERS[:count]]
    return sim, Looker(sim, SERVERS[:count], **options), servers


def where_of(phone, i=0):
    """The Location of the first server of a Phone's registration."""
    return phone.registrations[i].wheres[0]


def sends(sim, since=0):
    """[(ms, server), ...] of the queries."""
    return [query[:2] for query in sim.queries() if query[0] >= since]
