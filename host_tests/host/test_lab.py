"""The lab: its servers asked by a small client of our own, then the phone as a process in it."""

import contextlib
import hashlib
import json
import re
import socket
import struct
import subprocess
import sys
import time

import pytest
from dnslib import DNSRecord

from cases import vector
from srvphone_host import cli, dns_server, lab, phone_process, registrar, switchboard
from srvphone_host.errors import LabError
from srvphone_host.lab import Lab
from srvphone_host.registrar import Registrar

# The servers


@pytest.fixture
def place():
    """Addresses that are ours for the test."""
    found, guard = lab.find_place()
    with contextlib.closing(guard) if guard else contextlib.nullcontext():
        yield found


class Client:
    """Sends REGISTERs by hand and reads the answers."""

    def __init__(self, server):
        self.server = server
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((server[0], 0))
        self.socket.connect(server)
        self.cseq = 0

    def register(self, credentials=None, expires=5, method="REGISTER", again=False):
        """One request, sent and answered: (status, headers); OSError if there is no answer."""
        self.cseq += not again
        own = "%s:%d" % self.socket.getsockname()
        lines = ["%s sip:grandstream.com SIP/2.0" % method]
        lines += ["Via: SIP/2.0/UDP %s;branch=z9hG4bK%d;rport" % (own, self.cseq)]
        lines += ["From: <sip:2002@grandstream.com>;tag=1", "To: <sip:2002@grandstream.com>"]
        lines += ["Call-ID: 1@client", "CSeq: %d %s" % (self.cseq, method)]
        lines += ["Contact: <sip:2002@%s>" % own, "Expires: %d" % expires]
        lines += ["Authorization: Digest " + credentials] if credentials else []
        self.socket.send("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode())
        return self.answer()

    def answer(self, timeout_s=0.3):
        self.socket.settimeout(timeout_s)
        start, headers = registrar.read(self.socket.recv(2000))
        return int(start.split()[1]), headers


@pytest.fixture
def client():
    """client(server) is a Client, closed after the test."""
    with contextlib.ExitStack() as stack:

        def new(server):
            made = Client(server)
            stack.callback(made.socket.close)
            return made

        yield new


def credentials(headers, password="secret", nc=1, user="2002"):
    """Credentials for the challenge, made with hashlib alone."""
    (challenge,) = headers["www-authenticate"]
    given = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge.partition(" ")[2]))
    new = hashlib.sha256 if given["algorithm"] == "SHA-256" else hashlib.md5

    def h(text):
        return new(text.encode()).hexdigest()

    ha1 = h("%s:%s:%s" % (user, given["realm"], password))
    ha2 = h("REGISTER:sip:grandstream.com")
    out = 'username="%s", realm="%s", nonce="%s", uri="sip:grandstream.com", algorithm=%s' % (
        (user, given["realm"], given["nonce"], given["algorithm"])
    )
    if "qop" in given:
        rest = "%08x:cn:auth" % nc
        out += ', qop=auth, cnonce="cn", nc=%08x, response="%s"' % (
            nc,
            h("%s:%s:%s:%s" % (ha1, given["nonce"], rest, ha2)),
        )
        return out
    return out + ', response="%s"' % h("%s:%s:%s" % (ha1, given["nonce"], ha2))


@pytest.fixture
def start(place, client):
    """start(**options) is a Registrar and a Client of it."""
    with contextlib.ExitStack() as stack:

        def started(**options):
            server = Registrar(**options)
            server.start(place.primary)
            stack.callback(server.close)
            return server, client(place.primary)

        yield started


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("qop", [True, False])
def test_registrar_registers(start, algorithm, qop):
    server, client = start(algorithm=algorithm, qop=qop)
    status, challenge = client.register()
    assert status == 401
    right = credentials(challenge)
    status, headers = client.register(right)
    assert status == 200 and headers["contact"][0].endswith(";expires=5")
    assert headers["via"][0].endswith(";received=%s" % client.socket.getsockname()[0])
    assert ";rport=%d" % client.socket.getsockname()[1] in headers["via"][0]
    # the same nonce once more: the next count is good, the same one is stale
    assert client.register(credentials(challenge, nc=2))[0] == 200
    status, headers = client.register(credentials(challenge, nc=2))
    assert (status, "stale" in str(headers)) == ((401, True) if qop else (200, False))
    status, headers = client.register(credentials(challenge, nc=3), expires=0)
    assert status == 200 and "contact" not in headers and not server.bindings
    assert [entry[2] for entry in server.log][:3] == [401, 200, 200]


