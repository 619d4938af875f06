"""A registration from its first REGISTER to its last (G1, G7, G14 to G17, G22 to G26, W6)."""

from cases import STARTS
from sim import Sim, guide
from sim.guide import BACKUP, PRIMARY, registration
from sim.net import NO_HOST, NO_NETWORK
from srvphone.sip.expires import refresh_after
from stories import (
    DEFAULT,
    MODES,
    blameless,
    current,
    datagrams,
    header,
    param,
    registered,
    sends,
    settle,
    tour,
    until,
)

OWN = "<sip:2002@192.168.10.11:5060>"


# G1


def test_g1_request_uri_from_and_to_keep_the_sip_server():
    for mode, route in (
        ("in route", "<sip:test.grandstream.com;lr>"),
        ("not in route", None),
        ("always send to", None),
    ):
        scene = registered(outbound_proxy_mode=mode)
        for text in datagrams(scene.sim, "REGISTER"):
            assert text.startswith("REGISTER sip:grandstream.com SIP/2.0\r\n")
            assert header(text, "Route") == route
            assert header(text, "From").startswith("<sip:2002@grandstream.com>;tag=")
            assert header(text, "To") == "<sip:2002@grandstream.com>"
            assert header(text, "Contact") == OWN
        assert {name for _, _, _, name in scene.sim.queries()} == {
            "_sip._udp.test.grandstream.com",
            "test1.grandstream.com",
            "test2.grandstream.com",
        }
        blameless(scene.primary)


def test_g1_without_an_outbound_proxy_the_sip_server_is_looked_up():
    scene = guide.scene()
    scene.start(
        guide.account(
            sip_server="test.grandstream.com:5060", outbound_proxy="", dns_mode="A Record"
        )
    )
    scene.dns.zone.add("test 60 IN A 192.168.10.13")
    settle(scene)
    for text in datagrams(scene.sim, "REGISTER"):
        assert text.startswith("REGISTER sip:test.grandstream.com:5060 SIP/2.0\r\n")
        assert header(text, "Route") is None
    assert [query[2:] for query in scene.sim.queries()] == [("A", "test.grandstream.com")]


# G7


def configured(*addresses):
    """A phone in DNS Mode Use Configured IP, its servers all silent, run for 120 s."""
    sim = Sim()
    for address in addresses:
        sim.registrar(address).fails("silent")
    names = ("primary_ip", "backup_ip_1", "backup_ip_2")
    fields = dict(zip(names, addresses))
    account = guide.account("Use Configured IP", outbound_proxy="", **fields)
    sim.phone(guide.settings(account), guide.PHONE)
    sim.run(120000)
    assert sim.queries() == []
    return sim


def test_g7_rotation_with_two_backups():
    a, b, c = PRIMARY, BACKUP, "192.168.10.14"
    sim = configured(a, b, c)
    once = [(ms, to) for ms, to in sends(sim) if ms < 25000]
    assert once == [
        (ms + i * 3500, to) for i, to in enumerate(("P", "B", c)) for ms in (0, 500, 1500)
    ]
    # After the round G22's wait, then P again: 10.5 s and 20 s a round.
    firsts = [ms for ms, to in sends(sim) if to == "P"][::3]
    assert firsts == [0, 30500, 61000, 91500]
    assert tour(sim) == ("PB" + c) * 4


def test_g7_rotation_with_one_backup():
    sim = configured(PRIMARY, BACKUP)
    assert [ms for ms, to in sends(sim) if to == "P"][::3] == [0, 27000, 54000, 81000, 108000]
    assert tour(sim) == "PB" * 5


def test_g7_a_cycle_starts_at_the_primary():
    sim = Sim()
    primary = sim.registrar(PRIMARY)
    backup = sim.registrar(BACKUP, location=primary.location)
    account = guide.account(
        "Use Configured IP",
        outbound_proxy="",
        primary_ip=PRIMARY,
        backup_ip_2=BACKUP,
        register_expiration_s=60,
        reregister_before_expiration_s=0,
    )
    primary.fails("silent")
    sim.phone(guide.settings(account), guide.PHONE)
    sim.run(140000)
    assert tour(sim) == "PBPBPB"
    primary.works()
    sim.run(200000)
    assert tour(sim, 140000) == "P"
    blameless(primary, backup)


# G16


