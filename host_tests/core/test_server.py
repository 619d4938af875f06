"""Requests that come in, and malformed SIP (W5, W9)."""

from cases import STARTS
from sim.guide import PHONE, PRIMARY
from stories import blameless, current, header, param, registered, targets

HERE = (PHONE, 5060)
REQUEST = (
    "%s sip:2002@192.168.10.11 SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.10.13:5060;%s\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:1001@example.org>;tag=sim\r\nTo: <sip:2002@example.org>%s\r\n"
    "Call-ID: %s\r\nCSeq: %d %s\r\n%sContent-Length: 0\r\n\r\n"
)


def ask(scene, method, via="branch=z9hG4bK1", to="", call_id="c1", cseq=1, more="", name=None):
    """Send a request from the primary: the answers that it gets within 20 ms, as text."""
    text = REQUEST % (method, via, to, call_id, cseq, name or method, more)
    return send(scene, text.encode())


def send(scene, data, server=None):
    server = server or scene.primary
    before = len(server.responses)
    server.send(data, HERE)
    scene.sim.run(scene.sim.now + 20)
    return [text for _, _, text in server.responses[before:]]


def status(answers):
    assert len(answers) <= 1
    return int(answers[0].split(" ")[1]) if answers else 0


def test_w5_what_each_method_is_answered():
    for tick in STARTS:
        scene = registered(tick=tick)
        for i, (method, expected) in enumerate(
            (
                ("OPTIONS", 200),
                ("INVITE", 480),
                ("BYE", 405),
                ("NOTIFY", 405),
                ("MESSAGE", 405),
                ("REGISTER", 405),
                ("options", 405),
                ("CANCEL", 481),
                ("ACK", 0),
            )
        ):
            answers = ask(scene, method, "branch=z9hG4bK-%d" % i)
            assert status(answers) == expected, method
            for text in answers:
                assert header(text, "Allow") == "INVITE, ACK, CANCEL, OPTIONS"
                assert header(text, "CSeq") == "1 " + method
                assert header(text, "Call-ID") == "c1"
                assert header(text, "From") == "<sip:1001@example.org>;tag=sim"
                assert param(header(text, "To"), "tag") and text.endswith("\r\n\r\n")
                assert header(text, "Content-Length") == "0"
        assert current(scene) == "P"


def test_w5_via_is_copied_with_received_and_rport():
    scene = registered()
    (text,) = ask(scene, "OPTIONS", "branch=z9hG4bK1;rport")
    via = "SIP/2.0/UDP 192.168.10.13:5060;branch=z9hG4bK1"
    assert header(text, "Via") == via + ";rport=5060;received=192.168.10.13"
    (text,) = ask(scene, "OPTIONS", "rport;branch=z9hG4bK2")
    assert ";rport=5060;branch=z9hG4bK2;received=192.168.10.13" in header(text, "Via")
    (text,) = ask(scene, "OPTIONS", "branch=z9hG4bK3")
    assert header(text, "Via").endswith("branch=z9hG4bK3;received=192.168.10.13")


def test_w5_every_via_is_copied_in_its_order():
    scene = registered()
    more = "Via: SIP/2.0/UDP a;branch=z9hG4bKa, SIP/2.0/TCP b\r\nv: SIP/2.0/UDP c\r\n"
    (text,) = ask(scene, "OPTIONS", more=more)
    vias = [line.split(" ", 2)[2] for line in text.split("\r\n") if line.startswith("Via: ")]
    assert [via.split(";")[0] for via in vias] == ["192.168.10.13:5060", "a", "b", "c"]
    assert "received" not in vias[1]


def test_w5_an_answer_goes_where_rfc_3581_and_rfc_3261_say():
    """With rport to where the request came from, else to the port in Via."""
    scene = registered()
    for via, port in (
        ("192.168.10.13:5099;branch=z9hG4bK1;rport", 5060),
        ("192.168.10.13:5099;branch=z9hG4bK2", 5099),
        ("192.168.10.13;branch=z9hG4bK3", 5060),
        ("192.168.10.13:99999;branch=z9hG4bK4", 5060),
        ("192.168.10.13:x;branch=z9hG4bK5", 5060),
        ("10.1.2.3:5098;branch=z9hG4bK6", 5098),
        ("", 5060),
    ):
        text = REQUEST.replace("192.168.10.13:5060;%s", "%s") % (
            "OPTIONS",
            via,
            "",
            "c",
            1,
            "OPTIONS",
            "",
        )
        for _ in range(2):  # a retransmission goes there, too
            scene.primary.send(text.encode(), HERE)
            scene.sim.run(scene.sim.now + 5)
            frame = [f for f in scene.sim.frames if f.what == 200 and f.source == HERE][-1]
            assert frame.to == (PRIMARY, port), via


