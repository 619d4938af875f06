"""Settings onto a board (rules W7, W8): asked for on a terminal, or from a file."""

import io
import json
import re
import time

import pytest
from mpremote.transport import TransportError

from srvphone_host import cli, provision, remote
from srvphone_host.errors import LabError
from srvphone_host.pty_board import PtyBoard

from .flash_cut import Flash, cuts
from .scripted_board import Scripted
from .terminal import Terminal

# What is on a board that has a phone: enough of it to be asked and started.
MAIN = b"""
import time
print("srvphone 0.1.0 on UNIX")
try:
    while True:
        time.sleep_ms(50)
except KeyboardInterrupt:
    pass
"""
ACCOUNT = {
    "sip_server": "example.com",
    "sip_user_id": "2002",
    "authenticate_password": "geheim-77",
}
SETTINGS = {"networks": [{"ssid": "home", "password": "wifi-12345"}], "accounts": [ACCOUNT]}
SECRETS = ("geheim-77", "wifi-12345", "new-secret-1", "new-secret-2")


def no_secret(text):
    return not any(secret in text for secret in SECRETS)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "board").mkdir()
    (tmp_path / "board/main.py").write_bytes(MAIN)
    (tmp_path / "board/board.py").write_text('NAME = "UNIX"\nNETWORK = "WLAN"\n')
    return tmp_path / "board"


@pytest.fixture
def board(folder):
    with PtyBoard(folder) as board:
        yield board


