"""What may happen to the servers, told in every fail-over mode (G14 to G22a)."""

from cases import STARTS
from sim import guide
from sim.guide import BACKUP, PRIMARY, registration
from stories import (
    DEFAULT,
    MODES,
    UNTIL_FAILBACK,
    UNTIL_SILENT,
    UNTIL_TTL,
    blameless,
    current,
    datagrams,
    header,
    registered,
    sends,
    settle,
    targets,
    tour,
    until,
)

SAVING = (UNTIL_TTL, UNTIL_SILENT, UNTIL_FAILBACK)
LONG_TTL = """
_sip._udp.test 3600 IN SRV 2 1 5060 test1.grandstream.com.
_sip._udp.test 3600 IN SRV 1 1 5060 test2.grandstream.com.
test1 3600 IN A 192.168.10.12
test2 3600 IN A 192.168.10.13
"""


def with_ttl(mode, seconds, **fields):
    """The guide's scene with this TTL on every record, registered at the primary."""
    fields = dict({"register_expiration_s": 60, "reregister_before_expiration_s": 0}, **fields)
    scene = guide.scene(tick=fields.pop("tick", 0))
    scene.dns.zone.set(LONG_TTL.replace("3600", "%d" % seconds))
    scene.start(guide.account("SRV", mode, **fields))
    settle(scene)
    return scene


def on_backup(mode, ttl_s=3600, **fields):
    """The primary has died and the phone has gone on to the backup: (scene, since when)."""
    scene = with_ttl(mode, ttl_s, **fields)
    scene.primary.fails("silent")
    assert scene.sim.run_until(lambda: current(scene) == "B", 100000)
    return scene, scene.sim.now


def refreshed(scene):
    """Run until the refresh that comes next is answered: its targets as "PB"."""
    sim = scene.sim
    start = sim.now + 1
    assert sim.run_until(
        lambda: scene.phone.status()[0]["state"] == "registering", sim.now + 90000
    )
    settle(scene)
    return tour(sim, start)


# The primary dies, and returns


def test_g14_primary_dies_three_sends_then_the_backup():
    for mode in MODES:
        for tick in STARTS:
            scene = registered(mode, tick=tick)
            scene.primary.fails("silent")
            scene.sim.run_until(lambda s=scene: current(s) == "B", 100000)
            seen = [(t, to) for t, to in sends(scene.sim) if t > 1000]
            t = seen[0][0]
            gaps = [(at - t, to) for at, to in seen]
            assert gaps == [(0, "P"), (500, "P"), (1500, "P"), (3500, "B"), (3502, "B")], mode
            assert scene.sim.noted("G14", "silent")[0][3] == "0 192.168.10.13:5060"
            assert scene.backup.bound("2002") > 0
            blameless(scene.primary, scene.backup)


def test_g18_default_starts_every_cycle_at_the_first_target():
    for ttl in (3, 3600):
        scene, _ = on_backup(DEFAULT, ttl)
        for _ in range(3):
            assert refreshed(scene) == "PB"
        assert scene.sim.noted("G18", "starts-at")[-1][3] == "0 192.168.10.13:5060"
        scene.primary.works()
        assert refreshed(scene) == "P" and current(scene) == "P"
        assert refreshed(scene) == "P"
        blameless(scene.primary, scene.backup)


def test_g18_acts_in_the_dns_modes_without_srv():
    for mode in MODES:
        scene = guide.scene()
        scene.start(
            guide.account(
                "Use Configured IP",
                mode,
                primary_ip=PRIMARY,
                backup_ip_1=BACKUP,
                outbound_proxy="",
                register_expiration_s=60,
                failback_timeout_s=100,
            )
        )
        settle(scene)
        scene.primary.fails("silent")
        scene.sim.run_until(lambda s=scene: current(s) == "B", 100000)
        assert refreshed(scene) == "PB" and scene.sim.queries() == []
        assert not scene.sim.noted("G21")


def test_g19_saved_one_first_until_the_ttl_is_up():
    for tick in STARTS:
        scene, _ = on_backup(UNTIL_TTL, 150, tick=tick)
        scene.primary.works()
        assert refreshed(scene) == "B"
        assert refreshed(scene) == "P"  # the TTL of 150 s was up at 150.006 s
        assert len(scene.sim.queries()) == 6
        assert refreshed(scene) == "P"
        blameless(scene.primary, scene.backup)