def test_g16_on_the_next_target_a_new_branch_and_the_same_call_id_and_tag():
    for setting, step in (("raise", 1), ("same", 0)):
        scene = registered(cseq_on_failover=setting)
        # Where a lost 2xx is possible a common table of bindings wants the raised one.
        scene.backup.cseq_status = 200
        scene.primary.fails("silent")
        scene.sim.run(70000)
        texts = datagrams(scene.sim, "REGISTER")[2:]
        old, new, again = texts[0], texts[3], texts[4]
        assert texts[0] == texts[1] == texts[2] and len(texts) == 5
        branches = {param(header(text, "Via"), "branch") for text in (old, new, again)}
        assert len(branches) == 3 and all(b.startswith("z9hG4bK") for b in branches)
        for text in (new, again):
            assert header(text, "Call-ID") == header(old, "Call-ID")
            assert param(header(text, "From"), "tag") == param(header(old, "From"), "tag")
        numbers = [int(header(text, "CSeq").split()[0]) for text in (old, new, again)]
        assert [n - numbers[0] for n in numbers] == [0, step, step + 1]
        assert header(old, "Authorization") and header(new, "Authorization") is None


def test_g16_no_credentials_from_a_nonce_of_another_server():
    """Also where that server refused, and its nonce is kept."""
    scene = registered()
    scene.primary.fails("closed")
    scene.sim.run(70000)
    new, again = datagrams(scene.sim, "REGISTER", BACKUP)
    assert header(new, "Authorization") is None and header(again, "Authorization")


def test_g16_a_401_is_answered_at_once_at_the_same_target():
    for mode in MODES:
        scene = registered(mode)
        scene.primary.fails("silent")
        scene.sim.run(70000)
        (asked,) = [f for f in scene.sim.frames if f.what == 401 and f.source[0] == BACKUP]
        answer = [f for f in scene.sim.frames if f.what == "REGISTER" and f.t > asked.t][0]
        assert answer.to[0] == BACKUP and answer.t - asked.t <= 6
        assert param(header(answer.data.decode(), "Authorization"), "username") == "2002"


# The phone's own address


def test_g25_own_address_is_learnt_from_the_first_answer_and_registered():
    """Without a known address there is no Contact to register: the 2xx is not the end."""
    for algorithms in (["MD5"], []):
        sim = Sim()
        server = sim.registrar(PRIMARY)
        server.algorithms = algorithms
        account = guide.account("A Record", sip_server=PRIMARY, outbound_proxy="")
        phone = sim.phone(
            '{"local_sip_port": 5066, "accounts": [%s]}' % text_of(account), "192.0.2.77"
        )
        sim.run(1000)
        texts = datagrams(sim, "REGISTER")
        assert len(texts) == 2
        assert "Via: SIP/2.0/UDP srvphone.invalid:5066;" in texts[0]
        assert header(texts[0], "Contact") is None
        assert "Via: SIP/2.0/UDP 192.0.2.77:5066;" in texts[1]
        assert header(texts[1], "Contact") == "<sip:2002@192.0.2.77:5066>"
        assert phone.status()[0]["state"] == "registered" and server.bound("2002") > 0
        blameless(server)


def text_of(account):
    """The account as JSON; MicroPython's json has no sorted keys, and needs none here."""
    return "{%s}" % ", ".join('"%s": "%s"' % (name, account[name]) for name in account)


def test_g25_an_own_address_that_is_none_is_not_taken():
    for value in ("nonsense", "1.2.3", "::1", "\\xff\\xfe", "1.2.3.4.5", '"', "<", ""):
        sim = Sim()
        server = sim.registrar(PRIMARY)
        server.fails(200)
        account = guide.account("A Record", sip_server=PRIMARY, outbound_proxy="")
        phone = sim.phone('{"accounts": [%s]}' % text_of(account), "192.0.2.77")
        spoil(sim, b"received=192.0.2.77", b"received=" + value.encode())
        sim.run(5000)
        assert (
            not phone.registrations[0].client.local.host
            and phone.status()[0]["state"] == "waiting"
        )


def spoil(sim, text, replacement):
    """Every response to the phone has `text` replaced from now on."""
    host = sim.hosts[0]
    receive = host.receive

    def changed(frame):
        frame.data = frame.data.replace(text, replacement)
        return receive(frame)

    host.receive = changed


def test_g25_rport_counts_with_received():
    sim = Sim()
    server = sim.registrar(PRIMARY)
    account = guide.account("A Record", sip_server=PRIMARY, outbound_proxy="")
    sim.phone('{"accounts": [%s]}' % text_of(account), "192.0.2.77")
    spoil(sim, b"rport=5060;received=192.0.2.77", b"rport=41000;received=203.0.113.9")
    sim.run(1000)
    assert header(datagrams(sim, "REGISTER")[-1], "Contact") == "<sip:2002@203.0.113.9:41000>"
    assert server.complaints == []


