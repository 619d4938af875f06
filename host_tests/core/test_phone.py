"""The phone as a whole: what it leaves behind, what it never shows, its bounds."""

from cases import CPYTHON, STARTS
from sim import guide
from sim.guide import PHONE
from sim.net import NO_NETWORK
from srvphone.trace import line, masked
from stories import MODES, UNTIL_FAILBACK, blameless, current, datagrams, registered, settle

PASSWORD = "s3cret-passw0rd"
EACH = 1 if CPYTHON else 13  # every step, or each so many


def full(record):
    """A trace line with the bytes of a datagram, as the console shows it."""
    return line(record) + (" | " + b"".join(masked(record[5])).hex() if record[5] else "")


def clean(phone, sim):
    """Nothing is left that would ever act again."""
    assert phone.ended() and phone.tasks == [] and phone._events == []
    assert phone.resolver.queries == []
    sim.run(sim.now + 40000)  # what has ended is remembered for 64*T1
    assert phone.transactions.table == [] and phone.deadline() is None
    assert phone.tasks == [] and phone.take(sim.ticks()) == []


def failover_story(mode, unregister, tick=0):
    """A scene that has everything happen to it as it runs; 90 s of it."""
    scene = guide.scene(tick=tick)
    sim = scene.sim
    scene.dns.zone.add("_sip._udp.spare 600 IN SRV 1 1 5060 spare1")
    scene.dns.zone.add("spare1 600 IN A 192.168.10.20")
    scene.start(
        guide.account(
            "NAPTR/SRV",
            mode,
            register_expiration_s=20,
            failback_timeout_s=25,
            keep_alive="OPTIONS",
            keep_alive_interval_s=7,
            backup_outbound_proxy="spare.grandstream.com",
            unregister_on_reboot=unregister,
        )
    )
    sim.at(12000, scene.primary.fails, "silent")
    sim.at(31000, scene.backup.fails, "trying")
    sim.at(31000, scene.dns.fails, "silent")
    sim.at(80000, scene.backup.works)
    sim.at(80000, scene.primary.works)
    return scene


def test_w6_a_phone_stopped_at_any_step_leaves_nothing_behind():
    """Every task can be closed at every yield."""
    for mode, unregister in zip(MODES, ("No", "Instance", "All", "Instance")):
        steps = 0
        scene = failover_story(mode, unregister)
        while scene.sim.step(90000):
            steps += 1
        assert steps > 60
        for k in range(1, steps, EACH):
            scene = failover_story(mode, unregister)
            for _ in range(k):
                scene.sim.step(90000)
            phone = scene.phone
            stopped = scene.sim.now
            phone.stop(scene.sim.ticks())
            scene.sim.run_until(phone.ended, stopped + 40000)
            if unregister == "No":
                scene.sim.run(stopped + 10000)
                assert not [f for f in scene.sim.frames if f.t > stopped and f.source[0] == PHONE]
            clean(phone, scene.sim)


def test_w6_stopped_twice_and_before_the_start():
    scene = guide.scene()
    phone = scene.start()
    phone.register(scene.sim.ticks())
    phone.stop(scene.sim.ticks())
    scene = registered(unregister_on_reboot="All")
    scene.phone.stop(scene.sim.ticks())
    scene.phone.stop(scene.sim.ticks())
    scene.sim.run(scene.sim.now + 1000)
    clean(scene.phone, scene.sim)


def test_w6_a_failback_s_farewell_can_be_cut_off():
    scene = registered(UNTIL_FAILBACK, failback_timeout_s=30, register_expiration_s=3600)
    sim = scene.sim
    scene.primary.fails("closed")
    scene.phone.register(sim.ticks())
    settle_at(scene, "B")
    scene.primary.works()
    scene.backup.fails("silent")
    settle_at(scene, "P")
    scene.phone.stop(sim.ticks())
    clean(scene.phone, sim)


def settle_at(scene, where):
    assert scene.sim.run_until(lambda: current(scene) == where, scene.sim.now + 100000)


def test_w6_deadlines_are_never_far_and_never_missed():
    """Woken late or without need, the phone does the same."""
    for tick in STARTS:
        scene = registered("Saved one until no responses", tick=tick)
        sim = scene.sim
        for _ in range(50):
            scene.phone.wake(sim.ticks())
        assert sim.sip() == registered("Saved one until no responses").sim.sip()
        scene.primary.fails("silent")
        sim.run(300000)
        assert current(scene) == "B"
        blameless(scene.primary, scene.backup)


def test_w6_a_month_goes_by():
    """Ticks wrap every 12 days; housekeeping comes each 12 h."""
    for tick in STARTS:
        scene = registered("Saved one until DNS TTL", register_expiration_s=40000, tick=tick)
        scene.primary.maximum_s = 40000
        sim = scene.sim
        sim.keep = 100
        sim.run(15 * 86400000)
        assert current(scene) == "P"
        scene.primary.fails("silent")
        sim.run(30 * 86400000)
        assert current(scene) == "B" and scene.backup.bound("2002") > 0
        assert scene.phone.transactions.table == []
        assert len(scene.phone.counts) <= 1


