"""What real registrars, NAT helpers and attackers send, and what is right (G15, G24, W3 to W5)."""

import json

from cases import SIP, STARTS
from sim import Sim, guide
from sim.guide import BACKUP, PHONE, PRIMARY, registration
from sim.sip import digest as response_of
from srvphone.sip import digest, expires, uri
from srvphone.sip.message import Message
from srvphone.trace import info, masked
from stories import (
    MODES,
    blameless,
    current,
    datagrams,
    header,
    param,
    registered,
    settle,
    tour,
    until,
)

OWN = b"sip:2002@192.168.10.11:5060"
HEAD = (
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.168.10.11:5060;branch=z9hG4bK1\r\nFrom: a\r\n"
    b"To: b\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n"
)


def ok(*lines, cut=False):
    """A 200 with these header lines."""
    return Message(HEAD + b"".join([line + b"\r\n" for line in lines]) + b"\r\n", cut)


def answers(server, *scripted):
    """Let a registrar answer its next requests so: (status, header lines); None: as it is."""
    real = server._handle
    left = list(scripted)

    def handle(request):
        answer = left.pop(0) if left else None
        return real(request) if answer is None else answer

    server._handle = handle


def challenge(nonce, realm="grandstream.com", kind="WWW", more=""):
    return '%s-Authenticate: Digest realm="%s", nonce="%s", qop="auth"%s' % (
        kind,
        realm,
        nonce,
        more,
    )


def asked(scene, nonce, **how):
    status = 407 if how.get("kind") == "Proxy" else 401
    return status, [challenge(nonce, **how)]


def states(scene):
    return scene.phone.status()[0]["state"]


def registers(scene, to=PRIMARY):
    return datagrams(scene.sim, "REGISTER", to)


def value(text, name):
    """The credentials of a header in a request, as a dict of those parts that matter."""
    line = header(text, name)
    return line and {key: param(line, key) for key in ("realm", "nonce", "nc", "uri")}


# G24: what was granted


def test_g24_our_own_contact_is_equal_not_alike():
    for contact, same in (
        (b"sip:2002@192.168.10.11:5060", True),
        (b"SIP:2002@192.168.10.11:5060", True),
        (b"sip:%32002@192.168.10.11:5060", True),
        (b"sip:2%300%32@192.168.10.11:5060;lr", True),
        (b"sip:2002@192.168.10.11:5060;transport=udp", True),
        (b"sip:2002@192.168.10.11", False),
        (b"sip:2002@192.168.10.11:5061", False),
        (b"sip:2003@192.168.10.11:5060", False),
        (b"sips:2002@192.168.10.11:5060", False),
        (b"sip:2002@192.168.10.11:5060;user=phone", False),
        (b"sip:2002@192.168.10.11:5060;maddr=192.0.2.1", False),
        (b"sip:2002@192.168.10.11:5060?subject=a", False),
        (b"sip:%3@192.168.10.11:5060", False),
        (b"sip:2002%zz@192.168.10.11:5060", False),
        (b"", False),
        (b"2002", False),
    ):
        assert uri.same(contact, OWN) == uri.same(OWN, contact) == same, contact
    for a, b, same in (
        # RFC 3261 19.1.4's own
        (b"sip:%61lice@atlanta.com;transport=TCP", b"sip:alice@AtLanTa.CoM;Transport=tcp", True),
        (b"sip:carol@chicago.com", b"sip:carol@chicago.com;newparam=5", True),
        (b"sip:carol@chicago.com;security=on", b"sip:carol@chicago.com;newparam=5", True),
        (b"sip:alice@atlanta.com?a=b&c=d", b"sip:alice@atlanta.com?c=d&a=b", True),
        (b"SIP:ALICE@AtLanTa.CoM", b"sip:alice@AtLanTa.CoM", False),
        (b"sip:bob@biloxi.com", b"sip:bob@biloxi.com:5060", False),
        (b"sip:carol@chicago.com;security=off", b"sip:carol@chicago.com;security=on", False),
        (b"sip:a%2Fb@chicago.com", b"sip:a/b@chicago.com", False),
        (b"sip:a%2fb@chicago.com", b"sip:a%2Fb@chicago.com", True),
    ):
        assert uri.same(a, b) == uri.same(b, a) == same, (a, b)