def test_registrar_refuses(start):
    _, client = start()
    challenge = client.register()[1]
    for wrong in (credentials(challenge, "guess"), credentials(challenge, user="2003"), "x"):
        status, headers = client.register(wrong)
        assert status == 401 and "stale" not in str(headers)
    stale = credentials(challenge).replace('nonce="', 'nonce="0')
    assert client.register(stale)[0] == 401
    assert client.register(method="OPTIONS")[0] == 200
    assert client.register(method="INVITE")[0] == 405
    for junk in (b"", b"\r\n\r\n", b"\xff\x00", b"REGISTER\r\n\r\n", b"REGISTER x y\r\n\r\n"):
        client.socket.send(junk)
    assert client.register()[0] == 401


def test_registrar_answers_a_retransmission_the_same(start):
    server, client = start()
    first = client.register()
    assert client.register(again=True) == first
    assert client.register()[1] != first[1]
    assert len(server.log) == 2


def test_switchboard_of_the_registrar(start):
    server, client = start()
    server.switch("silent")
    with pytest.raises(socket.timeout):
        client.register()
    server.switch("refused")
    with pytest.raises(ConnectionRefusedError):
        client.register()
    server.switch("503", retry_after=30)
    status, headers = client.register()
    assert (status, headers["retry-after"]) == (503, ["30"])
    server.switch("503")
    assert "retry-after" not in client.register()[1]
    server.switch("wrong realm")
    challenge = client.register()[1]
    assert registrar.OTHER_REALM in challenge["www-authenticate"][0]
    assert client.register(credentials(challenge))[0] == 401
    server.switch("slow", delay_s=0.5)
    with pytest.raises(socket.timeout):
        client.register()
    assert client.answer()[0] == 401
    server.switch("up")
    assert client.register(credentials(client.register()[1]))[0] == 200
    with pytest.raises(ValueError, match="wrong realm"):
        server.switch("broken")


def test_g27_lab_zone_is_figure_18(place):
    """All records of the tests' copy, with the lab's addresses; beside them only A of `test`."""
    with open(__file__.replace("host/test_lab.py", "vectors/grandstream.com.zone")) as f:
        figure = f.read().replace("192.168.10.13", place.primary[0])
    figure = figure.replace("192.168.10.12", place.backup[0])
    guide = set(dns_server.read_zone(figure).iterate_rdatas())
    text = dns_server.zone_text(place.primary, place.backup)
    ours = set(dns_server.read_zone(text).iterate_rdatas())
    assert guide < ours
    assert [str(name) for name, _, _ in ours - guide] == ["test.grandstream.com."] * 2
    assert text.index("Ours") > text.index("test2 ")


def ask(server, data, tcp=False):
    if tcp:
        with socket.create_connection(server, timeout=1) as s:
            s.sendall(struct.pack(">H", len(data)) + data)
            return s.recv(2000)[2:]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.3)
        s.sendto(data, server)
        return s.recv(2000)


def test_g12_dns_server_answers_as_captured(place):
    """The guide's questions get the guide's answers, byte for byte."""
    server = dns_server.GuideDns()
    addresses = ("192.168.10.13", 5060), ("192.168.10.12", 5060)
    server.start(place.dns, dns_server.zone_text(*addresses))
    try:
        messages = vector("guide_dns.json")["messages"]
        for query, answer in zip(messages[::2], messages[1::2]):
            for tcp in (False, True):
                got = ask(place.dns, bytes.fromhex(query["hex"]), tcp)
                assert got.hex() == answer["hex"]
        unknown = DNSRecord.question("x.grandstream.com", "A").pack()
        assert DNSRecord.parse(ask(place.dns, unknown)).header.rcode == 3
        nodata = DNSRecord.parse(
            ask(place.dns, DNSRecord.question("_udp.test.grandstream.com").pack())
        )
        assert (nodata.header.rcode, len(nodata.rr), len(nodata.auth)) == (0, 0, 1)
        other = DNSRecord.question("example.com", "A").pack()
        assert DNSRecord.parse(ask(place.dns, other)).header.rcode == 5
        server.switch("refused")
        assert DNSRecord.parse(ask(place.dns, unknown)).header.rcode == 5
        server.switch("silent")
        with pytest.raises(socket.timeout):
            ask(place.dns, unknown)
    finally:
        server.close()