def test_g19_saved_one_does_not_answer_one_at_a_time_through_all():
    scene, _ = on_backup(UNTIL_TTL)
    scene.backup.fails("silent")
    scene.primary.works()
    assert refreshed(scene) == "BP" and current(scene) == "P"
    assert refreshed(scene) == "P"


def test_g19_a_primary_that_is_dead_when_the_ttl_is_up():
    scene, _ = on_backup(UNTIL_TTL, 100)
    assert refreshed(scene) == "PB"
    assert refreshed(scene) == "B"  # the new plan holds for 100 s again
    assert refreshed(scene) == "PB"


def test_g20_saved_one_first_beyond_the_ttl():
    for tick in STARTS:
        scene, _ = on_backup(UNTIL_SILENT, 3, tick=tick)
        scene.primary.works()
        asked = len(scene.sim.queries())
        for _ in range(3):
            assert refreshed(scene) == "B"
        assert len(scene.sim.queries()) > asked  # the plan is refreshed all the same
        scene.backup.fails("silent")
        assert refreshed(scene) == "BP"
        scene.backup.works()
        assert refreshed(scene) == "P"
        blameless(scene.primary, scene.backup)


def test_g20_saved_one_first_when_the_new_plan_lacks_it_or_is_empty():
    for mode in (UNTIL_SILENT, UNTIL_FAILBACK):
        scene, _ = on_backup(mode, 3)
        scene.dns.zone.set("_sip._udp.test 3 IN SRV 1 1 5060 test2.grandstream.com.")
        assert refreshed(scene) == "B"
        scene.dns.zone.remove("_sip._udp.test")
        scene.dns.zone.remove("test")
        assert refreshed(scene) == "B"
        assert targets(scene) == ""
        scene.backup.fails("silent")
        until(scene, "waiting", 100000)


def test_g20_saved_one_is_over_only_when_it_is_silent():
    scene, _ = on_backup(UNTIL_SILENT, 3)
    scene.primary.works()
    scene.backup.fails(480, times=1)  # the cycle fails; the server was there
    until(scene, "waiting", 100000)
    assert refreshed(scene) == "B"


def test_g21_back_to_the_first_target_when_the_failback_timer_is_up():
    for tick in STARTS:
        scene, since = on_backup(UNTIL_FAILBACK, 3, failback_timeout_s=100, tick=tick)
        sim = scene.sim
        scene.primary.works()
        assert sim.run_until(lambda s=scene: current(s) == "P", since + 110000)
        assert since + 100000 <= sim.now <= since + 100020
        # The old binding is removed, and what that may have cost the new one is mended.
        sim.run(sim.now + 1000)
        assert tour(sim, since + 1) == "BPBP"
        gone = datagrams(sim, "REGISTER", BACKUP)[-1]
        assert header(gone, "Expires") == "0" and header(gone, "Contact").startswith("<sip:2002@")
        assert sim.noted("-", "unregistered")[-1][3] == "0 192.168.10.12:5060"
        assert current(scene) == "P" and scene.primary.bound("2002") > 0
        assert refreshed(scene) == "P"
        sim.run(sim.now + 300000)
        assert len(sim.noted("G21", "failback")) == 1
        blameless(scene.primary, scene.backup)


def test_g21_the_timer_starts_again_while_the_first_target_is_dead():
    scene, since = on_backup(UNTIL_FAILBACK, 3600, failback_timeout_s=100)
    sim = scene.sim
    sim.run(since + 350000)
    times = [t - since for t, _, _, _ in sim.noted("G21", "failback")]
    assert times == [100000, 200000, 300000]
    assert [t for t, to in sends(sim, since + 100000) if to == "P"][:3] == [0, 500, 1500]
    assert current(scene) == "B" and scene.backup.bound("2002") > 0
    assert not sim.noted("-", "unregistered")
    scene.primary.works()
    sim.run(since + 401000)
    assert current(scene) == "P"
    blameless(scene.primary, scene.backup)


def test_g21_an_old_server_that_is_dead_does_not_matter():
    scene, since = on_backup(UNTIL_FAILBACK, 3600, failback_timeout_s=100)
    scene.primary.works()
    scene.sim.run(since + 99000)
    scene.backup.fails("silent")
    scene.sim.run(since + 110000)
    assert current(scene) == "P" and not scene.sim.noted("-", "unregistered")
    assert refreshed(scene) == "P"