# G22, G24


def test_g24_asked_and_granted():
    """Refresh at granted - r; granted: our own Contact, else header, else asked."""
    for grants, maximum, expected in (
        ("contact", 100, 100),
        ("header", 100, 100),
        ("both", 100, 100),
        ("both", 3600, 600),
    ):
        scene = registration(register_expiration_s=600, reregister_before_expiration_s=0)
        scene.primary.grants_in = grants
        scene.primary.maximum_s = maximum
        settle(scene)
        t = scene.sim.now
        assert header(datagrams(scene.sim, "REGISTER")[-1], "Expires") == "600"
        scene.sim.run(t + 700000)
        assert sends(scene.sim, t + 1)[0][0] in range(expected * 1000 - 1, expected * 1000 + 10)


def test_g24_nothing_granted_in_words_is_what_was_asked():
    scene = registration(register_expiration_s=300, reregister_before_expiration_s=0)
    spoil(scene.sim, b"xpires", b"xpected")
    settle(scene)
    assert scene.phone.status()[0]["left_s"] == 300


def test_g24_foreign_contacts_do_not_count():
    scene = registration(register_expiration_s=300, reregister_before_expiration_s=0)
    scene.primary.foreign = [
        "<sip:2002@192.168.10.99:5060>;expires=20",
        '"x" <sip:2002@192.168.10.11:5070>;expires=30, <sip:2003@192.168.10.11:5060>;expires=40',
    ]
    settle(scene)
    for grants in ("both", "header"):
        scene.primary.grants_in = grants
        scene.phone.register(scene.sim.ticks())
        scene.sim.run(scene.sim.now + 100)
        assert scene.phone.status()[0]["left_s"] == 300


def test_g24_refresh_before_the_binding_lapses():
    """auto: a dead primary is tried in the time that is left."""
    for mode in MODES:
        for tick in STARTS:
            scene = registration(
                failover=mode,
                tick=tick,
                register_expiration_s=60,
            )
            settle(scene)
            t = scene.sim.now
            scene.primary.fails("silent")
            scene.sim.run(t + 300000)
            assert sends(scene.sim, t + 1)[0][0] in range(51199, 51210)  # 60 - 1.8 - 2 * 3.5 s
            assert scene.primary.lapses("2002") == []
            blameless(scene.primary, scene.backup)


def test_g24_never_sooner_than_a_second():
    for granted, setting in ((1, "auto"), (1, 0), (30, 30), (30, 60)):
        scene = registration(register_expiration_s=granted, reregister_before_expiration_s=setting)
        scene.sim.run(20500)
        times = [ms for ms, _ in sends(scene.sim)][1:]
        assert len(times) in (20, 21)
        assert all(b - a >= 1000 for a, b in zip(times, times[1:]))