def test_w5_a_retransmission_gets_the_same_answer():
    scene = registered()
    first = ask(scene, "OPTIONS")
    assert first == ask(scene, "OPTIONS") == ask(scene, "OPTIONS")
    other = ask(scene, "OPTIONS", "branch=z9hG4bK2")
    assert param(header(other[0], "To"), "tag") != param(header(first[0], "To"), "tag")
    scene.sim.run(scene.sim.now + 32000)  # then it is a new one
    assert ask(scene, "OPTIONS") != first


def test_w5_requests_of_old_kind_without_a_branch_are_told_apart():
    """RFC 2543: there the branch says nothing."""
    scene = registered()
    first = ask(scene, "OPTIONS", "hidden", call_id="c1")
    assert ask(scene, "OPTIONS", "hidden", call_id="c1") == first
    (other,) = ask(scene, "OPTIONS", "hidden", call_id="c2")
    assert header(other, "Call-ID") == "c2"
    (other,) = ask(scene, "OPTIONS", "hidden", call_id="c1", cseq=2)
    assert header(other, "CSeq") == "2 OPTIONS"


def test_w5_an_unknown_dialog():
    scene = registered()
    for i, method in enumerate(("BYE", "INVITE", "OPTIONS", "NOTIFY")):
        (text,) = ask(scene, method, "branch=z9hG4bK-%d" % i, to=";tag=nobody")
        assert status([text]) == 481
        assert header(text, "To") == "<sip:2002@example.org>;tag=nobody"
    assert ask(scene, "ACK", "branch=z9hG4bK-0", to=";tag=nobody") == []


def test_w5_cancel_of_what_was_answered():
    scene = registered()
    assert status(ask(scene, "INVITE")) == 480
    assert status(ask(scene, "CANCEL")) == 200
    assert status(ask(scene, "CANCEL", "branch=z9hG4bK-other")) == 481
    assert ask(scene, "ACK") == []


def test_w5_another_version():
    scene = registered()
    text = REQUEST % ("OPTIONS", "branch=z9hG4bK1", "", "c", 1, "OPTIONS", "")
    assert status(send(scene, text.replace(" SIP/2.0\r", " SIP/3.0\r").encode())) == 505


def test_w5_a_stranger_s_request_is_dropped_and_counted():
    scene = registered()
    stranger = scene.sim.registrar("203.0.113.66")
    text = REQUEST % ("INVITE", "branch=z9hG4bK1;rport", "", "c", 1, "INVITE", "")
    assert send(scene, text.encode(), stranger) == []
    assert scene.phone.counts == {"sip stranger": 1}
    # Any target of the plan may ask, also one that was never tried.
    assert status(send(scene, text.encode(), scene.backup)) == 480
    assert scene.backup.requests == 0


def test_w5_a_server_that_left_the_plan_may_ask_while_it_is_the_current_one():
    scene = registered("Saved one until no responses")
    scene.dns.zone.set("_sip._udp.test 3 IN SRV 1 1 5060 test1.grandstream.com.")
    scene.sim.run(70000)
    assert targets(scene) == "B" and current(scene) == "P"
    assert status(ask(scene, "OPTIONS")) == 200