@pytest.fixture
def file(tmp_path):
    def write(settings):
        path = tmp_path / "given.json"
        path.write_text(json.dumps(settings), encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def srvphone(capsys):
    def run(*words):
        code = cli.main(["provision", *map(str, words)])
        done = capsys.readouterr()
        assert no_secret(done.out + done.err)
        seen.append(done)
        return (code, *done)

    seen = []
    yield run
    for done in seen:  # in sight if the test failed
        print(*done)


def on(folder):
    path = folder / "srvphone.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def test_a_person_is_asked_and_no_password_is_seen(folder, board):
    with Terminal("provision", "--port", board.port) as terminal:
        terminal.until("WiFi network (SSID): ")
        terminal.type("\r")
        terminal.until("ssid: must be set")
        terminal.type("x" * 33 + "\r")
        terminal.until("is not at most 32 bytes")
        terminal.until("WiFi network (SSID): ")
        terminal.type("home\r")
        terminal.until("WiFi password (not shown; Enter: none): ")
        terminal.type("short\r")
        assert "short" not in terminal.until("is not 8 to 64 bytes")
        terminal.until("WiFi password (not shown; Enter: none): ")
        terminal.type("new-secret-1\r")
        terminal.until("Country")
        terminal.type("DE\r")
        terminal.until("SIP Server (the domain): ")
        terminal.type("sip:example.com\r")
        terminal.until("sip_server: is not a host name")
        terminal.type("example.com\r")
        terminal.until("SIP User ID (the number): ")
        terminal.type("2002\r")
        terminal.until("Authenticate ID")
        terminal.type("\r")
        terminal.until("Authenticate Password (not shown; Enter: none): ")
        terminal.type("new-secret-2\r")
        terminal.until("Outbound Proxy")
        terminal.type("\r")
        terminal.until("  3  NAPTR/SRV")
        terminal.until("DNS Mode [A Record]: ")
        terminal.type("9\r")
        terminal.until("dns_mode: is not one of")
        terminal.until("DNS Mode [A Record]: ")
        terminal.type("3\r")
        terminal.until("DNS SRV Fail-over Mode [Default]: ")
        terminal.type("\r")
        terminal.until("DNS servers")
        terminal.type("192.0.2.53, 192.0.2.54\r")
        terminal.until("srvphone 0.1.0 on UNIX")
        code, output = terminal.end()
    assert code == 0 and no_secret(output) and output.count(provision.STARS) == 2
    assert on(folder) == {
        "networks": [{"ssid": "home", "password": "new-secret-1"}],
        "country": "DE",
        "accounts": [
            {
                "sip_server": "example.com",
                "sip_user_id": "2002",
                "authenticate_password": "new-secret-2",
                "dns_mode": "NAPTR/SRV",
            }
        ],
        "dns_servers": ["192.0.2.53", "192.0.2.54"],
    }
    assert not (folder / "srvphone.json.new").exists() and board.resets == ["hard"]


def test_enter_keeps_what_is_there(folder, board):
    present = {**SETTINGS, "trace": "notes", "hostname": "desk"}
    (folder / "srvphone.json").write_text(json.dumps(present))
    with Terminal("provision", "--port", board.port) as terminal:
        for question in (
            "WiFi network (SSID) [home]: ",
            "WiFi password (not shown; Enter keeps it): ",
            "Country",
            "SIP Server (the domain) [example.com]: ",
            "SIP User ID (the number) [2002]: ",
            "Authenticate ID",
            "Authenticate Password (not shown; Enter keeps it): ",
            "Outbound Proxy",
            "DNS Mode [A Record]: ",
            "DNS servers",
        ):
            terminal.until(question)
            terminal.type("\r")
        code, output = terminal.end()
    assert code == 0 and "Nothing has changed" in output and no_secret(output)
    assert on(folder) == present


def test_ctrl_c_in_the_middle_changes_nothing_and_starts_the_phone(folder, board):
    with Terminal("provision", "--port", board.port) as terminal:
        terminal.until("WiFi network")
        terminal.interrupt()
        code, output = terminal.end()
    assert code == 130 and "Traceback" not in output and on(folder) is None
    end = time.monotonic() + 3
    while board.resets != ["hard"] and time.monotonic() < end:
        time.sleep(0.02)
    assert board.resets == ["hard"]


def test_a_file_takes_the_place_of_what_is_there(folder, board, file, srvphone):
    (folder / "srvphone.json").write_text('{"trace": "notes"}')
    code, out, err = srvphone("--port", board.port, "--file", file(SETTINGS), "--json")
    record = json.loads(out)
    assert code == 0 and on(folder) == SETTINGS
    assert record["first_line"] == "srvphone 0.1.0 on UNIX"
    assert record["settings"]["accounts"][0]["authenticate_password"] == provision.STARS
    code, out, _ = srvphone("--port", board.port, "--file", file(SETTINGS))
    assert code == 0 and "Nothing has changed" in out


def test_a_file_over_what_is_there(folder, board, file, srvphone):
    present = {
        **SETTINGS,
        "trace": "notes",
        "accounts": [ACCOUNT, {"sip_server": "b.example", "sip_user_id": "2"}],
    }
    (folder / "srvphone.json").write_text(json.dumps(present))
    given = {
        "networks": [{"ssid": "work", "password": "new-secret-1"}, {"ssid": "home"}],
        "accounts": [{"ha1": "0" * 32, "outbound_proxy": "sip.example.com"}],
    }
    code, _, err = srvphone("--port", board.port, "--file", file(given), "--keep")
    assert (code, err) == (0, "")
    one = {**ACCOUNT, "outbound_proxy": "sip.example.com", "ha1": "0" * 32}
    del one["authenticate_password"]
    assert on(folder) == {
        "networks": given["networks"],
        "trace": "notes",
        "accounts": [one, present["accounts"][1]],
    }


def test_keep_asks_only_for_what_is_not_there(folder, board):
    (folder / "srvphone.json").write_text(json.dumps({**SETTINGS, "country": "DE"}))
    with Terminal("provision", "--port", board.port, "--keep") as terminal:
        asked = terminal.until("Authenticate ID")
        terminal.type("-\r")
        asked += terminal.until("Outbound Proxy")
        terminal.type("sip.example.com\r")
        terminal.until("DNS Mode")
        terminal.type("SRV\r")
        terminal.until("Fail-over Mode")
        terminal.type("Saved one until DNS TTL\r")
        terminal.until("DNS servers")
        terminal.type("\r")
        code, output = terminal.end()
    assert code == 0 and no_secret(output)
    assert "WiFi" not in asked and "SIP Server" not in asked and "Password" not in asked
    assert on(folder)["accounts"][0] == {
        **ACCOUNT,
        "outbound_proxy": "sip.example.com",
        "dns_mode": "SRV",
        "dns_srv_failover_mode": "Saved one until DNS TTL",
    }


def test_dry_run_sends_nothing(folder, board, file, srvphone):
    code, out, _ = srvphone("--file", file(SETTINGS), "--dry-run")  # no board is needed
    assert code == 0 and "Would send this" in out and provision.STARS in out
    code, out, _ = srvphone(
        "--port", board.port, "--file", file(SETTINGS), "--dry-run", "--keep", "--json"
    )
    assert code == 0 and json.loads(out)["dry_run"] is True
    assert on(folder) is None and not (folder / "srvphone.json.new").exists()


FAULTY = [
    ({"accounts": [{**ACCOUNT, "dns_mode": "geheim-77"}]}, "accounts[0].dns_mode: is not one of"),
    ({"accounts": [{**ACCOUNT, "dns_mod": "SRV"}]}, "unknown field; dns_mode is one"),
    ({"accounts": [{**ACCOUNT, "ha1": "0" * 32}]}, "ha1: must not stand beside a password"),
    ({"networks": [{"ssid": "home", "password": "short"}]}, "networks[0].password: is not 8 to"),
    ({"accounts": {}}, "accounts: is not a list"),
    ({"accounts": [{}]}, "accounts[0].sip_server: must be set"),
    (["geheim-77"], "not an object"),
]


@pytest.mark.parametrize("settings,said", FAULTY, ids=lambda v: v if isinstance(v, str) else "")
def test_w8_faults_are_named_before_anything_is_sent(file, srvphone, settings, said):
    code, _, err = srvphone("--file", file(settings), "--port", "/dev/none")
    assert code == 2 and said in err


def test_w8_a_file_that_is_none(tmp_path, srvphone):
    code, _, err = srvphone("--file", tmp_path / "none.json")
    assert code == 2 and "none.json: No such file" in err
    (tmp_path / "bad.json").write_text('{"accounts": [{"authenticate_password": "geheim-77" "x"')
    code, _, err = srvphone("--file", tmp_path / "bad.json")
    assert code == 2 and re.search(r"bad.json, line 1, column \d+: not JSON", err)
    (tmp_path / "latin.json").write_bytes('{"hostname": "ü"}'.encode("latin-1"))
    code, _, err = srvphone("--file", tmp_path / "latin.json")
    assert code == 2 and "not UTF-8" in err
    (tmp_path / "deep.json").write_text("[" * 200000)
    code, _, err = srvphone("--file", tmp_path / "deep.json")
    assert code == 2 and "in too many others" in err


def test_w8_a_byte_order_mark_is_passed_over(folder, board, tmp_path, srvphone):
    text = json.dumps({**SETTINGS, "networks": [{"ssid": "\U0001f600"}]})
    (tmp_path / "marked.json").write_text(text, encoding="utf-8-sig")
    (folder / "srvphone.json").write_text('{"trace": "notes"}', encoding="utf-8-sig")
    code, out, _ = srvphone(
        "--port", board.port, "--file", tmp_path / "marked.json", "--keep", "--dry-run", "--json"
    )
    settings = json.loads(out)["settings"]
    assert code == 0 and settings["trace"] == "notes"
    assert settings["networks"] == [{"ssid": "\U0001f600"}]


def test_questions_want_a_terminal(monkeypatch, srvphone):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    code, _, err = srvphone()
    assert code == 2 and "--file FILE" in err


def test_a_board_without_a_phone_is_told_what_is_next(folder, board, file, srvphone):
    (folder / "main.py").unlink()
    code, out, _ = srvphone("--port", board.port, "--file", file(SETTINGS))
    assert code == 0 and "`make flash` is next" in out and on(folder) == SETTINGS


def test_settings_that_can_not_be_read_are_replaced(folder, board, file, srvphone):
    (folder / "srvphone.json").write_text("{broken")
    code, out, _ = srvphone("--port", board.port, "--file", file(SETTINGS), "--keep")
    assert code == 0 and "can't be read" in out and on(folder) == SETTINGS


def test_characters_of_all_kinds_arrive(folder, board, file, srvphone):
    settings = {"networks": [{"ssid": "Café 'x' \\ \"日\"", "password": "p" * 8}]}
    assert srvphone("--port", board.port, "--file", file(settings))[0] == 0
    assert on(folder) == settings


def test_w7_a_cable_pulled_while_settings_are_sent(folder, file, capsys):
    old = {"trace": "notes", "hostname": "old" * 8}
    path = file(SETTINGS)
    code, n = 1, 0
    while code:
        n += 150
        (folder / "srvphone.json").write_text(json.dumps(old))
        with PtyBoard(folder) as board:
            board.pull(after=n)
            code = cli.main(["provision", "--port", board.port, "--file", path])
        said = capsys.readouterr().err
        assert no_secret(said)
        assert on(folder) in (old, SETTINGS), n
        if code:
            assert code == 1
            assert ("The new settings are there" in said) == (on(folder) == SETTINGS)
    assert on(folder) == SETTINGS and 1000 < n < 10000, "the last was not cut"


# A board that a script plays


def test_w7_a_power_cut_while_settings_are_sent(monkeypatch, file, srvphone):
    flash = Flash(blocks=32)
    with flash.mounted() as fs, fs.open("srvphone.json", "w") as f:
        f.write(json.dumps({"trace": "notes"}))
    path = file(SETTINGS)

    def work(fs):
        monkeypatch.setattr(remote, "connect", lambda device: Scripted(fs))
        assert cli.main(["provision", "--port", "scripted", "--file", path]) == 0

    def held(flash):
        with flash.mounted() as fs, fs.open("srvphone.json") as f:
            return json.loads(f.read())

    for cut in cuts(flash, work):
        assert held(cut) in ({"trace": "notes"}, SETTINGS)
    with flash.mounted() as fs:
        work(fs)
    assert held(flash) == SETTINGS


@pytest.mark.parametrize("words", ["w(", "os.rename", "memoryview"])
def test_a_line_that_is_cut_shows_no_password(monkeypatch, file, srvphone, words):
    flash = Flash(blocks=32)
    with flash.mounted() as fs:
        line = Scripted(fs)
        # what a REPL echoes if it is not in the mode that was thought
        line.cut_at = words, TransportError("could not complete raw paste: b'geheim-77'")
        monkeypatch.setattr(remote, "connect", lambda device: line)
        code, _, err = srvphone("--port", "scripted", "--file", file(SETTINGS))
        assert code == 1 and "was cut" in err and "The settings that were there still hold" in err
        assert "srvphone.json" not in fs.listdir()


def test_no_secret_of_any_table_is_shown():
    from srvphone import account

    secret = {"password", "ha1"}
    for kind in (account.Settings, account.Account, account.Network):
        for name in kind.fields:
            if any(word in name for word in secret):
                assert name in provision.SECRET
    masked = provision.masked({"accounts": [{"ha1": "0" * 32, "authenticate_password": ""}]})
    assert masked == {"accounts": [{"ha1": provision.STARS, "authenticate_password": ""}]}


def test_an_answer_that_never_comes():
    class Nobody:
        def tell(self, text):
            pass

        def text(self, question):
            raise EOFError

    with pytest.raises(LabError, match="nothing was sent"):
        provision.ask({}, "WLAN", Nobody())