def test_g24_what_is_granted():
    foreign = b"<sip:2002@203.0.113.5:41022>;expires=%d"
    for lines, want in (
        ([b"Contact: " + foreign % 120], 120),  # a NAT helper rewrote ours
        ([b"Contact: <sip:2002@192.168.10.11>;expires=120"], 120),
        ([b"Contact: <sip:%32002@192.168.10.11:5060>;expires=90"], 90),
        ([b"m: sip:2002@192.168.10.11:5060;expires=77"], 77),
        ([b"Contact: <%s>;expires=60" % OWN], 60),
        ([b"Contact: <%s>;expires=7200" % OWN], 7200),  # as it stands, also above what was asked
        ([b"Contact: <%s>" % OWN, b"Expires: 7200"], 7200),
        ([b"Contact: " + foreign % 9, b"Contact: " + foreign % 8], 3600),
        ([b"Contact: " + foreign % 9 + b", " + foreign % 8, b"Expires: 100"], 100),
        ([b"Contact: " + foreign % 9, b"Contact: " + foreign % 8, b"Expires: 7200"], 3600),
        ([b"Contact: " + foreign % 9, b"Contact: <%s>;expires=50" % OWN, b"Expires: 70"], 50),
        ([b"Contact: <%s>;expires=0" % OWN], 0),
        ([b"Contact: <%s>;expires=0" % OWN, b"Expires: 60"], 0),
        ([b"Expires: 0"], 0),
        ([b"Expires: 60"], 60),
        ([], 3600),
        ([b"Expires: soon"], 3600),
        ([b"Contact: <%s>;expires=4294967295" % OWN], 3888000),
        ([b"Contact: <%s>;expires=x" % OWN, b"Expires: 61"], 61),
    ):
        assert expires.granted(ok(*lines), OWN, 3600) == want, lines
    # Of one that is cut, the Contacts that stand there are not all.
    message = ok(b"Contact: " + foreign % 9, b"Expires: 100", cut=True)
    assert expires.granted(message, OWN, 3600) == 100


def test_g24_a_rewritten_contact_is_refreshed_in_time():
    for tick in STARTS:
        scene = guide.scene(tick=tick)
        line = "Contact: <sip:2002@203.0.113.5:41022>;expires=120"
        scene.primary.algorithms = []
        scene.primary.fails(200, headers=[line])
        scene.start(guide.account())
        settle(scene)
        assert scene.phone.status()[0]["left_s"] < 120


def test_g24_granted_nothing_is_not_registered():
    for lines in (["Contact: <%s>;expires=0" % OWN.decode()], ["Expires: 0"]):
        for mode in MODES:
            scene = guide.scene()
            scene.primary.fails(200, headers=lines)
            scene.start(guide.account("SRV", mode))
            until(scene, "waiting")
            assert scene.sim.noted("G24", "granted-nothing")
            scene.sim.run(scene.sim.now + 19000)
            assert len(registers(scene)) == 1 and not scene.sim.noted("G24", "registered")
            scene.primary.works()
            scene.sim.run(scene.sim.now + 2000)
            assert current(scene) == "P"


def test_g24_a_refresh_that_is_granted_nothing_ends_the_registration():
    scene = registered()
    scene.primary.fails(200, headers=["Expires: 0"])
    scene.sim.run(scene.sim.now + 61000)
    assert states(scene) == "waiting" and current(scene) == ""


def test_g16a_a_late_200_that_grants_nothing_ends_no_cycle():
    scene = guide.scene()
    scene.primary.fails(200, headers=["Expires: 0"], delay_ms=4000)
    scene.backup.fails("silent")
    scene.start(guide.account())
    scene.sim.run(6000)
    assert scene.sim.noted("G16a") and states(scene) == "registering"


def test_g24_an_expires_beside_foreign_contacts_counts_up_to_what_was_asked():
    scene = registered(register_expiration_s=20)
    foreign = "Contact: <sip:2002@203.0.113.%d>;expires=3000"
    scene.primary.fails(200, headers=[foreign % 1, foreign % 2, "Expires: 3600"])
    scene.sim.run(scene.sim.now + 25000)
    assert scene.sim.noted("G24", "registered")[-1][3].endswith(" 20")
    scene.primary.fails(200, headers=["Contact: <%s>;expires=60" % OWN.decode()])
    scene.sim.run(scene.sim.now + 25000)
    assert scene.sim.noted("G24", "registered")[-1][3].endswith(" 60")