def test_g21_a_closed_first_target_waits_for_the_next_time():
    scene, since = on_backup(UNTIL_FAILBACK, 3600, failback_timeout_s=100)
    scene.primary.works()
    scene.primary.fails(503, headers=["Retry-After: 250"], times=1)
    scene.sim.run(since + 399000)
    assert [t - since for t, _, _, _ in scene.sim.noted("G21", "failback")] == [100000]
    scene.sim.run(since + 401000)
    assert current(scene) == "P"


def test_g21_an_empty_plan_at_the_time_leaves_the_phone_where_it_is():
    scene, since = on_backup(UNTIL_FAILBACK, 3, failback_timeout_s=100)
    scene.primary.works()
    records = list(scene.dns.zone.records)
    scene.dns.zone.remove("_sip._udp.test")
    scene.sim.run(since + 150000)
    assert current(scene) == "B"
    scene.dns.zone.records = records
    scene.sim.run(since + 201000)
    assert current(scene) == "P"


# All die


def test_g22_all_die_then_the_wait_then_only_the_backup_returns():
    for mode in MODES:
        for tick in STARTS:
            scene = registered(mode, tick=tick)
            sim = scene.sim
            scene.primary.fails("silent")
            scene.backup.fails("silent")
            until(scene, "waiting", 100000)
            since = sim.now
            assert sim.noted("G22", "waits")[-1][3] == "0 20000"
            scene.backup.works()
            settle(scene)
            assert current(scene) == "B"
            assert sends(sim, since + 1)[0][0] in range(19999, 20010)
            assert tour(sim, since + 1) == "PB"
            assert scene.backup.bound("2002") > 0
            blameless(scene.primary, scene.backup)


def test_g22_looks_up_again_after_the_wait_if_the_ttl_is_up():
    for mode in MODES:
        scene = registered(mode)
        scene.primary.fails("silent")
        scene.backup.fails("silent")
        until(scene, "waiting", 100000)
        scene.dns.zone.set("_sip._udp.test 3 IN SRV 1 1 5060 test4.grandstream.com.")
        scene.dns.zone.add("test4 3 IN A 192.168.10.14")
        scene.sim.registrar("192.168.10.14")
        settle(scene)
        assert current(scene) == "192.168.10.14"


def test_g22_random_wait():
    waits = set()
    for seed in range(1, 9):
        scene = registration(seed=seed, use_random_retry_wait="Yes")
        scene.primary.fails("silent")
        scene.backup.fails("silent")
        until(scene, "waiting")
        (note,) = scene.sim.noted("G22", "waits")
        wait = int(note[3].split()[1])
        assert 60000 <= wait <= 600000 and wait % 1000 == 0
        waits.add(wait)
        scene.sim.run(note[0] + wait - 10)
        assert scene.phone.status()[0]["state"] == "waiting"
        scene.sim.run(note[0] + wait + 10)
        assert scene.phone.status()[0]["state"] == "registering"
    assert len(waits) == 8


def test_g22_the_first_register_waits_a_draw():
    starts = []
    for seed in range(1, 9):
        scene = guide.scene(seed)
        scene.start(start_jitter_s=30)
        settle(scene)
        starts.append(sends(scene.sim)[0][0])
    assert len(set(starts)) == 8 and max(starts) <= 30010
    assert min(starts) < 10000 and max(starts) > 20000


def proxied(mode=DEFAULT):
    """The guide's scene with a Backup Outbound Proxy, and that proxy's registrar."""
    scene = guide.scene()
    scene.dns.zone.set(LONG_TTL)
    scene.dns.zone.add("_sip._udp.spare 600 IN SRV 1 1 5070 spare1.grandstream.com.")
    scene.dns.zone.add("spare1 600 IN A 192.168.10.20")
    spare = scene.sim.registrar(
        "192.168.10.20", guide.REALM, guide.USERS, 5070, scene.primary.location
    )
    scene.start(
        guide.account(
            "SRV",
            mode,
            backup_outbound_proxy="spare.grandstream.com",
            register_expiration_s=60,
            reregister_before_expiration_s=0,
        )
    )
    return scene, spare


