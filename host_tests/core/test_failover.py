"""What decides which target is next (G15, G18 to G21, G24), as pure functions."""

from cases import STARTS
from srvphone import failover
from srvphone.account import Account
from srvphone.clock import later

P = ("192.0.2.13", 5060)
B = ("192.0.2.12", 5060)
C = ("192.0.2.11", 5060)


def rule_of(dns_mode, mode):
    account = Account()
    account.dns_mode = dns_mode
    account.dns_srv_failover_mode = mode
    return failover.rule_of(account)


def test_g18_g19_g20_g21_the_mode_that_acts_by_the_number_of_its_rule():
    for mode, rule in (
        ("Default", "G18"),
        ("Saved one until DNS TTL", "G19"),
        ("Saved one until no responses", "G20"),
        ("Saved one until failback timeout", "G21"),
    ):
        assert rule_of("SRV", mode) == rule_of("NAPTR/SRV", mode) == rule
        assert rule_of("A Record", mode) == rule_of("Use Configured IP", mode) == "G18"


def test_g18_the_modes_are_those_of_the_settings():
    modes = Account.fields["dns_srv_failover_mode"].split("|")
    assert [rule_of("SRV", mode) for mode in modes] == ["G18", "G19", "G20", "G21"]


def test_g15_a_closed_target_is_forgotten_when_it_opens():
    for now in STARTS:
        assert failover.open_up({}, now) == 0
        closed = {P: later(now, 10000), B: later(now, 3600000), C: now}
        assert failover.open_up(closed, later(now, 9999)) == 1
        assert sorted(closed) == [B, P]
        assert failover.open_up(closed, later(now, 10000)) == 3590000
        assert list(closed) == [B]
        assert failover.open_up(closed, later(now, 3600000)) == 0 and closed == {}


def test_g24_refresh_before_the_binding_lapses():
    after = failover.refresh_after
    for granted, before, targets, ms in (
        (3600, "auto", 2, 3600000 - 8800),
        (3600, "auto", 1, 3600000 - 5300),
        (10, "auto", 2, 5000),
        (17, "auto", 2, 8500),
        (18, "auto", 2, 9200),
        (1, "auto", 2, 1000),
        (0, "auto", 2, 1000),
        (5, 0, 2, 5000),
        (60, 10, 2, 50000),
        (60, 60, 2, 1000),
        (60, 100, 2, 1000),
        (3888000, "auto", 2, 3888000000 - 8800),
    ):
        assert after(granted, before, targets) == ms, (granted, before, targets)