# W3: credentials


def edge(server, realm="edge.example.com", password="secret", once=False):
    """An edge proxy of the same server that wants credentials of its own before the registrar
    does; `once`: each of its nonces is good for one request."""
    real = server._handle
    made = []

    def handle(request):
        given = {}
        line = request.get("proxy-authorization")
        for part in line[len("Digest ") :].split(", ") if line else []:
            key, _, text = part.partition("=")
            given[key] = text.strip('"')
        good = given and given["realm"] == realm and given["nonce"] in made
        if not good or given["response"] != response_of(given, password, request.method):
            made.append("edge%d" % len(made))
            return 407, [challenge(made[-1], realm, "Proxy")]
        if once:
            made.remove(given["nonce"])
            made.append("used%d" % len(made))
        return real(request)

    server._handle = handle


def test_w3_an_edge_proxy_and_a_registrar_each_get_their_credentials():
    for mode in MODES:
        scene = guide.scene()
        edge(scene.primary)
        scene.start(guide.account("SRV", mode))
        settle(scene)
        text = registers(scene)[-1]
        assert value(text, "Proxy-Authorization")["realm"] == "edge.example.com"
        assert value(text, "Authorization")["realm"] == "grandstream.com"
        assert len(registers(scene)) == 3
        scene.phone.register(scene.sim.ticks())  # a refresh has both at once
        scene.sim.run(scene.sim.now + 100)
        assert current(scene) == "P" and len(registers(scene)) == 4
        blameless(scene.primary)


def test_w3_one_time_nonces_at_an_edge_and_a_registrar_and_a_423_between():
    for once in (False, True):
        for says_stale in (True, False):
            scene = guide.scene()
            scene.primary.nonces = "once"
            scene.primary.says_stale = says_stale
            scene.primary.minimum_s = 90
            edge(scene.primary, once=once)
            scene.start(guide.account(register_expiration_s=60))
            settle(scene)
            signed = [text for text in registers(scene) if header(text, "Authorization")]
            assert len(signed) <= 8, len(signed)
            for _ in range(3):
                scene.phone.register(scene.sim.ticks())
                scene.sim.run(scene.sim.now + 200)
                assert current(scene) == "P"


def test_w3_a_challenge_counts_against_its_own_realm_and_kind():
    """The password is refused by the edge: the registrar's own challenges say nothing of it."""
    scene = guide.scene()
    edge(scene.primary, password="another")
    scene.start(guide.account())
    until(scene, "rejected")
    assert scene.primary.with_credentials == 0
    assert len([text for text in registers(scene) if header(text, "Proxy-Authorization")]) == 2


def test_w3_another_nodes_nonce_is_answered_once_more():
    scene = guide.scene()
    answers(scene.primary, asked(scene, "a"), asked(scene, "b"))
    scene.start(guide.account())
    settle(scene)
    assert current(scene) == "P" and scene.backup.requests == 0
    scene = guide.scene()
    answers(scene.primary, asked(scene, "a"), asked(scene, "b"), asked(scene, "c"))
    scene.start(guide.account())
    until(scene, "rejected")
    assert len([text for text in registers(scene) if header(text, "Authorization")]) == 2


def test_w3_the_same_nonce_again_is_a_wrong_password_at_once():
    scene = guide.scene()
    answers(scene.primary, asked(scene, "a"), asked(scene, "a"))
    scene.start(guide.account())
    until(scene, "rejected")
    assert len([text for text in registers(scene) if header(text, "Authorization")]) == 1


def test_w3_nonces_that_are_good_once_and_a_423():
    for mode in MODES:
        for says_stale in (True, False):
            scene = guide.scene()
            scene.primary.nonces = "once"
            scene.primary.says_stale = says_stale
            scene.primary.minimum_s = 90
            scene.start(guide.account("SRV", mode, register_expiration_s=60))
            settle(scene)
            assert current(scene) == "P" and not scene.sim.noted("W3")
            before = len(registers(scene))
            scene.phone.register(scene.sim.ticks())
            scene.sim.run(scene.sim.now + 100)
            texts = registers(scene)[before:]
            assert current(scene) == "P" and len(texts) == 2
            assert [header(text, "Expires") for text in texts] == ["90", "90"]  # remembered
            blameless(scene.primary)


