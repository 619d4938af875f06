"""The walk over the servers of a registration, alone: no SIP, no DNS, no method (G14 to G22)."""

from cases import STARTS, Seeded
from srvphone.account import Account, choice
from srvphone.clock import later
from srvphone.core import Core
from srvphone.failover import ALL_CLOSED, DONE, FAILED, NEXT, REJECTED, Servers, verdict
from srvphone.locate.plan import Plan, Target
from srvphone.trace import Trace
from srvphone.transport import UDP

A, B, C, D = ("192.0.2.13", 5060), ("192.0.2.12", 5060), ("192.0.2.11", 5060), ("192.0.2.10", 5)
DEFAULT, UNTIL_TTL, UNTIL_SILENT, UNTIL_FAILBACK = Account.fields["dns_srv_failover_mode"].split(
    "|"
)


class Locator:
    """Has a plan at once, as one whose look-up has ended; `until` is the end of its TTL."""

    def __init__(self, core, *addresses):
        self.core = core
        self.old = 0  # how often it was told to forget
        self.renew(*addresses)

    def renew(self, *addresses, until=None):
        self.plan = Plan()
        self.plan.targets = [Target(UDP, address, "host") for address in addresses]
        self.plan.expires = until

    def plan_now(self):
        yield self.core.now, ()
        return self.plan

    def knows(self, host):
        return host in [target.address[0] for target in self.plan.targets]

    def forget_old(self):
        self.old += 1


class Bench:
    """The servers of one registration, and what was attempted."""

    def __init__(self, mode=DEFAULT, plans=((A, B, C),), dns_mode="SRV", now=0, codes=()):
        self.core = Core(Seeded(1).urandom, Trace())
        self.core.now = now
        account = Account()
        account.dns_mode = choice(Account.fields["dns_mode"], dns_mode)
        account.dns_srv_failover_mode = choice(Account.fields["dns_srv_failover_mode"], mode)
        account.failover_codes = list(codes)
        self.locators = [Locator(self.core, *plan) for plan in plans]
        self.servers = Servers(self.core, account, "0", self.locators)
        self.outcomes = {}  # address -> (outcome, the seconds of its Retry-After)
        self.tried = []  # [(address, again), ...]
        self.at = []  # the locators handed to each attempt

    def attempt(self, locator, target, again):
        self.tried.append((target.address, again))
        self.at.append(locator)
        yield self.core.now, ()
        outcome, after_s = self.outcomes.get(target.address, (200, 0))
        if outcome == 200:
            self.servers.registered(locator, target)
        return self.servers.judge(target, outcome, after_s)

    def result(self, steps):
        """What a generator for a task returns."""
        said = []

        def task():
            said.append((yield from steps))

        self.core.spawn(task())
        self.core.run()
        return said[0]

    def walk(self, **outcomes):
        """-> (verdict, the addresses that were tried); outcomes by letter."""
        letters = {"a": A, "b": B, "c": C, "d": D}
        self.outcomes = {}
        for letter, outcome in outcomes.items():
            outcome = outcome if isinstance(outcome, tuple) else (outcome, 0)
            self.outcomes[letters[letter]] = outcome
        self.tried = []
        self.at = []
        said = self.result(self.servers.walk(self.attempt))
        return said, [address for address, _ in self.tried]

    def events(self, rule):
        return [note[3:5] for note in self.core.trace.notes if note[2] == rule]


# The verdict.


def test_g15_what_an_outcome_means_for_the_walk():
    for outcome, codes, want in (
        (200, [], DONE),
        (202, [], DONE),
        ("late", [], DONE),  # G16a: an earlier target has said 2xx after all
        ("silent", [], NEXT),  # G14
        ("refused", [], NEXT),
        (503, [], NEXT),
        ("timeout", [], FAILED),  # a provisional response, then nothing
        (403, [], REJECTED),
        ("wrong-password", [], REJECTED),  # W3
        (302, [], FAILED),
        (401, [], FAILED),
        (404, [], FAILED),
        (407, [], FAILED),
        (408, [], FAILED),
        (423, [], FAILED),
        (480, [], FAILED),
        (500, [], FAILED),
        (600, [], FAILED),
        (500, [500], NEXT),
        (404, [500, 404], NEXT),
        (480, [500, 404], FAILED),
        ("timeout", [500], FAILED),
    ):
        assert verdict(outcome, codes) == want, outcome