# The lab


def test_labs_stand_side_by_side(client):
    with Lab() as one, Lab() as two, Lab(one_address=True) as three:
        assert three.place.one_address
        if not one.place.one_address:
            assert one.place.network != two.place.network
        for it in (one, two, three):
            assert client(it.place.primary).register()[0] == 401
            assert it.name_of(it.place.backup) == "backup" and it.name_of(("1.2.3.4", 5)) is None
        one.switch("primary", "silent")
        assert client(two.place.primary).register()[0] == 401


@pytest.mark.parametrize("dns", lab.WITHOUT_SRV)
def test_g18_modes_are_for_srv_and_naptr(dns, capsys):
    for mode in lab.FAILOVER_MODES:
        if mode != "default":
            assert cli.main(["demo", "--dns", dns, "--mode", mode]) == 2
            said = capsys.readouterr().err
            assert "knows only the fail-over mode 'default'" in said and dns in said
    with pytest.raises(LabError, match="an address for each server"):
        Lab(dns=dns, one_address=True)


def test_help_teaches(capsys):
    for command, words in (("demo", ("Figure 4", "no-response", "exit code")), ("lab", ("wait",))):
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
        said = capsys.readouterr().out
        assert all(word in said for word in (*words, "--json", "configured-ip", "--raw", "(G22)"))


def test_micropython_names_an_interpreter(monkeypatch, capsys):
    monkeypatch.setenv("MICROPYTHON", "/does/not/exist")
    assert cli.main(["demo"]) == 2
    assert "MICROPYTHON=/does/not/exist does not run" in capsys.readouterr().err
    with pytest.raises(LabError):
        phone_process.find_interpreter({"MICROPYTHON": sys.executable})  # not a MicroPython
    found = phone_process.find_interpreter({})
    assert found.micropython or "no MicroPython is here" in str(found)
    if found.micropython:
        assert phone_process.find_interpreter({"MICROPYTHON": found.path}) == found


def test_commands(client):
    with Lab() as it:
        said = []
        board = switchboard.Switchboard(it, said.append)
        assert board.do("wait 2.5") == 2.5
        assert board.do("primary 503 30") == 0
        assert client(it.place.primary).register()[1]["retry-after"] == ["30"]
        board.do("backup wrong realm")
        assert registrar.OTHER_REALM in str(client(it.place.backup).register())
        board.do("dns silent")
        board.do("states")
        assert said[:3] == ["primary: 503 30", "backup: wrong realm", "dns: silent"]
        assert any("swallows" in text for text in said[3:])
        for text, error in (
            ("primary broken", "primary can be: up"),
            ("tertiary up", "no command; these are: dns|primary|backup STATE"),
            ("primary 503 soon", "primary 503 wants seconds"),
            ("wait -1", "wait wants seconds"),
        ):
            with pytest.raises(LabError, match=re.escape(error)):
                board.do(text)
        with pytest.raises(switchboard.Quit):
            board.do("quit")


# The phone in the lab


def sends(lines, place):
    """[(primary or backup, seconds)] of the requests that went out."""
    who = {place.primary: "primary", place.backup: "backup"}
    return [
        (who[line.peer], line.time) for line in lines if (line.rule, line.event) == ("sip", ">")
    ]


def registered(line):
    return line.status == 200


@pytest.fixture
def closed_port():
    with Lab() as it:
        it.switch("primary", "refused")
        yield it


def test_g15_closed_port_moves_on_at_once(closed_port):
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux reports a closed port to an unconnected socket")
    lines = closed_port.start_phone().until(registered)
    (_, first), (_, second), *_ = out = sends(lines, closed_port.place)
    assert [who for who, _ in out] == ["primary", "backup", "backup"]
    assert second - first < 0.1