def test_w3_one_count_for_each_nonce_however_often_it_is_offered():
    scene = registered()
    scene.primary.nonces = "same"
    for silent in (False, True, False):
        if silent:
            scene.primary.fails("silent")
            scene.sim.run(scene.sim.now + 70000)
            scene.primary.works()
        scene.phone.register(scene.sim.ticks())
        scene.sim.run(scene.sim.now + 5000)
    numbers = []
    for text in registers(scene):
        got = value(text, "Authorization")
        if got and got["nonce"] == "5afe5afe" and int(got["nc"], 16) not in numbers[-1:]:
            numbers.append(int(got["nc"], 16))
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) > 2, numbers
    assert states(scene) != "rejected"


def test_w3_counts_of_nonces_are_bounded():
    scene = guide.scene()
    scene.primary.nonces = "once"
    scene.start(guide.account())
    settle(scene)
    for _ in range(40):
        scene.phone.register(scene.sim.ticks())
        scene.sim.run(scene.sim.now + 100)
    (server,) = scene.phone.registrations[0].client.keyring.servers
    assert len(server.uses) == 16 and len(server.challenges) == 1
    realms = [asked(scene, "n%d" % i, realm="r%d" % i) for i in range(8)]
    answers(scene.primary, *realms)
    scene.phone.register(scene.sim.ticks())
    scene.sim.run(scene.sim.now + 1000)
    assert len(server.challenges) <= 3


def test_w3_at_most_ten_with_credentials_then_the_usual_wait():
    scene = guide.scene()
    answers(scene.primary, *[asked(scene, "n%d" % i, realm="r%d" % i) for i in range(40)])
    scene.start(guide.account())
    until(scene, "waiting")
    assert len([text for text in registers(scene) if header(text, "Authorization")]) == 10
    assert scene.sim.noted("W3", "too-many") and not scene.sim.noted("W3", "wrong-password")
    assert scene.sim.noted("G22", "waits")[-1][3] == "0 20000"


def test_w3_any_other_answer_starts_the_count_anew():
    scene = guide.scene()
    answers(
        scene.primary,
        asked(scene, "a"),
        asked(scene, "b"),
        (423, ["Min-Expires: 90"]),
        asked(scene, "c"),  # b had been used
        asked(scene, "d"),  # the first one that counts, after the 423
    )
    scene.start(guide.account(register_expiration_s=60))
    settle(scene)
    assert current(scene) == "P"


def test_w3_ha1_serves_one_realm_and_says_so():
    scene = guide.scene()
    scene.primary.algorithms = []
    answers(scene.primary, asked(scene, "a", realm="one"), asked(scene, "b", realm="two"))
    scene.start(guide.account(authenticate_password="", ha1="0" * 32))
    until(scene, "waiting")
    assert scene.sim.noted("W3", "other-realm")
    assert len([text for text in registers(scene) if header(text, "Authorization")]) == 1


def test_w3_a_challenge_that_is_none_is_not_answered_and_said():
    for line in (
        b'realm=x", uri="sip:evil, nonce="n"',
        b'realm="x", nonce="n" uri="sip:evil"',
        b'realm="x"y, nonce="n"',
        b'realm="x, nonce="n"',
        b'realm="x", realm="y", nonce="n"',
        b'realm="x", nonce=n"m',
        b'realm="x\x01", nonce="n"',
        b'realm="x", nonce="n", opaque=a\\b',
        b'realm="x", nonce="n", opaque=',
        b'realm="x", nonce="n", =b',
        b'realm="x", nonce="' + b"n" * 257 + b'"',
    ):
        found, malformed = digest.challenges([b"Digest " + line])
        assert found == [] and malformed, line
        # A good one beside it is answered.
        found, malformed = digest.challenges([b"Digest " + line, b'Digest realm="r", nonce="n"'])
        assert len(found) == 1 and malformed, line
    scene = guide.scene()
    answers(scene.primary, (401, ['WWW-Authenticate: Digest realm=x", uri="sip:evil, nonce="n"']))
    scene.start(guide.account())
    until(scene, "waiting")
    assert scene.sim.noted("W3", "bad-challenge")
    assert not any("evil" in text for text in registers(scene))


