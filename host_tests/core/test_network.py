"""The network goes and returns, with the same address or another (W6); signs of life (W11)."""

from cases import CPYTHON, STARTS
from sim import guide
from sim.guide import DNS, PHONE
from stories import (
    MODES,
    UNTIL_FAILBACK,
    UNTIL_SILENT,
    blameless,
    current,
    datagrams,
    header,
    registered,
    sends,
    settle,
    until,
)
from test_phone import failover_story

EACH = 1 if CPYTHON else 9
SERVERS = [(DNS, 53)]
OTHER = "192.168.10.77"


def settled(scene):
    return scene.phone.status()[0]["state"] == "registered"


def outage(scene, ms, address=PHONE, servers=SERVERS):
    """The network goes for so long and returns; back at the return."""
    host = scene.sim.host()
    host.offline()
    scene.sim.run(scene.sim.now + ms)
    host.online(address, servers)


def contacts(scene):
    """Host and port of every binding that the registrars share."""
    return [binding[0].split("@")[1] for binding in scene.primary.location.bindings("2002")]


def test_w6_without_a_network_nothing_is_sent_and_nothing_waits():
    """Cut at every step of a phone that looks up, registers, fails over and returns."""
    for mode in MODES:
        steps = 0
        scene = failover_story(mode, "No")
        while scene.sim.step(60000):
            steps += 1
        for k in range(1, steps, EACH):
            scene = failover_story(mode, "No")
            sim = scene.sim
            for _ in range(k):
                sim.step(60000)
            gone = sim.now
            sim.host().offline()
            assert scene.phone.status()[0]["state"] == "off"
            assert scene.phone.transactions.table == scene.phone.resolver.queries == []
            sim.run(gone + 50000)
            assert not [f for f in sim.frames if f.t > gone and f.source[0] == PHONE]
            assert len(scene.phone.tasks) == 1  # the housekeeping
            for server in (scene.primary, scene.backup, scene.dns):
                server.works()
            sim.host().online(PHONE, SERVERS)
            until(scene, "registered", 5000)
            blameless(scene.primary, scene.backup)


def test_w6_registered_within_5_s_of_the_return_however_long_it_was_gone():
    for tick in STARTS:
        for gone_s in (1, 60, 3600, 86400, 20 * 86400):
            for mode in MODES:
                scene = registered(mode, tick=tick)
                outage(scene, gone_s * 1000)
                back = scene.sim.now
                until(scene, "registered", 5000)
                assert sends(scene.sim, back)[0][1] == "P"
                assert contacts(scene) == [PHONE + ":5060"]


def test_w6_what_dns_failed_to_say_before_is_asked_at_once():
    scene = guide.scene()
    sim = scene.sim
    scene.start()
    scene.dns.fails("silent")
    sim.run(1200000)  # the wait after a failure is minutes by now
    scene.dns.works()
    outage(scene, 1000)
    back = sim.now
    assert sim.run_until(lambda: settled(scene), back + 100)


def test_w6_a_new_address_the_old_binding_goes_first():
    for gone_ms in (0, 1000, 600000):
        scene = registered(register_expiration_s=3600)
        sim = scene.sim
        assert contacts(scene) == [PHONE + ":5060"]
        outage(scene, gone_ms, OTHER)
        back = sim.now
        until(scene, "registered", 5000)
        assert contacts(scene) == [OTHER + ":5060"]
        last = datagrams(sim, "REGISTER")[-2:]
        assert header(last[0], "Expires") == "0" and PHONE in header(last[0], "Contact")
        assert header(last[1], "Expires") == "3600" and OTHER in header(last[1], "Contact")
        assert all(OTHER in header(text, "Via") for text in last)
        count = len(sends(sim, back))
        sim.run(sim.now + 3700000)  # once is enough
        assert [header(t, "Expires") for t in datagrams(sim, "REGISTER")].count("0") == 1
        assert count == 2 and contacts(scene) == [OTHER + ":5060"]
        blameless(scene.primary)


def test_w6_the_same_address_again_removes_nothing():
    scene = registered(register_expiration_s=3600)
    outage(scene, 60000)
    until(scene, "registered", 5000)
    assert not [t for t in datagrams(scene.sim, "REGISTER") if header(t, "Expires") == "0"]


def test_w6_the_old_binding_s_server_is_dead():
    scene = registered()
    scene.primary.fails("silent")
    outage(scene, 1000, OTHER)
    until(scene, "registered", 15000)
    assert current(scene) == "B"
    assert (OTHER + ":5060") in contacts(scene)