def test_g22_the_backup_outbound_proxy_follows_the_first_list():
    for mode in MODES:
        scene, spare = proxied(mode)
        sim = scene.sim
        settle(scene)
        assert not [q for q in sim.queries() if "spare" in q[3]]
        scene.primary.fails("silent")
        scene.backup.fails("silent")
        start = sim.now
        assert sim.run_until(lambda s=scene: "20" in current(s)[-2:], 100000)
        assert tour(sim, start + 1) == "PB192.168.10.20"
        assert [q[2] for q in sim.queries() if "spare" in q[3]] == ["SRV", "A"]
        for text in datagrams(sim, "REGISTER", "192.168.10.20"):
            assert header(text, "Route") == "<sip:spare.grandstream.com;lr>"
            assert text.startswith("REGISTER sip:grandstream.com SIP/2.0\r\n")
        # The next cycle: where it starts is the mode's choice, and the route goes with it.
        expected = "PB192.168.10.20" if mode == DEFAULT else "192.168.10.20"
        assert refreshed(scene) == expected
        last = datagrams(sim, "REGISTER", "192.168.10.20")[-1]
        assert header(last, "Route") == "<sip:spare.grandstream.com;lr>"
        spare.fails("silent")
        until(scene, "waiting", 100000)
        scene.primary.works()
        settle(scene)
        last = datagrams(sim, "REGISTER", PRIMARY)[-1]
        assert header(last, "Route") == "<sip:test.grandstream.com;lr>"
        blameless(scene.primary, scene.backup, spare)


def test_g22_a_target_in_both_lists_is_tried_once():
    scene, spare = proxied()
    scene.dns.zone.add("_sip._udp.spare 600 IN SRV 0 1 5060 test1.grandstream.com.")
    for server in (scene.primary, scene.backup, spare):
        server.fails("silent")
    until(scene, "waiting")
    assert tour(scene.sim) == "PB192.168.10.20" and len(sends(scene.sim)) == 9


def test_g22a_the_secondary_server_is_registered_beside_the_first():
    for mode in MODES:
        scene = guide.scene()
        second = scene.sim.registrar("192.168.10.30", guide.REALM, guide.USERS)
        scene.dns.zone.add("_sip._udp.second 60 IN SRV 1 1 5060 second1.grandstream.com.")
        scene.dns.zone.add("second1 60 IN A 192.168.10.30")
        scene.start(
            guide.account(
                "SRV",
                mode,
                secondary_sip_server="second.grandstream.com",
                register_expiration_s=60,
                reregister_before_expiration_s=0,
            )
        )
        sim = scene.sim
        sim.run(1000)
        assert current(scene) == "P" and current(scene, 1) == "192.168.10.30"
        first = datagrams(sim, "REGISTER", PRIMARY)[-1]
        other = datagrams(sim, "REGISTER", "192.168.10.30")[-1]
        assert header(first, "Call-ID") != header(other, "Call-ID")
        assert other.startswith("REGISTER sip:second.grandstream.com SIP/2.0\r\n")
        assert header(other, "Route") is None and header(first, "Route")
        assert header(other, "To") == "<sip:2002@second.grandstream.com>"
        # What happens to one does not touch the other.
        second.fails("silent")
        sim.run(70000)
        assert current(scene) == "P" and current(scene, 1) == ""
        second.works()
        scene.primary.fails("silent")
        sim.run(150000)
        assert current(scene) == "B" and current(scene, 1) == "192.168.10.30"
        blameless(scene.primary, scene.backup, second)


# DNS


def test_g13_the_ttl_runs_out_while_on_the_backup():
    """A TTL that is up sends nothing by itself; at the next cycle the names are looked up."""
    for mode in MODES:
        scene, since = on_backup(mode, 10)
        sim = scene.sim
        scene.primary.works()
        asked = len(sim.queries())
        sim.run(since + 59000)
        assert sends(sim, since + 1) == [] and len(sim.queries()) == asked
        first = {DEFAULT: "P", UNTIL_TTL: "P"}.get(mode, "B")
        assert refreshed(scene) == first
        assert len(sim.queries()) == asked + 3
        blameless(scene.primary, scene.backup)


