"""Knot, dnsmasq, Kamailio and SIPp: what we agree on with servers that others wrote."""

import subprocess
import time

import dns.flags
import dns.message
import dns.query
import dns.rdatatype
import dns.rrset
import dns.zone
import pytest

from srvphone_host import dns_server, phone_process, real_servers, tshark
from srvphone_host.lab import Lab, find_place
from srvphone_host.registrar import Registrar

ZONE = phone_process.ROOT / "host_tests/vectors/grandstream.com.zone"
QUESTIONS = (
    ("test", "NAPTR"),
    ("_sip._udp.test", "SRV"),
    ("test1", "A"),
    ("test2", "A"),
)


def registered(line):
    return line.status == 200


def exchange(lines, lab):
    """SIP in short: ["> primary REGISTER", "< primary 401", ...]."""
    out = []
    for line in lines:
        if line.rule == "sip":
            what = str(line.status or line.text.split()[0])
            out.append("%s %s %s" % (line.event, lab.name_of(line.peer), what))
    return out


LOGIN = ["> %s REGISTER", "< %s 401", "> %s REGISTER", "< %s 200"]
AT_PRIMARY = [step % "primary" for step in LOGIN]
AT_BACKUP = [step % "backup" for step in LOGIN]
SENDS = ["> primary REGISTER"] * 3


# DNS


@pytest.mark.parametrize(
    "server, command",
    [
        (real_servers.Knot, "knotd"),
        (real_servers.Dnsmasq, "dnsmasq"),
        (dns_server.GuideDns, None),
    ],
)
def test_g27_same_answers_as_the_zone(server, command, need, tmp_path):
    if command:
        need(command)
    text = ZONE.read_text(encoding="utf-8")
    zone = dns.zone.from_text(text, origin="grandstream.com.", relativize=False)
    place, guard = find_place()
    running = server()
    try:
        running.start(place.dns, text, folder=tmp_path)
        for name, kind in QUESTIONS:
            question = dns.message.make_query(name + ".grandstream.com.", kind, use_edns=False)
            due = zone.find_rrset(question.question[0].name, kind)
            for ask in (dns.query.udp, dns.query.tcp):
                answer = ask(question, place.dns[0], port=place.dns[1], timeout=2)
                assert answer.rcode() == 0 and answer.flags & dns.flags.AA
                assert len(answer.answer) == 1
                assert answer.answer[0] == due and answer.answer[0].ttl == due.ttl
    finally:
        running.close()
        if guard:
            guard.close()


# Kamailio


@pytest.mark.parametrize("qop", [True, False])
def test_g14_g16_kamailio_registration_and_failover(qop, need, tmp_path):
    """Primary alive, then dead, the backup, and a refresh there with the nonce of before."""
    for command in ("knotd", "kamailio"):
        need(command)
    primary, backup = real_servers.Kamailio(qop=qop), real_servers.Kamailio(qop=qop)
    account = {"register_expiration_s": 2}
    with Lab("srv", "no-response", "real", primary=primary, backup=backup) as lab:
        phone = lab.start_phone(account=account)
        lines = phone.until(registered)
        assert exchange(lines, lab) == AT_PRIMARY
        challenge = next(line.data for line in lines if line.status == 401)
        assert (b'qop="auth"' in challenge) == qop
        lab.switch("primary", "silent")
        lines = phone.until(registered)
        assert exchange(lines, lab) == SENDS + AT_BACKUP
        lab.switch("primary", "up")
        lines = phone.until(registered)  # G17, G20
        assert exchange(lines, lab) == ["> backup REGISTER", "< backup 200"]


def test_g15_kamailio_ended_is_a_closed_port(need):
    for command in ("knotd", "kamailio"):
        need(command)
    with Lab(servers="real") as lab:
        lab.switch("primary", "refused")
        lines = lab.start_phone().until(registered)
        assert exchange(lines, lab) == ["> primary REGISTER", *AT_BACKUP]