def test_g15_verdicts_are_told_apart():
    assert len({DONE, NEXT, FAILED, REJECTED, ALL_CLOSED}) == 5


# Where a walk starts, and where it goes.


def rule_of(dns_mode, mode):
    return Bench(mode, dns_mode=dns_mode).servers.rule


def test_g18_g19_g20_g21_the_mode_that_acts_by_the_number_of_its_rule():
    for mode, rule in (
        (DEFAULT, "G18"),
        (UNTIL_TTL, "G19"),
        (UNTIL_SILENT, "G20"),
        (UNTIL_FAILBACK, "G21"),
    ):
        assert rule_of("SRV", mode) == rule_of("NAPTR/SRV", mode) == rule
        assert rule_of("A Record", mode) == rule_of("Use Configured IP", mode) == "G18"


def test_g18_the_modes_are_those_of_the_settings():
    modes = Account.fields["dns_srv_failover_mode"].split("|")
    assert [rule_of("SRV", mode) for mode in modes] == ["G18", "G19", "G20", "G21"]


def test_g18_default_walks_from_the_first_one_every_time():
    bench = Bench()
    assert bench.walk(a="silent") == (DONE, [A, B])
    assert bench.tried == [(A, False), (B, True)] and bench.servers.current.address == B
    assert bench.walk(a="silent", b="refused") == (DONE, [A, B, C])
    assert bench.walk() == (DONE, [A]) and bench.servers.current.address == A


def test_g14_all_silent_is_failed_and_each_is_tried_once():
    bench = Bench(plans=((A, B, A),))
    assert bench.walk(a="silent", b="silent") == (FAILED, [A, B])
    assert bench.servers.current is None


def test_g15_what_does_not_move_on_ends_the_walk():
    bench = Bench()
    assert bench.walk(a="silent", b=404) == (FAILED, [A, B])
    assert bench.walk(a=403) == (REJECTED, [A])
    assert bench.walk(a="timeout") == (FAILED, [A])
    assert Bench(codes=(404,)).walk(a="silent", b=404) == (DONE, [A, B, C])


def test_g20_the_saved_one_first_until_it_is_silent():
    bench = Bench(UNTIL_SILENT)
    assert bench.walk(a="silent") == (DONE, [A, B])
    assert bench.walk() == (DONE, [B])
    assert bench.events("G20") == [("starts-at", "0 192.0.2.12:5060")]
    bench.locators[0].renew(A, C)  # not in the plan any more
    assert bench.walk() == (DONE, [B])
    assert bench.walk(b=503) == (DONE, [B, A])
    assert bench.walk(a="silent") == (DONE, [A, C])  # in the new plan's order
    assert bench.walk(c=500) == (FAILED, [C])  # that is no silence
    assert bench.walk(c="silent", a="silent") == (FAILED, [C, A])
    assert bench.walk() == (DONE, [A])


def test_g20_an_empty_plan_leaves_the_saved_one():
    bench = Bench(UNTIL_SILENT)
    assert bench.walk(a="silent") == (DONE, [A, B])
    bench.locators[0].renew()
    assert bench.walk() == (DONE, [B])


def test_g19_the_saved_one_as_long_as_the_ttl():
    for start in STARTS:
        bench = Bench(UNTIL_TTL, now=start)
        bench.locators[0].renew(A, B, C, until=later(start, 10000))
        assert bench.walk(a="silent") == (DONE, [A, B])
        bench.core.now = later(start, 9999)
        assert bench.walk() == (DONE, [B])
        bench.core.now = later(start, 10000)  # up, and DNS says nothing new
        assert bench.walk() == (DONE, [A])
        assert bench.walk(a="silent") == (DONE, [A, B])
        bench.locators[0].renew(A, B, C, until=later(start, 20000))  # looked up again
        assert bench.walk() == (DONE, [A])