def test_g13_the_record_set_changes_at_the_ttl():
    for mode in MODES:
        scene, since = on_backup(mode, 90)
        sim = scene.sim
        third = sim.registrar("192.168.10.14", guide.REALM, guide.USERS)
        third.location = scene.primary.location
        scene.dns.zone.set("test2 90 IN A 192.168.10.14")
        expected = ["PB", "192.168.10.14"] if mode == DEFAULT else ["B", "B"]
        if mode == UNTIL_TTL:
            expected[1] = "192.168.10.14"
        # The plan is from 0, so still good at the first refresh only if that is before 90 s.
        assert since < 66000
        sim.run(since + 20000)
        scene.phone.register(sim.ticks())
        settle(scene)
        sim.run(sim.now + 4000)
        assert tour(sim, since + 20000) == expected[0], mode
        assert refreshed(scene) == expected[1], mode
        blameless(scene.primary, scene.backup, third)


def test_g13_dns_dies_after_registration():
    """The plan that was good is used on, also for a fail-over."""
    for mode in MODES:
        for how in ("silent", "closed", "SERVFAIL"):
            scene = registered(mode)
            scene.dns.fails(how)
            assert refreshed(scene) == "P"
            scene.primary.fails("silent")
            assert refreshed(scene) == "PB", (mode, how)
            assert targets(scene) == "PB"
            scene.dns.works()
            scene.primary.works()
            for _ in range(9):  # what failed is not asked for again for up to 5 min
                refreshed(scene)
            assert current(scene) == ("P" if mode in (DEFAULT, UNTIL_TTL) else "B")
            blameless(scene.primary, scene.backup)


# What moves on, and what does not


def test_g15_refused_moves_on_at_once():
    for mode in MODES:
        scene = registered(mode)
        scene.primary.fails("closed")
        start = scene.sim.now + 1
        assert refreshed(scene) == "PB"
        seen = sends(scene.sim, start)
        assert seen[1][0] - seen[0][0] <= 4 and [to for _, to in seen] == ["P", "B", "B"]
        assert scene.sim.noted("G15", "refused")


def test_g15_without_reports_a_closed_port_is_silence():
    scene = registered()
    scene.sim.reports = False
    scene.primary.fails("closed")
    start = scene.sim.now + 1
    assert refreshed(scene) == "PB"
    seen = sends(scene.sim, start)
    assert seen[3][0] - seen[0][0] == 3500


def test_g15_503_without_retry_after_moves_on_and_closes_nothing():
    for mode in MODES:
        scene = registered(mode)
        scene.primary.fails(503)
        assert refreshed(scene) == "PB"
        scene.phone.register(scene.sim.ticks())
        scene.sim.run(scene.sim.now + 1000)
        assert scene.phone.registrations[0].servers.closed_until == {}
        scene.primary.works()
        assert refreshed(scene) == ("P" if mode in (DEFAULT, UNTIL_TTL) else "B")
        blameless(scene.primary, scene.backup)


def test_g15_503_with_retry_after_closes_the_target_for_so_long():
    for value in ("100", "100 (in a while)", "100;duration=60", " 100 ;duration=60 (x)"):
        scene = registered()
        scene.primary.fails(503, headers=["Retry-After: " + value], times=1)
        assert refreshed(scene) == "PB"
        assert refreshed(scene) == "B", value  # 60 s later: passed over
        assert refreshed(scene) == "P", value  # 120 s later: open


def test_g15_retry_after_counts_for_an_hour_at_most():
    for tick in STARTS:
        for value in (7200, 99999999, 99999999999999999999):
            scene = registered(register_expiration_s=1000, tick=tick)
            scene.primary.fails(503, headers=["Retry-After: %d" % value], times=1)
            tours = [refreshed_late(scene) for _ in range(5)]
            if value < 2**29:
                assert tours == ["PB", "B", "B", "B", "P"], (value, tours)
            else:
                assert tours[0] == "PB"  # no number of seconds that a phone could take


def refreshed_late(scene):
    sim = scene.sim
    start = sim.now + 1
    assert sim.run_until(lambda: sends(sim, start) != [], sim.now + 1100000)
    settle(scene)
    return tour(sim, start)


def test_g15_an_unreadable_retry_after_closes_nothing():
    for value in ("soon", "-5", "", "1 2", "0"):
        scene = registered()
        scene.primary.fails(503, headers=["Retry-After: " + value], times=1)
        assert refreshed(scene) == "PB"
        assert refreshed(scene) == "P", value


