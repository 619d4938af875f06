"""The DNS side of the core alone on the simulated network: what tests of it share.

looker = Looker(sim, ["192.0.2.53"])
asked = looker.ask("SRV", "_sip._udp.example.org")
sim.run(10000)
asked.value, asked.ms            # the Answer, and when it was there

locator = looker.locator("example.org", dns_mode="SRV")
asked = looker.plan(locator)     # its value is the Plan
"""

from sim import Sim
from sim.dns import NUMBERS
from srvphone import account
from srvphone.account import Account, Settings
from srvphone.core import Core
from srvphone.dns import wire
from srvphone.dns.resolver import Resolver
from srvphone.locate.plan import Locator
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
    """A task that waits for one thing; `value` and `ms` are set once that is there."""

    value = ms = task = None


def kept(thing, name, value):
    """What the settings keep of a field's value: of a choice its place."""
    allowed = thing.fields[name]
    return account.choice(allowed, value) if value in allowed.split("|") else value


class Looker(Core):
    """The core with a resolver, as a Phone has it."""

    def __init__(self, sim, servers, address="192.0.2.11", **options):
        self.sim = sim
        self.notes = []
        Core.__init__(self, sim.random.split("looker " + address).urandom, Trace(self._heard))
        self.settings = Settings()
        self.settings.dns_servers = [(server, 53) for server in servers]
        for name in options:
            setattr(self.settings, name, kept(Settings, name, options[name]))
        self.resolver = Resolver(self, self.settings)
        self.cache = self.resolver.cache
        sim.attach(self, address, start=None)

    def ask(self, kind, name):
        """Ask for the records of a type ("SRV") of a name (text)."""
        question = wire.name(name) + bytes((0, NUMBERS[kind], 0, 1))
        return self.begin(self.resolver.ask, question)

    def locator(self, server, configured=True, **fields):
        """The Locator of a server of an account with these fields."""
        one = Account()
        one.sip_server = server
        for name in fields:
            setattr(one, name, kept(Account, name, fields[name]))
        return Locator(self, self.resolver, one, "0", server, configured)

    def plan(self, locator):
        return self.begin(locator.plan_now)

    def begin(self, steps, *args):
        """Start a task that waits for `yield from steps(*args)`."""
        asked = Asked()
        asked.task = self.spawn(self._steps(asked, steps, args))
        self.wake(self.sim.ticks())
        return asked

    def _steps(self, asked, steps, args):
        asked.value = yield from steps(*args)
        asked.ms = self.sim.now

    def end(self, *tasks):
        """End tasks, as a phone that stops does."""
        for task in tasks:
            self.close(task)
        self.wake(self.sim.ticks())

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
        resolver = self.resolver
        left = self.tasks or self._events or resolver.queries or host.dns_port or host.streams
        return not left and resolver.peer is None and not resolver.stream_number


def network(count=1, tick=0, seed=1, zones=(ZONE, NET), reports=True, **options):
    """(sim, Looker, [so many DNS servers with the zones, in the order they are asked])."""
    sim = Sim(seed, tick, reports)
    servers = [sim.dns(address, list(zones)) for address in SERVERS[:count]]
    return sim, Looker(sim, SERVERS[:count], **options), servers


def locator_of(phone, i=0):
    """The Locator of the first server of a Phone's registration."""
    return phone.registrations[i].servers.locators[0]


def sends(sim, since=0):
    """[(ms, server), ...] of the queries."""
    return [query[:2] for query in sim.queries() if query[0] >= since]
