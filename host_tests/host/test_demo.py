"""The demo: all its combinations as a user starts them, and that it notices what is wrong."""

import json
import re
import subprocess
import sys
import time

import pytest

from srvphone_host import demo, lab, phone_process, real_servers
from srvphone_host.errors import LabError

COMBINATIONS = [(dns, mode) for dns in ("srv", "naptr") for mode in lab.FAILOVER_MODES]
COMBINATIONS += [("a", "default"), ("configured-ip", "default")]
LIMIT_S = 40  # of real time, from start to end
STARTS = 30  # of those in parallel, on a machine of two cores

# What the guide's questions of a look-up are, by DNS mode.
QUESTIONS = {
    "a": ["A test"],
    "srv": ["SRV _sip._udp.test", "A test2", "A test1"],
    "naptr": ["NAPTR test", "SRV _sip._udp.test", "A test2", "A test1"],
    "configured-ip": [],
}


def start(*options):
    return subprocess.Popen(
        [sys.executable, "-m", "srvphone_host", "demo", *options],
        cwd=phone_process.ROOT / "tools",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def installed(*commands):
    try:
        return all(real_servers.find(command) for command in commands)
    except LabError:
        return False


@pytest.fixture(scope="module")
def demos():
    """All of them at once, since they mostly wait: {options: process}."""
    running = {}
    for servers in ("lab", "real"):
        if servers == "lab" or installed("knotd", "kamailio"):
            for dns, mode in COMBINATIONS:
                options = ("--dns", dns, "--mode", mode, "--servers", servers, "--json")
                running[dns, mode, servers] = start(*options)
    running["one address"] = start("--one-address", "--json")
    running["table"] = start()
    running["raw"] = start("--raw")
    yield running
    for process in running.values():
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=10)


def check(process, dns, mode):
    out, err = process.communicate(timeout=LIMIT_S + STARTS)
    assert process.returncode == 0, out + err
    record = json.loads(out)
    assert record["faults"] == []
    frames = record["frames"]
    assert frames[-1]["time"] < LIMIT_S
    asked = [f["info"][22:] for f in frames if f["info"].startswith("Standard query 0x")]
    due = [question + ".grandstream.com" for question in QUESTIONS[dns]]
    assert asked[: len(due)] == due
    seen = [(v["server"], v["outcome"]) for v in record["visits"]]
    assert seen == [visit[:2] for visit in demo.STORIES[mode].visits]
    for gaps in record["gaps_s"]:
        assert all(abs(gap - due) <= due / 10 for gap, due in zip(gaps, (0.5, 1.0, 2.0)))
        assert len(gaps) == 3
    # the backup asks for the password, and gets it at once (G16)
    visit = next(v for v in record["visits"] if v["server"] == "backup")
    sip = [f for f in frames if f["protocol"] == "SIP" and f["time"] >= visit["start"]][:4]
    assert [f["info"].partition("  (")[0] for f in sip] == [
        "Request: REGISTER sip:grandstream.com",
        "Status: 401 Unauthorized",
        "Request: REGISTER sip:grandstream.com",
        "Status: 200 OK",
    ]
    return record


@pytest.mark.parametrize("dns, mode", COMBINATIONS)
def test_g18_to_g21_story_in_the_lab(demos, dns, mode):
    check(demos[dns, mode, "lab"], dns, mode)


@pytest.mark.parametrize("dns, mode", COMBINATIONS)
def test_g18_to_g21_story_with_real_servers(demos, need, dns, mode):
    need("knotd"), need("kamailio")
    check(demos[dns, mode, "real"], dns, mode)


def test_story_on_one_address(demos):
    record = check(demos["one address"], "srv", "default")
    assert {f["source"].partition(":")[0] for f in record["frames"]} == {"127.0.0.1"}


def test_what_is_shown(demos):
    out, err = demos["table"].communicate(timeout=LIMIT_S + STARTS)
    assert demos["table"].returncode == 0, out + err
    heads, table, picture, gaps, last = (
        out.index(text)
        for text in (
            "No.     Time Source          Destination     Protocol Length Info",
            "  90 Standard query 0x",
            "|------ REGISTER ------>:",
            "Gaps between the sends: 0.",
            "default: back at the primary with the first refresh after its return.",
        )
    )
    assert heads < table < picture < gaps < last
    assert "*** the primary dies ***" in out and "heap 80wK" in out
    assert re.search(r" account 1: 127[0-9.]+\.13:5060 did not answer \(G14\)\n", out)
    assert "G14 silent" not in out and "secret" not in out and "\x1b" not in out


def test_notes_as_the_phone_sends_them(demos):
    out, err = demos["raw"].communicate(timeout=LIMIT_S + STARTS)
    assert demos["raw"].returncode == 0, out + err
    assert re.search(r" G14 silent 0 127[0-9.]+\.13:5060\n", out) and "account 1" not in out