def test_g15_a_provisional_response_stays_until_64_t1_then_the_cycle_has_failed():
    for mode in MODES:
        scene = registered(mode)
        scene.primary.fails("trying")
        since = 60010
        until(scene, "waiting", 120000)
        assert scene.sim.now in range(since + 32000, since + 32010)
        assert tour(scene.sim, 1000) == "P"
        assert scene.sim.noted("G15", "timeout")


def test_g15_a_slow_final_response_after_a_provisional_one_is_good():
    scene = registered()
    scene.primary.fails("late", delay_ms=20000)
    assert refreshed(scene) == "P" and current(scene) == "P"


def test_g15_other_responses_fail_the_cycle_at_this_target():
    for mode in (DEFAULT, UNTIL_TTL):
        for status in (302, 400, 404, 408, 480, 500, 504, 600, 603):
            scene = registered(mode)
            scene.primary.fails(status)
            start = scene.sim.now + 1
            until(scene, "waiting", 100000)
            assert tour(scene.sim, start) == "P" and scene.backup.requests == 0
            assert scene.sim.noted("G15", str(status)) and scene.sim.noted("G22", "waits")
            scene.primary.works()
            assert refreshed(scene) == "P"


def test_g15_403_stops_for_the_long_wait():
    scene = registered()
    scene.primary.fails(403)
    until(scene, "rejected", 100000)
    since = scene.sim.now
    scene.sim.run(since + 1199000)
    assert sends(scene.sim, since + 1) == [] and scene.backup.requests == 0
    scene.primary.works()
    scene.sim.run(since + 1201000)
    assert current(scene) == "P"


def test_g15_further_codes_that_move_on_are_a_setting():
    scene = registered(failover_codes=[480, 500])
    scene.primary.fails(480)
    assert refreshed(scene) == "PB"
    scene.primary.works()
    scene.primary.fails(500)
    assert refreshed(scene) == "PB"
    scene.primary.works()
    scene.primary.fails(404)
    until(scene, "waiting", 100000)
    assert not [headers for headers in datagrams(scene.sim, 503)]


def test_g15_401_at_the_primary_which_then_dies():
    for mode in MODES:
        scene = registration(failover=mode)
        sim = scene.sim
        asked = sim.run_until(lambda s=scene: s.primary.requests == 1, 1000)
        assert asked
        sim.step(sim.now + 5)  # the 401 is on its way
        scene.primary.fails("silent")
        settle(scene)
        assert current(scene) == "B" and tour(sim) == "PB"
        seen = sends(sim)
        t = seen[1][0]
        assert [(at - t, to) for at, to in seen[1:5]] == [
            (0, "P"),
            (500, "P"),
            (1500, "P"),
            (3500, "B"),
        ]
        texts = datagrams(sim, "REGISTER")
        assert header(texts[1], "Authorization") and header(texts[4], "Authorization") is None
        blameless(scene.primary, scene.backup)


def test_g18_closed_targets_are_passed_over_and_all_closed_waits_for_the_first():
    for mode in MODES:
        for tick in STARTS:
            scene = registered(mode, tick=tick)
            sim = scene.sim
            scene.primary.fails(503, headers=["Retry-After: 9"], times=1)
            scene.backup.fails(503, headers=["Retry-After: 5"], times=1)
            until(scene, "waiting", 100000)
            since = sim.now
            settle(scene)
            assert tour(sim, since + 1) == "B" and current(scene) == "B"
            assert 4990 <= sends(sim, since + 1)[0][0] <= 5010


def test_g18_all_closed_for_long_waits_no_longer_than_the_retry_wait():
    scene = registered(registration_failure_retry_wait_s=30)
    scene.primary.fails(503, headers=["Retry-After: 50"], times=1)
    scene.backup.fails(503, headers=["Retry-After: 45"], times=1)
    sim = scene.sim
    until(scene, "waiting", 100000)
    since = sim.now
    settle(scene, 100000)
    assert tour(sim, since + 1) == "B"
    # 30 s, then all are closed still: to the 45th
    assert [t - since for t, _, _, _ in sim.noted("G22", "waits")][-1] in range(29990, 30010)
    assert 44980 <= sends(sim, since + 1)[0][0] <= 45010


def test_g18_one_closed_and_one_silent_is_the_whole_wait():
    scene = registered()
    scene.primary.fails(503, headers=["Retry-After: 5"], times=1)
    scene.backup.fails("silent")
    until(scene, "waiting", 100000)
    since = scene.sim.now
    settle(scene)
    assert 19990 <= sends(scene.sim, since + 1)[0][0] <= 20010 and current(scene) == "P"