def test_w3_of_several_realms_each_is_answered():
    values = [b'Digest realm="a", nonce="1", Basic realm="b", Digest realm="b", nonce="2"']
    values += [b'Digest realm="a", nonce="3", algorithm=SHA-256']
    found, malformed = digest.challenges(values)
    assert [(one.realm(), one.nonce()) for one in found] == [(b"a", b"1"), (b"b", b"2")]
    assert not malformed


# W4, G15: what a server wants


def test_w4_without_min_expires_3600_is_asked_once():
    for lines in ([], ["Min-Expires: many"], ["Min-Expires:"]):
        scene = registration(register_expiration_s=60)
        scene.primary.fails(423, headers=lines)
        until(scene, "waiting")
        asked_s = [header(text, "Expires") for text in registers(scene)]
        assert asked_s == ["60", "3600"], lines
        scene.sim.run(scene.sim.now + 19000)
        assert len(registers(scene)) == 2
    scene = registration(register_expiration_s=3600)
    scene.primary.fails(423)
    until(scene, "waiting")
    assert len(registers(scene)) == 1


def test_w4_a_server_that_wants_ever_more_is_heard_once():
    scene = guide.scene()
    answers(scene.primary, *[(423, ["Min-Expires: %d" % s]) for s in range(90, 2000, 30)])
    scene.start(guide.account(register_expiration_s=60))
    until(scene, "waiting")
    assert [header(text, "Expires") for text in registers(scene)] == ["60", "90"]


def test_g24_a_min_expires_is_remembered_for_its_server_up_to_a_day():
    scene = guide.scene()
    scene.primary.minimum_s = 90
    scene.start(guide.account(register_expiration_s=60, reregister_before_expiration_s=0))
    settle(scene)
    scene.sim.run(scene.sim.now + 200000)
    texts = registers(scene)
    assert [header(text, "Expires") for text in texts][:3] == ["60", "60", "90"]
    assert {header(text, "Expires") for text in texts[3:]} == {"90"}
    scene.primary.fails("closed")
    scene.phone.register(scene.sim.ticks())
    scene.sim.run(scene.sim.now + 1000)
    assert header(registers(scene, BACKUP)[-1], "Expires") == "60"
    scene = registration(register_expiration_s=60)
    scene.primary.fails(423, headers=["Min-Expires: 99999999999"])
    until(scene, "waiting")
    assert [header(text, "Expires") for text in registers(scene)] == ["60", "86400"]


def test_g15_retry_after_is_a_least_wait_up_to_an_hour():
    for status in (404, 413, 480, 486, 500, 600, 603):
        for text, ms in (("300", 300000), ("4000000000", 3600000), ("5", 20000), ("x", 20000)):
            scene = registration()
            scene.primary.fails(status, headers=["Retry-After: " + text])
            until(scene, "waiting")
            assert scene.sim.noted("G22", "waits")[-1][3] == "0 %d" % ms, (status, text)
    for status in (400, 408, 501):  # RFC 3261 20.33 names others
        scene = registration()
        scene.primary.fails(status, headers=["Retry-After: 300"])
        until(scene, "waiting")
        assert scene.sim.noted("G22", "waits")[-1][3] == "0 20000", status
    # It does not hold for the next one.
    scene = registration()
    answers(scene.primary, (500, ["Retry-After: 300"]), (500, []))
    until(scene, "waiting")
    scene.phone.register(scene.sim.ticks())
    scene.sim.run(scene.sim.now + 1000)
    assert scene.sim.noted("G22", "waits")[-1][3] == "0 20000"


def test_g15_a_retry_after_of_any_size_closes_up_to_an_hour():
    scene = registered()
    scene.primary.fails(503, headers=["Retry-After: 4000000000"], times=1)
    start = scene.sim.now
    scene.phone.register(scene.sim.ticks())
    scene.sim.run(start + 3590000)
    assert tour(scene.sim, start).startswith("PB") and "P" not in tour(scene.sim, start + 1000)
    scene.sim.run(start + 3700000)
    assert current(scene) == "P"