# What it must notice. A phone that is a list of lines, in a lab that is nothing.

PRIMARY, BACKUP = ("127.0.0.13", 5060), ("127.0.0.12", 5060)


def line(time, event, peer, start, branch, *headers):
    lines = [start, "Via: SIP/2.0/UDP 127.0.0.11;branch=%s" % branch, "CSeq: 1 REGISTER"]
    data = "\r\n".join([*lines, *headers, "", ""]).encode()
    return phone_process.Line(time, "sip", event, start, peer, len(data), data)


def send(time, peer, branch, *headers):
    start = "REGISTER sip:grandstream.com SIP/2.0"
    return line(time, ">", peer, start, branch, *(headers or ("Expires: 5",)))


def answer(time, peer, branch, status="200 OK"):
    return line(time, "<", peer, "SIP/2.0 " + status, branch)


def good_story(gaps=(0.5, 1.0, 2.0), back=PRIMARY):
    """The default mode's, as trace lines."""
    lines = [send(0.0, PRIMARY, "1"), answer(0.0, PRIMARY, "1", "401 Unauthorized")]
    lines += [send(0.1, PRIMARY, "2"), answer(0.1, PRIMARY, "2")]
    at = 5.0
    for gap in (0, *gaps[:-1]):
        at += gap
        lines.append(send(at, PRIMARY, "3"))
    at += gaps[-1]
    lines += [send(at, BACKUP, "4"), answer(at, BACKUP, "4", "401 Unauthorized")]
    lines += [send(at, BACKUP, "5"), answer(at, BACKUP, "5")]
    return [*lines, send(at + 5, back, "6"), answer(at + 5, back, "6")]


class Phone:
    def __init__(self, lines):
        self.lines = iter(lines)

    def read(self, timeout_s):
        line = next(self.lines, None)
        if not line:
            time.sleep(timeout_s if timeout_s < 1 else 0)  # of a story without end, 45 s
        return line

    def close(self):
        pass


class FakeLab:
    def __init__(self, lines, mode="default"):
        self.mode, self.lines, self.switched = mode, lines, []
        self.place = lab.Place(("127.0.0.11", 5060), ("127.0.0.53", 53), PRIMARY, BACKUP)

    def start_phone(self):
        return Phone(self.lines)

    def name_of(self, peer):
        return {PRIMARY: "primary", BACKUP: "backup"}.get(peer)

    def switch(self, server, state):
        self.switched.append((server, state))


def faults(lines, mode="default"):
    return demo.run(FakeLab(lines, mode)).faults


def test_g18_story_is_recognised():
    place = FakeLab(good_story())
    result = demo.run(place)
    assert result.faults == [] and result.gaps == [[0.5, 1.0, 2.0]]
    assert place.switched == [("primary", "silent"), ("primary", "up")]
    assert [seen.sends for seen in result.visits] == [2, 3, 2, 1]
    assert result.picture.count("REGISTER") == 8 and "+ 2.000 s" in result.picture


def test_g18_wrong_server_is_noticed():
    assert faults(good_story(back=BACKUP)) == [
        "visit 4 was backup: registered, due is primary: registered"
    ]


@pytest.mark.parametrize("gaps", [(0.5, 1.0, 2.3), (0.44, 1, 2), (0.5, 1.0), (0.5, 1, 2, 4)])
def test_g14_wrong_gaps_are_noticed(gaps):
    assert any(fault.startswith("gaps of") for fault in faults(good_story(gaps)))


def test_g21_return_before_the_timer_is_noticed():
    lines = good_story()[:-2]
    lines += [send(13.5, BACKUP, "6"), answer(13.5, BACKUP, "6")]
    for back, fault in ((16.5, []), (18.5, ["came back 10.0 s after the fail-over, due 8 s"])):
        story = [*lines, send(back, PRIMARY, "7"), answer(back, PRIMARY, "7")]
        assert faults(story, "failback") == fault


def test_g21_after_the_return():
    """The old binding goes and the new one is made sure of; another server is a fault."""
    story = good_story()[:-2]
    for at, server in ((13.5, BACKUP), (16.5, PRIMARY)):
        story += [send(at, server, str(at)), answer(at, server, str(at))]
    story += [send(16.5, BACKUP, "8", "Expires: 0"), answer(16.5, BACKUP, "8")]
    for server, fault in ((PRIMARY, []), (BACKUP, ["after the story: backup: registered"])):
        more = [send(16.5, server, "9"), answer(16.5, server, "9")]
        assert faults([*story, *more], "failback") == fault


def test_story_without_end_is_noticed():
    assert faults(good_story()[:7]) == ["after %d s the story was not over" % demo.LIMIT_S]


def test_refused_registration_is_noticed():
    story = [send(0, PRIMARY, "1"), answer(0, PRIMARY, "1", "403 Forbidden")]
    assert faults(story) == ["visit 1 was primary: answered 403, due is primary: registered"]