# Late answers


def test_g16a_a_late_200_while_the_next_is_tried_ends_the_cycle():
    for mode in MODES:
        for tick in STARTS:
            scene = registered(mode, tick=tick)
            scene.primary.fails("", delay_ms=4000)
            scene.backup.fails("silent")
            settle_again(scene)
            assert current(scene) == "P" and scene.sim.noted("G16a", "late")
            assert scene.primary.bound("2002") > 0
            scene.primary.works()
            since = scene.sim.now
            scene.sim.run(since + 40000)  # nothing more is sent to the one that was abandoned
            assert sends(scene.sim, since + 1) == []
            assert refreshed(scene) == "P"
            blameless(scene.primary)


def settle_again(scene):
    until(scene, "registering", 100000)
    settle(scene)


def test_g16a_a_late_200_when_another_has_answered_changes_nothing():
    for mode in MODES:
        scene = registered(mode)
        scene.primary.fails("", delay_ms=4000, times=1)
        assert refreshed(scene) == "PB" and current(scene) == "B"
        scene.sim.run(scene.sim.now + 5000)
        assert scene.sim.noted("G16a", "late")[0][3] == "0 192.168.10.13:5060 200"
        assert current(scene) == "B"
        assert refreshed(scene) == ("P" if mode in (DEFAULT, UNTIL_TTL) else "B")


def test_g16a_a_late_200_in_the_wait_ends_it():
    for mode in MODES:
        scene = registered(mode)
        scene.primary.fails("", delay_ms=9000, times=1)
        scene.backup.fails("silent")
        until(scene, "waiting", 100000)
        since = scene.sim.now
        settle(scene)
        assert scene.sim.now < since + 3000 and current(scene) == "P"
        scene.sim.run(since + 30000)
        assert sends(scene.sim, since + 1) == []


def test_g16a_a_late_200_while_the_names_are_looked_up_counts():
    scene = registered(registration_failure_retry_wait_s=1)
    sim = scene.sim
    scene.primary.fails("", delay_ms=8500, times=1)
    scene.primary.fails("silent")
    scene.primary.faults.reverse()  # slow once, then silent
    scene.backup.fails("silent")
    scene.dns.fails("", delay_ms=700)
    until(scene, "waiting", 100000)
    until(scene, "registering", 100000)  # of which the look-up is the first part
    since = sim.now
    settle(scene)
    assert current(scene) == "P" and len(sends(sim, since)) <= 1  # one may be under way


def test_g16a_a_late_401_is_not_answered():
    for mode in MODES:
        scene = registration(failover=mode)
        scene.primary.fails("", delay_ms=4000, times=1)
        scene.backup.fails("silent")
        scene.sim.run(6000)
        assert scene.sim.noted("G16a", "late")[0][3] == "0 192.168.10.13:5060 401"
        assert tour(scene.sim) == "PB" and current(scene) == ""
        blameless(scene.primary, scene.backup)


# Several at once


def test_g18_two_accounts_in_trouble_at_once():
    """What one account has tried is no business of the other's."""
    for mode in MODES:
        scene = guide.scene()
        fields = {"register_expiration_s": 60, "reregister_before_expiration_s": 0}
        scene.primary.users = scene.backup.users = dict(guide.USERS, **{"2003": "other"})
        scene.start(
            guide.account("SRV", mode, **fields),
            guide.account(
                "SRV", mode, **dict(fields, sip_user_id="2003", authenticate_password="other")
            ),
        )
        sim = scene.sim
        sim.run(1000)
        assert current(scene) == current(scene, 1) == "P"
        scene.primary.fails("silent")
        sim.run(70000)
        assert current(scene) == current(scene, 1) == "B"
        assert scene.backup.bound("2002") > 0 and scene.backup.bound("2003") > 0
        scene.backup.fails("silent")
        sim.run(150000)
        assert current(scene) == current(scene, 1) == ""
        scene.backup.works()
        sim.run(190000)
        assert current(scene) == current(scene, 1) == "B"
        scene.backup.fails(403, times=1)  # for one of the two alone
        sim.run(260000)
        states = sorted(status["state"] for status in scene.phone.status())
        assert states == ["registered", "rejected"]
        blameless(scene.primary, scene.backup)