def test_tshark_reads_every_frame(need, tmp_path):
    """Captured on the wire: what a registration, a fail-over and an un-REGISTER are made of."""
    for command in ("knotd", "kamailio"):
        need(command)
    file = tmp_path / "lo.pcapng"
    with Lab("naptr", servers="real") as lab:
        capture = start_capture(need("tshark"), file, "udp and host %s" % lab.place.phone[0])
        try:
            phone = lab.start_phone(
                account={"register_expiration_s": 1, "unregister_on_reboot": "Instance"}
            )
            lines = phone.until(registered)
            lab.switch("primary", "silent")
            lines += phone.until(registered)
            lines += phone.until(lambda line: line.event == "registered")
            lines += phone.stop()
        finally:
            time.sleep(0.3)  # the capture's buffer
            capture.terminate()
            capture.communicate(timeout=10)
    frames = tshark.fields(
        need("tshark"), file, "frame.protocols", "_ws.malformed", "_ws.expert.severity"
    )
    assert [frame for frame in frames if frame[1] or frame[2]] == []
    kinds = [frame[0].rpartition(":")[2] for frame in frames]
    told = [line.rule for line in lines if line.is_datagram]
    assert kinds.count("sip") == told.count("sip") >= 12
    assert kinds.count("dns") == told.count("dns") >= 8
    assert len(frames) == len(told)


def start_capture(program, file, filter_):
    """tshark, once it captures on the loopback interface."""
    capture = subprocess.Popen(
        [program, "-n", "-i", "lo", "-f", filter_, "-w", str(file)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = []
    for line in capture.stderr:
        said.append(line)
        if line.startswith("Capturing on"):
            time.sleep(0.5)  # it says so a moment before dumpcap has its socket
            return capture
    capture.communicate(timeout=10)
    text = "".join(said)
    if "permission" in text.lower():
        pytest.skip("this user may not capture; run as root, or join the group wireshark")
    raise AssertionError(text)


# SIPp


@pytest.fixture
def sipp(need):
    """sipp(scenario, **values) is a Lab whose primary plays the scenario."""
    need("sipp")
    labs = []

    def start(scenario, **values):
        labs.append(Lab(primary=real_servers.Sipp(scenario, **values), backup=Registrar()))
        return labs[-1].__enter__()

    yield start
    for lab in labs:
        lab.close()


def test_sipp_checks_the_digest(sipp):
    lab = sipp("401", expires=1)
    phone = lab.start_phone()
    assert exchange(phone.until(registered), lab) == AT_PRIMARY
    # it granted 1 s; its scenario challenges again, with the nonce that it always has
    assert exchange(phone.until(registered), lab)[-1] == "< primary 200"


def test_w3_sipp_refuses_a_wrong_digest(sipp):
    lab = sipp("401", expires=1)
    phone = lab.start_phone(account={"authenticate_password": "guess"})
    lines = phone.until(lambda line: line.status == 403)
    assert exchange(lines, lab) == [*AT_PRIMARY[:3], "< primary 403"]


def test_w4_sipp_423(sipp):
    lab = sipp("423", min_expires=7)
    lines = lab.start_phone().until(registered)
    steps = ["> primary REGISTER", "< primary 423", "> primary REGISTER", "< primary 200"]
    assert exchange(lines, lab) == steps
    asked = [line.data for line in lines if (line.rule, line.event) == ("sip", ">")]
    assert [b"Expires: 5\r" in asked[0], b"Expires: 7\r" in asked[1]] == [True, True]


def test_g15_sipp_503_with_retry_after(sipp):
    lab = sipp("503", retry_after=60)
    phone = lab.start_phone(account={"register_expiration_s": 1})
    refused = ["> primary REGISTER", "< primary 503"]
    assert exchange(phone.until(registered), lab) == refused + AT_BACKUP
    assert "primary" not in str(exchange(phone.until(registered), lab))


def test_g14_sipp_answers_nothing(sipp):
    lab = sipp("nothing")
    lines = lab.start_phone().until(registered)
    assert exchange(lines, lab) == SENDS + AT_BACKUP
    times = [line.time for line in lines if (line.rule, line.event) == ("sip", ">")]
    for gap, due in zip((b - a for a, b in zip(times, times[1:])), (0.5, 1.0, 2.0)):
        assert abs(gap - due) < due / 10