def test_g15_at_most_16_targets_are_closed_and_the_first_to_open_gives_way():
    for tick in STARTS:
        scene = registered(tick=tick)
        servers = scene.phone.registrations[0].servers
        for i in range(40):
            servers._close(("192.0.2.%d" % i, 5060), 100 + (i * 7) % 40)
        assert len(servers.closed_until) == 16
        kept = {address[0] for address in servers.closed_until}
        longest = sorted(range(40), key=lambda i: -(100 + (i * 7) % 40))[:15]
        assert {"192.0.2.%d" % i for i in longest} <= kept


# W5: messages


def deliver(scene, data, source=(PRIMARY, 5060), cut=False):
    """-> what is sent after it, as bytes."""
    before = len(scene.sim.frames)
    scene.phone.receive(SIP, data, source, scene.sim.ticks(), cut)
    scene.sim.run(scene.sim.now + 1)
    return [f.data for f in scene.sim.frames[before:] if f.source[0] == PHONE]


def request(method=b"OPTIONS", via=b"SIP/2.0/UDP 192.168.10.13:5060;branch=z9hG4bKx", more=b""):
    return (
        b"%s sip:2002@192.168.10.11 SIP/2.0\r\nVia: %s\r\nFrom: <sip:a@b>;tag=1\r\n"
        b"To: <sip:2002@192.168.10.11>\r\nCall-ID: c%s\r\nCSeq: 1 %s\r\n%s\r\n"
    ) % (method, via, via[-9:].replace(b"\r", b""), method, more)


def test_w5_line_ends_before_the_start_line_are_passed_over():
    for before in (b"\r\n", b"\r\n\r\n", b"\n", b"\r\n\n\r\n"):
        scene = registered()
        assert deliver(scene, before + request())[0].startswith(b"SIP/2.0 200 ")
        host = scene.sim.host()
        receive = host.receive

        def leading(frame, receive=receive, before=before):
            frame.data = before + frame.data
            return receive(frame)

        host.receive = leading
        scene.phone.register(scene.sim.ticks())
        scene.sim.run(scene.sim.now + 100)
        assert current(scene) == "P" and "sip no SIP" not in scene.phone.counts


def test_w5_the_parameters_of_a_via_are_parameters():
    base = b"SIP/2.0/UDP 192.168.10.13:5070;branch=z9hG4bK"
    at = b"SIP/2.0/UDP 192.168.10.13:5070"
    for n, (via, want, port) in enumerate(
        (
            (b";rport", b";rport=5999;received=192.168.10.13", 5999),
            (b"; rport", b";rport=5999;received=192.168.10.13", 5999),
            (b" ;RPORT ", b";rport=5999;received=192.168.10.13", 5999),
            (b";rport-x=1;rport", b";rport-x=1;rport=5999;received=192.168.10.13", 5999),
            (b";rport-x=1", b";rport-x=1;received=192.168.10.13", 5070),
            (b";received=1.2.3.4;rport", b";rport=5999;received=192.168.10.13", 5999),
            (b";received=1.2.3.4", b";received=192.168.10.13", 5070),
            (b";rport;rport", b";rport=5999;received=192.168.10.13", 5999),
            (b";rport=1", b";rport=5999;received=192.168.10.13", 5999),
            (b';x=";rport"', b';x=";rport";received=192.168.10.13', 5070),
        )
    ):
        scene = registered()
        branch = b"%d" % n
        before = len(scene.sim.frames)
        deliver(scene, request(via=base + branch + via), (PRIMARY, 5999))
        (sent,) = [f for f in scene.sim.frames[before:] if f.source[0] == PHONE]
        line = sent.data.split(b"\r\n")[1]
        assert line == b"Via: " + at + b";branch=z9hG4bK" + branch + want, line
        assert sent.to == (PRIMARY, port)