def test_g24_an_expiration_longer_than_the_clock_can_count():
    """45 days: the ticks wrap every 12 days."""
    for tick in STARTS:
        scene = registration(
            tick=tick, register_expiration_s=3888000, reregister_before_expiration_s=0
        )
        scene.primary.maximum_s = 3888000
        settle(scene)
        scene.sim.run(3888000000 - 1000)
        assert len(sends(scene.sim)) == 2 and current(scene) == "P"
        scene.sim.run(3888000000 + 1000)
        assert [ms // 1000 for ms, _ in sends(scene.sim)[2:]] in ([3888000], [3888000] * 2)


# G25


def test_g25_an_inactive_account_sends_nothing():
    scene = guide.scene()
    phone = scene.start(guide.account(account_active="No"))
    scene.sim.run(100000)
    assert scene.sim.frames == [] and phone.status() == []


def test_g25_display_name_and_proxy_require():
    scene = registered(name='Al "Q" \\ Ö', proxy_require="sec-agree")
    for text in datagrams(scene.sim, "REGISTER"):
        name = header(text, "From").split(" <")[0]
        assert name == '"Al \\"Q\\" \\\\ Ö"'
        assert header(text, "Proxy-Require") == "sec-agree"
    blameless(scene.primary)
    scene = registered()
    text = datagrams(scene.sim, "REGISTER")[0]
    assert header(text, "From").startswith("<sip:") and header(text, "Proxy-Require") is None
    assert ";rport" in header(text, "Via")  # RFC 3581


def test_g25_authenticate_id():
    scene = guide.scene()
    scene.primary.users = {"auth-2002": "x"}
    scene.start(guide.account(authenticate_id="auth-2002", authenticate_password="x"))
    settle(scene)
    text = datagrams(scene.sim, "REGISTER")[-1]
    assert param(header(text, "Authorization"), "username") == "auth-2002"
    assert header(text, "To") == "<sip:2002@grandstream.com>"


# G26, and G23 as far as OPTIONS is concerned


def kept_alive(mode=DEFAULT, **fields):
    return registered(
        mode, **dict({"keep_alive": "OPTIONS", "register_expiration_s": 3600}, **fields)
    )


def test_g26_no_keep_alive_by_default():
    scene = registered(register_expiration_s=3600)
    scene.primary.fails("silent")
    scene.sim.run(3590000)
    assert len(sends(scene.sim)) == 2 and sends(scene.sim, what="OPTIONS") == []


def test_g26_options_every_30_s_to_the_current_server():
    for mode in MODES:
        for tick in STARTS:
            scene = kept_alive(mode, tick=tick)
            scene.sim.run(100000)
            times = [(ms // 1000, to) for ms, to in sends(scene.sim, what="OPTIONS")]
            assert times == [(30, "P"), (60, "P"), (90, "P")]
            text = datagrams(scene.sim, "OPTIONS")[0]
            assert text.startswith("OPTIONS sip:grandstream.com SIP/2.0\r\n")
            assert header(text, "Route") == "<sip:test.grandstream.com;lr>"
            ids = {header(text, "Call-ID") for text in datagrams(scene.sim, "OPTIONS")}
            assert len(ids) == 3
            blameless(scene.primary)


def test_g26_three_lost_start_a_cycle():
    for mode in MODES:
        scene = kept_alive(mode)
        scene.sim.run(40000)
        scene.primary.fails("silent")
        start = scene.sim.now
        assert scene.sim.run_until(lambda s=scene: current(s) == "B", 200000)
        lost = sends(scene.sim, start, "OPTIONS")
        assert len(lost) == 9  # three times G14's sends
        assert sends(scene.sim, start)[0][0] - lost[-1][0] in range(2000, 2010)
        assert tour(scene.sim, start) == "PB"
        scene.sim.run(scene.sim.now + 40000)
        assert sends(scene.sim, what="OPTIONS")[-1][1] == "B"
        blameless(scene.primary, scene.backup)


def test_g26_the_interval_and_how_many_may_be_lost_are_settings():
    for every, most in ((1, 1), (1, 3), (2, 10), (60, 2)):
        scene = kept_alive(keep_alive_interval_s=every, keep_alive_max_lost=most)
        scene.primary.fails("silent")
        assert scene.sim.run_until(lambda s=scene: current(s) == "B", 400000)
        assert len(datagrams(scene.sim, "OPTIONS")) == 3 * most


def test_g26_any_response_counts():
    for how in (404, 503, 401, "trying"):
        scene = kept_alive()
        scene.primary.fails(how, method="OPTIONS")
        scene.sim.run(600000)
        assert current(scene) == "P" and len(sends(scene.sim)) == 2


def test_g26_an_answer_between_losses_begins_the_count_again():
    scene = kept_alive()
    scene.sim.run(10000)
    for _ in range(5):
        scene.primary.fails("silent", method="OPTIONS", times=6)
        scene.sim.run(scene.sim.now + 90000)
    assert tour(scene.sim) == "P" and len(sends(scene.sim)) == 2


def test_g23_options_uses_the_sends_of_g14():
    scene = kept_alive()
    scene.primary.fails("silent")
    scene.sim.run(40000)
    seen = sends(scene.sim, what="OPTIONS")
    assert [ms - seen[0][0] for ms, _ in seen] == [0, 500, 1500]


def test_g23_options_never_changes_the_current_server():
    for mode in MODES:
        scene = kept_alive(mode)
        scene.primary.fails(200, method="OPTIONS")
        scene.sim.run(100000)
        assert current(scene) == "P" and len(sends(scene.sim)) == 2


def test_g26_a_loss_during_a_failback_is_counted():
    """What ends while the flow waits for something else is not forgotten."""
    scene = registered(
        "Saved one until failback timeout",
        keep_alive="OPTIONS",
        keep_alive_max_lost=1,
        register_expiration_s=3600,
        failback_timeout_s=31,
    )
    sim = scene.sim
    scene.primary.fails("silent")
    scene.phone.register(sim.ticks())
    sim.run_until(lambda: current(scene) == "B", 100000)
    since = sim.now
    scene.backup.fails("silent", method="OPTIONS")
    sim.run(since + 40000)
    assert len(sim.noted("G21", "failback")) == 1 and sim.noted("G26", "lost")


# W6


def test_w6_no_network_is_a_normal_state():
    for mode in MODES:
        for errno in (NO_NETWORK, NO_HOST):
            for tick in STARTS:
                scene = registered(mode, tick=tick)
                host = scene.sim.host()
                host.down = errno
                scene.sim.run(300000)
                assert current(scene) == "" and scene.phone.counts["errno %d" % errno]
                host.down = 0
                scene.sim.run(630000)  # names that failed are asked again after 5 min at most
                assert current(scene) in "PB" and current(scene)
                blameless(scene.primary, scene.backup)


def test_w6_no_network_at_the_start():
    scene = guide.scene()
    scene.start()
    scene.sim.host().down = NO_NETWORK
    scene.sim.run(100000)
    assert scene.phone.status()[0]["state"] == "waiting"
    scene.sim.host().down = 0
    scene.sim.run(500000)
    assert current(scene) == "P"


def test_w6_an_unreachable_server_is_passed_at_once():
    for mode in MODES:
        scene = registered(mode)
        scene.sim.path(None, PRIMARY).errno = NO_HOST
        scene.sim.run(61000)
        assert current(scene) == "B" and tour(scene.sim, 1000) == "PB"


def test_w6_no_dns_server():
    scene = guide.scene()
    scene.start(dns_servers=[])
    scene.sim.run(100000)
    assert scene.phone.status()[0]["state"] == "waiting"
    assert scene.sim.noted("W6") and scene.sim.frames == []


def test_w6_a_cycle_can_be_asked_for():
    for mode in MODES:
        scene = registered(mode)
        scene.primary.fails("silent")
        scene.backup.fails("silent")
        until(scene, "waiting", 100000)
        scene.primary.works()
        start = scene.sim.now
        scene.phone.register(scene.sim.ticks())
        settle(scene)
        assert scene.sim.now < start + 1000 and current(scene) == "P"


# The end


def test_g22_unregister_on_stop():
    for how, contact in (("No", None), ("All", "*"), ("Instance", OWN)):
        scene = registered(unregister_on_reboot=how)
        sim = scene.sim
        scene.phone.stop(sim.ticks())
        start = sim.now
        sim.run(start + 1000)
        texts = datagrams(sim, "REGISTER")[2:]
        assert len(texts) == (0 if how == "No" else 1)
        for text in texts:
            assert header(text, "Contact") == contact and header(text, "Expires") == "0"
            assert header(text, "Authorization")
        assert scene.phone.ended() and (scene.primary.bound("2002") > 0) == (how == "No")
        assert scene.phone.status()[0]["state"] == "off"
        blameless(scene.primary)


def test_g22_unregister_is_best_effort():
    scene = registered(unregister_on_reboot="Instance")
    scene.primary.fails("silent")
    scene.phone.stop(scene.sim.ticks())
    start = scene.sim.now
    scene.sim.run_until(scene.phone.ended, start + 100000)
    assert scene.sim.now == start + 3500 and tour(scene.sim, start) == "P"


def test_g22_unregister_answers_a_challenge():
    scene = registered(unregister_on_reboot="All")
    scene.primary.restart()
    scene.phone.stop(scene.sim.ticks())
    scene.sim.run(scene.sim.now + 100)
    assert scene.primary.bound("2002") == 0 and scene.phone.ended()


def test_w9_a_cycle_that_lacks_memory_is_given_up_and_the_next_one_registers():
    for tick in STARTS:
        scene = registered(tick=tick)
        keyring = scene.phone.registrations[0].client.keyring
        lines = keyring.lines

        def starving(request, address):
            raise MemoryError

        keyring.lines = starving
        scene.phone.register(scene.sim.ticks())
        scene.sim.run(scene.sim.now + 100)
        assert scene.phone.status()[0]["state"] == "waiting" and scene.phone.starved == 1
        assert scene.phone.lives(scene.sim.ticks())
        keyring.lines = lines
        scene.sim.run(scene.sim.now + 20100)
        assert current(scene) == "P" and scene.sim.noted("W9", "no-memory")


def test_g24_how_long_before_the_binding_lapses():
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
        assert refresh_after(granted, before, targets) == ms, (granted, before, targets)