def test_w6_other_dns_servers():
    scene = registered(UNTIL_SILENT)
    sim = scene.sim
    sim.dns("192.168.20.53", scene.dns.zone)
    scene.dns.fails("silent")
    sim.run(sim.now + 20000)
    now = sim.now
    sim.host().online(PHONE, [("192.168.20.53", 53)])
    until(scene, "registered", 5000)
    asked = [server for t, server, _, _ in sim.queries() if t >= now]
    assert asked and set(asked) == {"192.168.20.53"}


def test_g22_a_whole_site_returns_with_a_draw():
    waits = []
    for seed in range(1, 9):
        scene = guide.scene(seed)
        scene.start(start_jitter_s=30)
        settle(scene)
        outage(scene, 1000)
        back = scene.sim.now
        until(scene, "registered", 30100)
        waits.append(sends(scene.sim, back)[0][0])
    assert max(waits) > 15000 > min(waits) and len(set(waits)) == 8


def test_w3_a_return_of_the_network_spares_a_server_that_refused_the_password():
    scene = guide.scene()
    sim = scene.sim
    scene.start(guide.account(authenticate_password="wrong"))
    until(scene, "rejected")
    before = len(sends(sim))
    for _ in range(5):
        outage(scene, 10000)
        sim.run(sim.now + 60000)
        assert scene.phone.status()[0]["state"] == "rejected"
    assert len(sends(sim)) == before
    sim.run(sim.now + 1200000)
    assert len(sends(sim)) > before  # but the long wait ends


def test_g15_a_server_that_closed_for_a_while_stays_closed():
    scene = registered()
    scene.primary.fails(503, headers=["Retry-After: 600"])
    scene.sim.run(70000)
    assert current(scene) == "B"
    outage(scene, 1000)
    back = scene.sim.now
    until(scene, "registered", 5000)
    assert [to for _, to in sends(scene.sim, back)] == ["B"]


def test_g21_the_failback_timer_starts_anew_with_the_network():
    for tick in STARTS:
        scene = registered(UNTIL_FAILBACK, tick=tick, failback_timeout_s=600)
        sim = scene.sim
        scene.primary.fails("silent")
        sim.run(70000)
        assert current(scene) == "B"
        scene.primary.works()
        outage(scene, 10 * 86400000)
        until(scene, "registered", 5000)
        assert current(scene) == "B"
        back = sim.now
        sim.run(back + 590000)
        assert current(scene) == "B"
        sim.run(back + 601000)
        assert current(scene) == "P"


def test_w6_a_button_without_a_network_does_nothing():
    scene = registered()
    sim = scene.sim
    sim.host().offline()
    gone = sim.now
    scene.phone.register(sim.ticks())
    sim.run(gone + 100000)
    assert not sends(sim, gone + 1)


def test_w6_a_phone_that_ends_without_a_network_says_no_farewell():
    for how in ("All", "Instance"):
        scene = registered(unregister_on_reboot=how)
        sim = scene.sim
        sim.host().offline()
        sim.run(sim.now + 1000)
        scene.phone.stop(sim.ticks())
        assert scene.phone.ended() and scene.phone.take(scene.sim.ticks()) == []


def test_w11_a_phone_lives_while_its_flows_do():
    for tick in STARTS:
        scene = registered(tick=tick)
        sim = scene.sim
        phone = scene.phone
        assert phone.lives(sim.ticks())
        sim.host().offline()
        assert phone.lives(sim.ticks())
        sim.host().online(PHONE, SERVERS)
        settle(scene)
        assert phone.lives(sim.ticks())
        phone.close(phone.registrations[0].task)
        assert not phone.lives(sim.ticks())


def test_w11_what_is_long_overdue_is_no_life():
    for tick in STARTS:
        scene = registered(tick=tick)
        due = scene.phone.deadline()
        for late_ms, lives in ((-60000, True), (2000, True), (4000, False), (600000, False)):
            assert scene.phone.lives((due + late_ms) % 2**30) == lives


def test_w11_a_phone_that_stopped_or_has_no_account_lives():
    scene = registered()
    scene.phone.stop(scene.sim.ticks())
    assert scene.phone.lives(scene.sim.ticks())
    scene = guide.scene()
    scene.start(guide.account(account_active="No"))
    scene.sim.run(1000)
    assert scene.phone.lives(scene.sim.ticks())