def test_g22_the_backup_proxy_follows_when_the_first_list_is_exhausted():
    bench = Bench(plans=((A, B), (D, B)))
    first, second = bench.locators
    assert bench.walk(a="silent", b="silent") == (DONE, [A, B, D])
    assert bench.at == [first, first, second]
    assert bench.servers.locator is second and bench.servers.current.address == D
    assert bench.walk(a=404) == (FAILED, [A])


def test_g20_the_saved_one_keeps_its_locator():
    bench = Bench(UNTIL_SILENT, plans=((A,), (D,)))
    bench.walk(a="silent")
    assert bench.walk() == (DONE, [D]) and bench.at == [bench.locators[1]]


def test_g22_no_target_at_all():
    assert Bench(plans=((),)).walk() == (ALL_CLOSED, [])


# Targets that are closed.


def test_g15_503_with_retry_after_closes_the_target():
    for start in STARTS:
        bench = Bench(now=start)
        assert bench.walk(a=(503, 10)) == (DONE, [A, B])
        bench.core.now = later(start, 9999)
        assert bench.servers.opens_in_ms() == 1
        assert bench.walk() == (DONE, [B])
        bench.core.now = later(start, 10000)
        assert bench.walk() == (DONE, [A]) and bench.servers.closed_until == {}


def test_g15_503_without_it_closes_nothing():
    bench = Bench()
    assert bench.walk(a=503) == (DONE, [A, B])
    assert bench.servers.closed_until == {} and bench.walk() == (DONE, [A])


def test_g15_an_hour_at_the_most():
    bench = Bench(plans=((A,),))
    assert bench.walk(a=(503, 1 << 28)) == (ALL_CLOSED, [A])
    assert bench.servers.opens_in_ms() == 3600000


def test_g15_all_closed_is_told_apart_from_failed():
    bench = Bench(plans=((A, B),))
    assert bench.walk(a=(503, 60), b=(503, 30)) == (ALL_CLOSED, [A, B])
    assert bench.servers.opens_in_ms() == 30000
    assert bench.walk() == (ALL_CLOSED, [])
    bench.core.now = 30000
    assert bench.walk(b="silent") == (FAILED, [B])  # one was tried in vain


def test_g16a_a_late_2xx_opens_its_target():
    bench = Bench()
    bench.walk(a=(503, 60))
    bench.servers.alive(A)
    bench.servers.alive(D)  # nor was it closed
    assert bench.walk() == (DONE, [A])


def test_g15_a_closed_target_is_forgotten_when_it_opens():
    for now in STARTS:
        bench = Bench(now=now)
        servers = bench.servers
        assert servers.opens_in_ms() == 0
        servers.closed_until = {A: later(now, 10000), B: later(now, 3600000), C: now}
        bench.core.now = later(now, 9999)
        assert servers.opens_in_ms() == 1 and sorted(servers.closed_until) == [B, A]
        bench.core.now = later(now, 10000)
        assert servers.opens_in_ms() == 3590000 and list(servers.closed_until) == [B]
        bench.core.now = later(now, 3600000)
        servers.forget_old()
        assert servers.closed_until == {} and bench.locators[0].old == 1


# What others ask.


def test_g21_where_to_go_back_to():
    bench = Bench(UNTIL_FAILBACK)
    servers = bench.servers
    bench.walk(a="silent")
    locator, target = bench.result(servers.first())
    assert locator is bench.locators[0] and target.address == A and servers.place() == 1
    bench.locators[0].renew(B, A)  # the newest plan counts
    assert bench.result(servers.first()) is None and servers.place() == 0
    bench.locators[0].renew()
    assert bench.result(servers.first()) is None
    bench.locators[0].renew(A, C)
    assert bench.result(servers.first())[1].address == A and servers.place() == servers.size() == 2
    servers.closed_until[A] = 1000
    assert bench.result(servers.first()) is None


def test_w5_addresses_of_the_current_server_and_of_the_plans_are_known():
    bench = Bench(UNTIL_SILENT, plans=((A, B), (D,)))
    bench.walk(a="silent")
    for address in (A, B, D):
        assert bench.servers.knows(address[0])
    assert not bench.servers.knows(C[0])
    bench.locators[0].renew(C)
    assert (
        bench.servers.knows(B[0]) and bench.servers.knows(C[0]) and not bench.servers.knows(A[0])
    )