def test_w5_a_response_with_two_vias_is_dropped():
    for more in (
        b"\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKy",
        b", SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKy",
        b"\r\nv: SIP/2.0/UDP 10.0.0.1",
    ):
        scene = registered()
        host = scene.sim.host()
        receive = host.receive

        def doubled(frame, receive=receive, more=more):
            via, _, rest = frame.data.partition(b"received=192.168.10.11")
            if rest:
                frame.data = via + b"received=192.168.10.11" + more + rest
            return receive(frame)

        host.receive = doubled
        scene.phone.register(scene.sim.ticks())
        scene.sim.run(scene.sim.now + 100)
        assert scene.phone.counts["sip two Vias"] >= 1 and states(scene) == "registering"
        assert scene.sim.noted("W5", "dropped")[0][3] == "sip two Vias 192.168.10.13:5060"
        scene.sim.run(scene.sim.now + 10000)
        # Something came, so the server is not said to be silent.
        assert scene.sim.noted("G14", "unreadable") and not scene.sim.noted("G14", "silent")


def test_w5_what_is_dropped_is_said_once_a_second():
    for tick in STARTS:
        scene = registered(tick=tick)
        for _ in range(5):
            for _ in range(20):
                deliver(scene, b"nothing at all", ("203.0.113.9", 5060))
            scene.sim.run(scene.sim.now + 500)
        notes = [note[3] for note in scene.sim.noted("W5", "dropped")]
        assert scene.phone.counts == {"sip no end of the headers": 100} and 2 <= len(notes) <= 4


def test_w5_extensions_and_schemes_that_are_not_known():
    scene = registered()
    (answer,) = deliver(scene, request(more=b"Require: nothingSupportsThis, 100rel\r\n"))
    assert answer.startswith(b"SIP/2.0 420 ")
    assert b"\r\nUnsupported: nothingSupportsThis, 100rel\r\n" in answer
    for number, method in enumerate((b"INVITE", b"OPTIONS")):
        via = b"SIP/2.0/UDP 192.168.10.13:5060;branch=z9hG4bKs%d" % number
        data = request(method, via).replace(b" sip:2002@192.168.10.11 ", b" nobodyKnows:2002 ")
        (answer,) = deliver(scene, data)
        assert answer.startswith(b"SIP/2.0 416 ")
        data = request(method, via + b"a", b"Require: x\r\n")
        assert deliver(scene, data)[0].startswith(b"SIP/2.0 420 ")
        data = request(method, via + b"b").replace(b" sip:2002", b" SIPS:2002")
        assert not deliver(scene, data)[0].startswith(b"SIP/2.0 4" + b"16")
    # RFC 3261 8.2.2.3: not in a CANCEL; and a method that is not known comes first.
    scene = registered()
    data = request(b"CANCEL", b"SIP/2.0/UDP 192.168.10.13:5060;branch=z9hG4bKc", b"Require: x\r\n")
    assert deliver(scene, data)[0].startswith(b"SIP/2.0 481 ")
    data = request(b"NOTIFY", b"SIP/2.0/UDP 192.168.10.13:5060;branch=z9hG4bKn", b"Require: x\r\n")
    assert deliver(scene, data)[0].startswith(b"SIP/2.0 405 ")


def test_w5_a_long_200_is_read():
    """A real Kamailio with 8 other bindings sends 1,597 bytes; a bigger one is cut."""
    for count, cut in ((8, False), (15, False), (60, True)):
        for mode in MODES:
            scene = guide.scene()
            foreign = "<sip:2002@203.0.113.%d:5060;transport=udp>;expires=3000;q=0.5;x=%s"
            scene.primary.foreign = [foreign % (i, "y" * 75) for i in range(count)]
            scene.start(guide.account("SRV", mode, register_expiration_s=60))
            settle(scene)
            size = max(len(text) for text in datagrams(scene.sim, 200))
            assert size > 1472 and (size > 2800) == cut
            assert current(scene) == "P" and bool(scene.sim.noted("W5", "cut")) == cut
            assert scene.phone.status()[0]["left_s"] <= 60


def test_w5_a_response_that_is_cut_counts_by_what_arrived():
    scene = registered()
    host = scene.sim.host()
    receive = host.receive
    for size in (330, 400, 500):

        def cut(frame, size=size):
            if frame.what != 200:
                return receive(frame)
            missing = len(frame.data) > size
            scene.phone.receive(SIP, frame.data[:size], frame.source, scene.sim.ticks(), missing)
            return "delivered"

        host.receive = cut
        scene.phone.register(scene.sim.ticks())
        scene.sim.run(scene.sim.now + 100)
        assert current(scene) == "P", size
    assert not scene.sim.noted("G14") and scene.sim.noted("W5", "cut")


