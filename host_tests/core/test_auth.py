"""Credentials as a registration uses them (G15 to G17, W3, W4)."""

from sim import guide
from sim.guide import BACKUP, PRIMARY, registration
from srvphone.sip.credentials import _Server
from stories import (
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


def credentials(sim, to=None):
    """The Authorization values of the REGISTERs in their order, repeats left out."""
    values = []
    for text in datagrams(sim, "REGISTER", to):
        value = header(text, "Authorization")
        if value and value not in values:
            values.append(value)
    return values


def counts(sim, to=None):
    return [param(value, "nc") for value in credentials(sim, to)]


def refresh(scene, times=1):
    for _ in range(times):
        scene.phone.register(scene.sim.ticks())
        scene.sim.run(scene.sim.now + 100)


# G17


def test_g17_a_refresh_carries_credentials_at_once_with_nc_one_higher():
    for mode in MODES:
        scene = registered(mode)
        refresh(scene, 10)
        assert counts(scene.sim) == ["%08x" % n for n in range(1, 12)]
        assert len({param(value, "nonce") for value in credentials(scene.sim)}) == 1
        assert len({param(value, "cnonce") for value in credentials(scene.sim)}) == 11
        assert scene.primary.requests == 12 and scene.primary.replays == 0
        blameless(scene.primary)


def test_g17_a_nonce_belongs_to_its_server():
    scene = registered()
    scene.primary.fails("closed")
    refresh(scene, 2)
    scene.primary.works()
    refresh(scene, 2)
    at = {to: {param(v, "nonce") for v in credentials(scene.sim, to)} for to in (PRIMARY, BACKUP)}
    assert len(at[PRIMARY]) == len(at[BACKUP]) == 1 and at[PRIMARY] != at[BACKUP]
    assert counts(scene.sim, BACKUP) == ["00000001", "00000002"]
    numbers = [int(nc, 16) for nc in counts(scene.sim, PRIMARY)]
    assert numbers == sorted(numbers) and scene.primary.replays == 0
    blameless(scene.primary, scene.backup)


def test_g17_a_silent_server_s_nonce_is_forgotten():
    scene = registered()
    scene.primary.fails("silent")
    scene.sim.run(70000)
    scene.primary.works()
    start = scene.sim.now
    refresh(scene)
    text = datagrams(scene.sim, "REGISTER", PRIMARY)[-2]
    assert tour(scene.sim, start) == "P" and header(text, "Authorization") is None


def test_g17_a_kept_nonce_that_is_refused_is_replaced_once():
    """Whether or not the server says stale=true."""
    for says in (True, False):
        scene = registered()
        scene.primary.says_stale = says
        scene.primary.restart()
        refresh(scene)
        assert current(scene) == "P" and counts(scene.sim) == ["00000001", "00000002", "00000001"]
        scene.primary.nonce_life_ms = 50
        refresh(scene, 3)
        assert current(scene) == "P" and scene.primary.replays == 0
        blameless(scene.primary)


def test_g17_one_nonce_for_each_request():
    for says in (True, False):
        scene = guide.scene()
        scene.primary.nonces = "once"
        scene.primary.says_stale = says
        scene.start()
        settle(scene)
        refresh(scene, 5)
        assert current(scene) == "P" and scene.primary.with_credentials == 11
        blameless(scene.primary)


def test_g17_servers_whose_nonces_are_kept_are_bounded():
    scene = registered()
    keyring = scene.phone.registrations[0].client.keyring
    for i in range(15):
        keyring.servers.append(_Server(("192.0.2.%d" % i, 5060)))
    scene.primary.fails("closed")
    refresh(scene)
    assert current(scene) == "B" and len(keyring.servers) == 16
    assert keyring.servers[-1].address == (BACKUP, 5060)  # the oldest gave way
    assert keyring.servers[0].address == ("192.0.2.0", 5060)


# What servers may ask for


def test_g15_401_and_407_are_answered_whatever_they_ask_for():
    for algorithms in (["MD5"], ["MD5-sess"], ["SHA-256"], ["SHA-256-sess", "MD5"], ["X", "MD5"]):
        for qop in ("auth", "", "auth,auth-int"):
            for proxy in (False, True):
                if not qop and "sess" in algorithms[0]:
                    continue
                scene = guide.scene()
                server = scene.primary
                server.algorithms, server.qop, server.proxy = algorithms, qop, proxy
                scene.start()
                settle(scene)
                refresh(scene, 2)
                assert server.requests == 4 and server.with_credentials == 3
                text = datagrams(scene.sim, "REGISTER")[-1]
                name, other = "Proxy-Authorization", "Authorization"
                assert header(text, name if proxy else other)
                assert header(text, other if proxy else name) is None
                blameless(server)


def test_g15_a_challenge_that_nobody_can_answer_fails_the_cycle():
    for how, value in (("algorithms", ["SHA-512-256"]), ("qop", "auth-int")):
        scene = guide.scene()
        setattr(scene.primary, how, value)
        scene.start()
        until(scene, "waiting")
        assert tour(scene.sim) == "P" and scene.primary.with_credentials == 0
        assert scene.sim.noted("G15", "401")


def test_g15_a_stored_hash_serves_instead_of_a_password():
    scene = guide.scene()
    ha1 = "99e6edcee4bd4d4e4c9d21a9a7cbb2d1"
    from sim.sip import _md5

    ha1 = _md5("2002:grandstream.com:secret")
    scene.start(guide.account(authenticate_password="", ha1=ha1))
    settle(scene)
    assert current(scene) == "P"
    blameless(scene.primary)


# W3


def wrong(nonces="kept", says_stale=True, **fields):
    """The guide's scene, where the password is wrong, and nonces are given out like this."""
    scene = guide.scene()
    for server in (scene.primary, scene.backup):
        server.nonces = nonces
        server.says_stale = says_stale
    fields = dict({"authenticate_password": "wrong"}, **fields)
    scene.start(guide.account(**fields))
    return scene


def test_w3_a_wrong_password_stops_at_this_and_every_other_server():
    for mode in MODES:
        scene = wrong(dns_srv_failover_mode=mode)
        until(scene, "rejected")
        since = scene.sim.now
        assert scene.primary.with_credentials == 2 and scene.backup.requests == 0
        assert scene.sim.noted("W3", "wrong-password")[0][3] == "0 192.168.10.13:5060"
        scene.sim.run(since + 1199000)
        assert scene.primary.requests == 3 and scene.backup.requests == 0
        scene.sim.run(since + 1201000)
        assert scene.primary.requests == 6 and scene.primary.with_credentials == 4
        blameless(scene.primary)


def test_w3_a_second_refusal_that_counts_is_a_wrong_password():
    """At registrars that change the nonce every time, repeat it, or call it stale for ever."""
    for nonces, password, most in (
        ("kept", "wrong", 2),
        ("once", "wrong", 2),
        ("same", "wrong", 1),
        ("stale", "wrong", 2),
        ("stale", "secret", 3),
    ):
        scene = wrong(nonces, authenticate_password=password)
        until(scene, "rejected")
        assert scene.primary.with_credentials == most, (nonces, password)
        assert scene.backup.requests == 0
    # The refusal of a nonce kept from before says nothing.
    for says_stale in (True, False):
        scene = registered()
        scene.primary.nonces = "stale"
        scene.primary.says_stale = says_stale
        before = scene.primary.with_credentials
        refresh(scene)
        assert scene.phone.status()[0]["state"] == "rejected"
        assert scene.primary.with_credentials - before == 3


def test_w3_a_423_starts_the_count_anew():
    scene = registered(register_expiration_s=60)
    server = scene.primary
    before = server.with_credentials
    server.restart()
    server.minimum_s = 90
    handle = server._handle

    def once_then_stale(request):
        result = handle(request)
        if result[0] == 423:
            server.nonces = "stale"
        return result

    server._handle = once_then_stale
    refresh(scene)
    assert scene.phone.status()[0]["state"] == "rejected"
    assert server.with_credentials - before == 5


def test_w3_stale_is_answered_once():
    scene = registered()
    scene.primary.restart()
    scene.primary.nonce_life_ms = 1  # stale again by the time it is used
    before = scene.primary.with_credentials
    refresh(scene)
    assert scene.primary.with_credentials - before == 3
    assert scene.phone.status()[0]["state"] == "rejected"


def test_w3_the_long_wait_is_a_setting_and_0_stops():
    scene = wrong(forbidden_retry_wait_s=100)
    until(scene, "rejected")
    scene.sim.run(scene.sim.now + 101000)
    assert scene.primary.requests == 6
    scene = wrong(forbidden_retry_wait_s=0)
    until(scene, "rejected")
    since = scene.sim.now
    scene.sim.run(since + 10000000)
    assert scene.primary.requests == 3 and scene.sim.noted("G22", "waits")[0][3] == "0 for ever"
    # A cycle that is asked for starts all the same.
    scene.primary.users = {"2002": "wrong"}
    scene.phone.register(scene.sim.ticks())
    scene.sim.run(scene.sim.now + 100)
    assert current(scene) == "P"


# W4


def test_w4_423_raises_the_expiration_once():
    for mode in MODES:
        scene = guide.scene()
        scene.primary.minimum_s = 90
        scene.start(
            guide.account("SRV", mode, register_expiration_s=60, reregister_before_expiration_s=0)
        )
        settle(scene)
        asked = [header(text, "Expires") for text in datagrams(scene.sim, "REGISTER")]
        assert asked == ["60", "60", "90"] and scene.phone.status()[0]["left_s"] == 90
        assert scene.sim.noted("W4")[0][3] == "0 192.168.10.13:5060 90"
        blameless(scene.primary)


def test_w4_423_again_fails_the_cycle():
    for value in ("90", "60", "59", "0"):
        scene = registration(register_expiration_s=60)
        scene.primary.fails(423, headers=["Min-Expires: " + value])
        until(scene, "waiting")
        asked = [header(text, "Expires") for text in datagrams(scene.sim, "REGISTER")]
        assert asked == (["60", "90"] if value == "90" else ["60"]), value
        assert scene.backup.requests == 0


def test_w4_the_raised_expiration_also_counts_for_a_late_answer():
    scene = registration(register_expiration_s=60, reregister_before_expiration_s=0)
    scene.primary.grants_in = "header"
    scene.primary.algorithms = []
    scene.primary.fails("", delay_ms=4000)
    scene.primary.fails(423, headers=["Min-Expires: 90"], times=1)
    scene.backup.fails("silent")
    settle(scene)
    assert scene.sim.noted("G16a") and scene.phone.status()[0]["left_s"] == 90
    assert len(sends(scene.sim)) > 3


def test_g15_the_codes_that_never_move_on():
    for status in (401, 403, 404, 407, 423):
        scene = registered()
        scene.primary.fails(status)
        start = scene.sim.now
        refresh(scene)
        assert tour(scene.sim, start) == "P" and scene.backup.requests == 0
        assert scene.phone.status()[0]["state"] in ("rejected", "waiting")