def test_g15_closed_port_is_silence_without_reports(closed_port):
    lines = closed_port.start_phone(icmp_reports="No").until(registered)
    out = sends(lines, closed_port.place)
    assert [who for who, _ in out] == ["primary"] * 3 + ["backup"] * 2
    assert abs(out[3][1] - out[0][1] - 3.5) < 0.1


def test_g15_503_moves_on_at_once():
    with Lab() as it:
        it.switch("primary", "503", retry_after=60)
        phone = it.start_phone(account={"register_expiration_s": 2})
        lines = phone.until(registered)
        assert [who for who, _ in sends(lines, it.place)] == ["primary", "backup", "backup"]
        # closed for the Retry-After: the next cycle passes it over
        assert sends(phone.until(registered), it.place)[0][0] == "backup"


def test_g14_slow_server_is_not_left():
    with Lab() as it:
        it.switch("primary", "slow", delay_s=0.7)
        lines = it.start_phone().until(registered)
        assert [who for who, _ in sends(lines, it.place)] == ["primary"] * 4


def test_w3_wrong_realm_stops_at_once():
    with Lab() as it:
        it.switch("primary", "wrong realm")
        phone = it.start_phone()
        lines = phone.until(lambda line: line.rule == "W3")
        end = time.monotonic() + 1
        while time.monotonic() < end:
            line = phone.read(end - time.monotonic())
            lines += [line] if line else []
        out = [line for line in lines if (line.rule, line.event) == ("sip", ">")]
        assert {line.peer for line in out} == {it.place.primary}
        assert sum(b"uthorization:" in line.data for line in out) <= 3
        assert "secret" not in str(lines)


def test_same_firmware_on_cpython():
    on_cpython = phone_process.Interpreter(sys.executable, "CPython", False)
    with Lab(dns="naptr", interpreter=on_cpython) as it:
        lines = it.start_phone().until(registered)
        assert [who for who, _ in sends(lines, it.place)] == ["primary", "primary"]
        assert "this Python" in str(it.interpreter)


def test_phone_unregisters_when_interrupted():
    with Lab() as it:
        phone = it.start_phone(account={"unregister_on_reboot": "Instance"})
        phone.until(lambda line: line.event == "registered")
        time.sleep(0.1)  # it waits by then
        last = phone.stop()
        assert any(b"Expires: 0" in line.data for line in last if line.event == ">")
        assert not it.servers["primary"].bindings and not phone.running
        with pytest.raises(LabError, match="ended by itself"):
            while phone.read(1):
                pass


def test_w8_settings_fault_is_shown():
    with Lab() as it:
        phone = it.start_phone(account={"dns_mode": "Guess"})
        with pytest.raises(LabError, match="dns_mode: is not one of A Record, SRV"):
            phone.until(registered)


@pytest.mark.parametrize("by", ["arguments", "standard input"])
def test_lab_command_is_scriptable(by):
    commands = ["wait 0.5", "primary silent", "wait 0.2"]
    given = commands if by == "arguments" else []
    done = subprocess.run(
        [sys.executable, "-m", "srvphone_host", "lab", "--json", *given],
        cwd=phone_process.ROOT / "tools",
        input="" if given else "\n".join(commands),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr

    records = [json.loads(line) for line in done.stdout.splitlines()]
    frames = [r["frame"]["info"] for r in records if "frame" in r]
    assert frames[0].startswith("Standard query ") and "Status: 401 Unauthorized" in frames
    assert {"lab": "primary: silent"} in records


def test_lab_tells_what_the_phone_notes():
    """Sentences, or with --raw what the phone sends; with --json it is the latter's parts."""
    options = {(): r"account 1: (registered) at (\S+) for 5 s \(G24\)"}
    options["--raw",] = r"G24 (registered) 0 (\S+) 5"
    options["--json",] = r'"rule": "G24", "event": "(registered)", "text": "0 (\S+) 5"}'
    running = {
        given: subprocess.Popen(
            [sys.executable, "-m", "srvphone_host", "lab", "--one-address", *given, "wait 3"],
            cwd=phone_process.ROOT / "tools",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for given in options
    }
    for given, process in running.items():
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert re.search(r"%s\n" % options[given], out), out
        assert ("account 1" in out) == (given == ())