def test_w5_a_request_that_is_cut_is_answered_513_or_dropped():
    scene = registered()
    long = b"Subject: " + b"x" * 3000 + b"\r\n"
    for method in (b"INVITE", b"OPTIONS"):
        via = b"SIP/2.0/UDP 192.168.10.13:5060;branch=z9hG4bK" + method
        (answer,) = deliver(scene, request(method, via, long))
        assert answer.startswith(b"SIP/2.0 513 "), answer
    for method in (b"MESSAGE", b"BYE", b"CANCEL", b"ACK"):
        via = b"SIP/2.0/UDP 192.168.10.13:5060;branch=z9hG4bK" + method
        assert deliver(scene, request(method, via, long)) == []
    assert scene.phone.counts["sip cut"] == 3  # an ACK never has an answer
    for end in range(1, 400):  # cut anywhere, by a socket that had no more room
        deliver(scene, request(b"OPTIONS")[:end], cut=True)
    assert current(scene) == "P"


def test_g25_an_address_is_learnt_from_whom_was_asked_alone():
    for received, source, want in (
        ("1.1.1." + "1" * 700, PRIMARY, False),
        ("999.1.1.1", PRIMARY, False),
        ("1.1.1.01", PRIMARY, False),
        ("0.0.0.0", PRIMARY, False),
        ("a.b.c.d", PRIMARY, False),
        ("198.51.100.7", "203.0.113.66", False),
        ("198.51.100.7", PRIMARY, True),
    ):
        sim = Sim()
        server = sim.registrar(PRIMARY)
        server.fails(200)
        account = {"sip_server": PRIMARY, "sip_user_id": "2002"}
        phone = sim.phone(json.dumps({"accounts": [account]}), "192.0.2.77")
        host = sim.host()
        real = host.receive

        def forged(frame, real=real, received=received, source=source):
            ours = b"received=192.0.2.77"
            frame.data = frame.data.replace(ours, b"received=" + received.encode())
            frame.source = (source, 5060)
            return real(frame)

        host.receive = forged
        sim.run(100)
        assert (phone.local.host == received.encode()) == want, (received, source)
        assert max(len(text) for text in datagrams(sim, "REGISTER")) < 1000


# W3: no secret


def test_w3_credentials_are_starred_wherever_they_stand():
    secret = b'Digest username="2002", response="0123456789abcdef"'
    for before, after in (
        (b"Authorization: ", b""),
        (b"Authorization : ", b""),
        (b"AUTHORIZATION:", b""),
        (b"Proxy-Authorization\t:\t", b""),
        (b"Authorization:\r\n ", b""),
        (b"Authorization: Digest\r\n\t", b""),
        (b"Authorization: Digest a=b,\r\n ", b",\r\n  opaque=c"),
        (b"SIP/2.0 400 Bad Authorization: ", b""),
        (b"Warning: 399 a ", b""),
        (b"X-Echo: REGISTER sip:a SIP/2.0 ", b""),
        (b"Subject: authorization was ", b""),
        (b"\n", b"\n"),
    ):
        data = b"SIP/2.0 200 OK\r\n" + before + secret + after + b"\r\nTo: a\r\n\r\n"
        shown = b"".join(masked(data))
        assert b"0123456789abcdef" not in shown and len(shown) == len(data), before
        assert b"\r\nTo: a\r\n\r\n" in shown, before
        shown = info("sip", (before + secret).lstrip() + b"\r\n")
        assert "0123456789abcdef" not in shown, before
    data = b'SIP/2.0 200 OK\r\nAuthorization: Digest a=b,\r\n response="0123456789abcdef"\r\n\r\n'
    assert b"0123456789abcdef" not in b"".join(masked(data))
    data = b'SIP/2.0 401 U\r\nWWW-Authenticate: Digest realm="digest r", nonce="n"\r\n\r\n'
    assert b"".join(masked(data)) == data
    data = b"OPTIONS sip:digest@digest.example.com SIP/2.0\r\n\r\n"
    assert b"".join(masked(data)) == data