def test_w6_housekeeping_forgets_what_is_too_old():
    scene = registered(register_expiration_s=3600000, failover_codes=[480])
    scene.primary.maximum_s = 10**9
    sim = scene.sim
    phone = scene.phone
    phone.register(sim.ticks())
    settle(scene)
    scene.backup.request("OPTIONS", (guide.PHONE, 5060))
    phone.registrations[0].servers.closed_until["192.0.2.1", 5060] = sim.ticks() + 1000
    sim.run(sim.now + 100)
    assert phone.server.answers
    sim.run(5 * 86400000)
    assert phone.registrations[0].servers.closed_until == {} and phone.server.answers == {}
    assert (
        phone.resolver.cache.answers == {}
        and phone.registrations[0].servers.locators[0].plan is None
    )
    assert phone.status()[0]["state"] == "registered"
    phone.register(sim.ticks())
    sim.run(sim.now + 1000)
    assert current(scene) == "P"


def test_w3_no_secret_is_ever_shown():
    for ha1 in ("", "0123456789abcdef0123456789abcdef"):
        scene = guide.scene()
        shown = []
        scene.primary.users = {"2002": PASSWORD}
        fields = {"ha1": ha1, "authenticate_password": "" if ha1 else PASSWORD}
        if ha1:
            scene.primary.algorithms = []
        phone = scene.start(guide.account(register_expiration_s=60, **fields))
        phone.trace.listener = lambda record, to=shown: to.append(full(record))
        scene.sim.run(200000)
        scene.primary.proxy = True
        scene.primary.restart()
        scene.sim.run(400000)
        assert current(scene) == "P"
        values = [
            text.split("uthorization: ")[1].split("\r\n")[0]
            for text in datagrams(scene.sim, "REGISTER")
            if "uthorization: " in text
        ]
        assert ha1 or len(values) > 5
        text = "\n".join(shown + [repr(phone.status()), repr(phone.trace.notes)])
        for secret in values + [PASSWORD, ha1 or PASSWORD]:
            assert secret not in text
            assert secret.encode().hex() not in text
            assert secret.encode()[10:30].hex() not in text
        if values:
            assert (b"Authorization: " + b"*" * len(values[0]) + b"\r\n").hex() in text


def test_w9_many_accounts_stay_within_the_bounds():
    """Six accounts, each with a secondary server, all in trouble at once."""
    scene = guide.scene()
    scene.sim.keep = 100
    for i in range(6):
        scene.dns.zone.add("_sip._udp.s%d 60 IN SRV 1 1 5060 test1" % i)
    scene.start(
        *[
            guide.account(
                "SRV",
                MODES[i % 4],
                secondary_sip_server="s%d.grandstream.com" % i,
                register_expiration_s=60,
                keep_alive="OPTIONS",
                keep_alive_interval_s=5,
            )
            for i in range(6)
        ]
    )
    sim = scene.sim
    most = [0]
    table = scene.phone.transactions.table

    def look():
        most[0] = max(most[0], len(table))
        return False

    sim.run_until(look, 60000)
    scene.primary.fails("silent")
    scene.backup.fails("silent")
    sim.run_until(look, 200000)
    assert most[0] == 16 and "endless" not in "".join(sim.lines)
    scene.primary.works()
    scene.backup.works()
    sim.run(300000)
    assert {status["state"] for status in scene.phone.status()} == {"registered"}
    assert len(scene.phone.status()) == 12


def test_w9_the_trace_keeps_the_newest():
    scene = registered()
    scene.sim.run(3000000)
    assert len(scene.phone.trace.notes) == 8
    assert scene.phone.trace.notes[-1][0] > 2900


def test_w5_reports_of_the_network_are_counted_and_change_nothing():
    scene = registered()
    phone = scene.phone
    for channel in (0, 1):
        for peer in (None, ("192.168.10.13", 5060), ("203.0.113.1", 9)):
            phone.failed(channel, peer, NO_NETWORK, scene.sim.ticks())
    assert current(scene) == "P" and phone.take(scene.sim.ticks()) == []
    assert phone.counts == {"errno 101": 6}


def test_g25_status_tells_what_each_registration_does():
    scene = registered()
    (status,) = scene.phone.status()
    assert status == {
        "account": "0",
        "server": "grandstream.com",
        "state": "registered",
        "current": "192.168.10.13:5060",
        "place": 0,
        "left_s": 60,
    }
    scene.primary.fails("silent")
    scene.sim.run(65000)
    (status,) = scene.phone.status()
    assert (status["current"], status["place"]) == ("192.168.10.12:5060", 1)
    scene.sim.host().offline()
    (status,) = scene.phone.status()
    assert (status["state"], status["current"], status["place"]) == ("off", "", 0)


def test_w5_what_comes_in_harms_no_trace_line():
    shown = []
    scene = registered()
    scene.phone.trace.listener = lambda record: shown.append(full(record))
    query = scene.sim.frames[0].data
    for name in (b"%s%d%n\\", b'\x1b[2J\r\n\0\xff."; '):
        labels = bytes([len(name)]) + name
        for flags in (b"\x01\0", b"\x81\x83"):
            data = query[:2] + flags + query[4:12] + labels + query[-5:]
            scene.phone.receive(1, data, ("192.168.10.10", 53), scene.sim.ticks())
        scene.phone.receive(0, name, ("192.168.10.13", 5060), scene.sim.ticks())
    for text in shown:
        assert all(32 <= ord(c) < 127 for c in text), text
    shown = [text for text in shown if " dropped " not in text]
    assert len(shown) == 6
    assert " rcode " not in shown[0] and " rcode 3 answers 0 | " in shown[1]