MALFORMED = (
    b"",
    b"\0",
    b"\xff\xfe\xfd",
    b"x" * 1472,
    b"y" * 1473,
    b"OPTIONS",
    b"OPTIONS sip:a SIP/2.0",
    b"OPTIONS sip:a SIP/2.0\r\n\r\n",
    b"SIP/2.0 200 OK\r\n\r\n",
    b"SIP/2.0 2000 OK\r\nVia: x\r\n\r\n",
    b"SIP/2.0 200 OK\r\nVia: \r\nFrom: \r\nTo: \r\nCall-ID: \r\nCSeq: 1 REGISTER\r\n\r\n",
    b"OPTIONS sip:a SIP/2.0\r\nVia: \r\nFrom: \r\nTo: \r\nCall-ID: \r\nCSeq: 1 OPTIONS\r\n\r\n",
    b"OPTIONS sip:a SIP/2.0\r\nVia: ,\r\nFrom: \r\nTo: \r\nCall-ID: \r\nCSeq: 1 OPTIONS\r\n\r\n",
    b"OPTIONS sip:a SIP/2.0\r\nVia: ;\r\nFrom: \r\nTo: \r\nCall-ID: \r\nCSeq: 1 OPTIONS\r\n\r\n",
    b'OPTIONS sip:a SIP/2.0\r\nVia: \xff;branch=\xff\r\nFrom: <\r\nTo: "\r\nCall-ID: \xff\r\n'
    b"CSeq: 1 OPTIONS\r\n\r\n",
    b"OPTIONS sip:a SIP/2.0\r\nVia: a\r\nFrom: a\r\nTo: a\r\nCall-ID: a\r\nCSeq: 1 BYE\r\n\r\n",
    b"OPTIONS sip:a SIP/2.0\r\nVia: a\r\nFrom: a\r\nTo: a\r\nTo: b\r\nCall-ID: a\r\n"
    b"CSeq: 1 OPTIONS\r\n\r\n",
    b"OPTIONS sip:a SIP/2.0\r\nVia: a\r\nFrom: a\r\nTo: a\r\nCall-ID: a\r\nCSeq: 1 OPTIONS\r\n"
    b"Content-Length: -1\r\n\r\n",
)


def test_w5_malformed_sip_harms_nothing():
    for tick in STARTS:
        scene = registered(tick=tick)
        for data in MALFORMED:
            for peer in (PRIMARY, "203.0.113.66"):
                scene.phone.receive(0, data, (peer, 5060), scene.sim.ticks())
                for _, answer, to, _ in scene.phone.take(scene.sim.ticks()):
                    assert answer.startswith(b"SIP/2.0 ") and to[0] == PRIMARY
        assert sum(scene.phone.counts.values()) >= 20
        scene.sim.run(130000)
        assert current(scene) == "P"
        blameless(scene.primary)


def test_w5_every_cut_and_every_changed_byte_of_a_response_harms_nothing():
    scene = registered()
    text = [f.data for f in scene.sim.frames if f.what == 401][0]
    for i in range(len(text)):
        scene.phone.receive(0, text[:i], (PRIMARY, 5060), scene.sim.ticks())
        changed = text[:i] + bytes([text[i] ^ 0x85]) + text[i + 1 :]
        scene.phone.receive(0, changed, (PRIMARY, 5060), scene.sim.ticks())
    scene.sim.run(70000)
    assert current(scene) == "P"


def test_w5_responses_that_are_not_ours_change_nothing():
    scene = registered()
    scene.primary.fails("wrong branch")
    scene.sim.run(70000)
    assert current(scene) == "B" and scene.phone.counts["sip not ours"] >= 1
    assert scene.sim.noted("G14", "unreadable")  # something came
    # A response to another method of the same branch is not ours either (RFC 3261 17.1.3).
    scene = registered()
    scene.primary.fails("silent")
    scene.sim.run(60100)
    asked = [f for f in scene.sim.frames if f.what == "REGISTER"][-1].data.decode()
    via, cseq = header(asked, "Via"), header(asked, "CSeq").replace("REGISTER", "INVITE")
    send(
        scene,
        (
            "SIP/2.0 200 OK\r\nVia: %s\r\nFrom: a\r\nTo: b\r\nCall-ID: c\r\nCSeq: %s\r\n\r\n"
            % (via, cseq)
        ).encode(),
    )
    assert current(scene) == "" and scene.phone.counts["sip not ours"] == 1


def test_w5_keep_alives_of_a_server_are_nothing():
    scene = registered()
    for data in (b"\r\n\r\n", b"\r\n", b"\0", b"\0\0\0\0", b"\n"):
        assert send(scene, data) == []
    assert scene.phone.counts == {}


def test_w9_when_all_answers_are_in_use_a_new_request_gets_503():
    scene = registered()
    first = [ask(scene, "OPTIONS", "branch=z9hG4bK-%d" % i) for i in range(8)]
    assert {status(answers) for answers in first} == {200}
    assert status(ask(scene, "OPTIONS", "branch=z9hG4bK-8")) == 503
    assert scene.phone.counts == {"sip busy": 1}
    assert ask(scene, "OPTIONS", "branch=z9hG4bK-0") == first[0]
    scene.sim.run(scene.sim.now + 32000)
    assert status(ask(scene, "OPTIONS", "branch=z9hG4bK-9")) == 200
    assert len(scene.phone.server.answers) == 1
