"""The campaign of tools/hostile.py: a short one on the three interpreters, and that it notices.

A broken phone, for each kind of thing that is watched, must be found out, or the campaign would
prove nothing.
"""

import json

import pytest

import core_tests
import hostile
from attack import dns_kinds, reader, sip_kinds
from attack.campaign import LIFE, PASSWORDS, Campaign, ha1
from attack.draws import Draws
from srvphone.phone import Phone

ROUNDS = 3


# As a whole.


@pytest.fixture(scope="module")
def runs():
    try:
        return {run.on: run for run in hostile.campaign(hostile.SHORT, 1)}
    except core_tests.Missing as e:
        pytest.skip(str(e))


@pytest.mark.parametrize("on", hostile.ON)
def test_w5_a_hostile_network_is_survived(runs, on):
    run = runs[on]
    assert hostile.report([run]) == ""
    result = run.result
    assert result["exceptions"] == 0
    assert result["messages"] >= hostile.SHORT[on]
    assert result["calms"] == result["rounds"]
    assert set(result["most"]) >= {"held", "drift", "sent", "us"}


def test_every_interpreter_meets_the_kinds_of_messages(runs):
    kinds = [set(run.result["kinds"]) for run in runs.values()]
    assert len(kinds[0] & kinds[1] & kinds[2]) > 50


# The campaign notices.


class Raises(Phone):
    """An exception for some datagrams."""

    def _sip(self, data, address, *cut):
        if b"Retry-After" in data:
            raise IndexError("broken")
        Phone._sip(self, data, address, *cut)


class Leaks(Phone):
    def receive(self, channel, data, address, now, *cut):
        self.kept = [*getattr(self, "kept", []), data * 2]
        Phone.receive(self, channel, data, address, now, *cut)


class Speaks(Phone):
    """Changes what it sends."""

    old = new = b""

    def send(self, channel, data, address, port=0):
        if channel == 0:
            data = data.replace(self.old, self.new)
        Phone.send(self, channel, data, address, port)


class Tells(Speaks):
    old = b"Max-Forwards: 70"
    new = old + b"\r\nX-Hint: " + PASSWORDS[0].encode()


class Doubles(Speaks):
    old = b"Max-Forwards: 70"
    new = old + b"\r\n" + old


class Splits(Speaks):
    old = b"rport\r\n"
    new = b"rport\n"


class Wrong(Speaks):
    """Credentials that no honest registrar takes."""

    old = b'uri="sip:'
    new = b'uri="sip:x'


class Deaf(Phone):
    """Never registers."""

    def _sip(self, data, address, *cut):
        if b" 200 " not in data[:14]:
            Phone._sip(self, data, address, *cut)


class Late(Phone):
    """Refreshes when the binding is over."""

    def deadline(self):
        for one in self.registrations:
            one.left_ms += 0 if one.state != "registered" else 100000 * (one.left_ms < 60000)
        return Phone.deadline(self)


class Asks(Phone):
    """Queries that no server could read."""

    def send(self, channel, data, address, port=0):
        if channel == 1 and data:
            data = data[:5] + b"\2" + data[6:]
        Phone.send(self, channel, data, address, port)


class Hoards(Phone):
    """A table without a bound."""

    def receive(self, channel, data, address, now, *cut):
        self.count("seen %d" % len(data))
        Phone.receive(self, channel, data, address, now, *cut)


class Works(Phone):
    """Looks at each byte of a datagram, very often."""

    def receive(self, channel, data, address, now, *cut):
        n = 0
        for _ in range(99):
            for c in data:
                n += c
        Phone.receive(self, channel, data, address, now, *cut)


class Floods(Phone):
    """Answers one with many."""

    def _sip(self, data, address, *cut):
        for _ in range(9):
            Phone._sip(self, data, address, *cut)
            self.out += self.out[-1:]


class Stands(Phone):
    """Waits for nothing, at some time."""

    def deadline(self):
        return Phone.deadline(self) if self.registrations[0].state != "registered" else None


class Stays(Phone):
    """Does not end when it is told to."""

    def stop(self, now):
        pass


class Spins(Phone):
    """Wants to be woken at once, always."""

    def deadline(self):
        return self.now


class Hashes(Speaks):
    """Sends the hash that stands for the password."""

    old = b"Max-Forwards: 70"
    new = old + b"\r\nX-Hint: " + ha1("2002", "two.example", PASSWORDS[1]).encode()


BROKEN = [
    (Raises, "exception IndexError"),
    (Leaks, "too much: held"),
    (Tells, "sent"),
    (Hashes, "sent"),
    (Doubles, "sent"),
    (Splits, "sent"),
    (Wrong, "sent"),
    (Deaf, "never registered"),
    (Late, "late refresh"),
    (Asks, "sent"),
    (Hoards, "table"),
    (Works, "too much: lines"),
    (Floods, "too much: sent"),
    (Stands, "stands"),
    (Stays, "never ends"),
    (Spins, "busy loop"),
]
SIZES = {Leaks: LIFE, Late: 1}  # rounds


@pytest.mark.parametrize("phone, what", BROKEN, ids=[phone.__name__ for phone, _ in BROKEN])
def test_a_broken_phone_is_noticed(phone, what):
    campaign = Campaign(3, 0, SIZES.get(phone, ROUNDS), phone=phone)
    for _ in campaign.steps():
        pass
    assert what in {fault[0] for fault in campaign.watch.faults.values()}


def test_a_failure_says_how_it_is_repeated():
    run = hostile.Run("unix", 7, 0, 200)
    run.faults.append(["exception IndexError", "dns cut", "IndexError", 123, "00ff", 1])
    text = hostile.report([run])
    assert 'make hostile ARGS="--seed 7 --round 123 --on unix"' in text
    assert "00ff" in text


def test_a_campaign_that_does_not_end_has_failed():
    run = hostile.Run("cpython", 1, 0, "what?")
    run.go()
    assert run.faults[0][0] == "no end"
    assert "ValueError" in run.faults[0][2]


def test_a_round_is_repeated_from_the_start_of_its_phones_life(capsys):
    assert hostile.main(["--seed", "7", "--round", "21", "--on", "cpython", "--json"]) in (0, 1)
    out = capsys.readouterr().out
    shown, _, figures = out.partition("\n{")
    assert len(shown.splitlines()) > hostile.EACH
    result = json.loads("{" + figures)["cpython"]
    assert (result["rounds"], result["messages"]) == (2, 2 * hostile.EACH)
    assert hostile.LIFE == LIFE


def test_one_seed_is_one_campaign():
    def told(seed):
        campaign = Campaign(seed, 0, 2)
        for _ in campaign.steps():
            pass
        return campaign.watch.kinds, campaign.watch.recipe

    assert told(11) == told(11) != told(12)


# Its parts.


def test_what_is_right_is_read_as_right():
    """dnspython reads every honest answer, and the strict reader every honest query."""
    import dns.message

    data = b"\0\1\1\0\0\1\0\0\0\0\0\0\4_sip\4_udp\3one\7example\0\0\x21\0\1"
    query = reader.query(data)
    asked = dns.message.from_wire(data)
    answer = dns.message.from_wire(dns_kinds.right(query))
    assert asked.is_response(answer) and len(answer.answer[0]) == 2
    for old, new in (
        (b"\0\x21\0\1", b"\0\xff\0\1"),
        (b"\1\0\0\1", b"\1\0\0\2"),
        (b"\7ex", b"\xc0\0"),
    ):
        with pytest.raises(ValueError):
            reader.query(data.replace(old, new))


REGISTER = (
    b"REGISTER sip:one.example SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport\r\n"
    b"From: <sip:2001@one.example>;tag=a\r\nTo: <sip:2001@one.example>\r\nCall-ID: a\r\n"
    b"CSeq: 1 REGISTER\r\nContact: <sip:2001@192.0.2.1:5060>\r\nExpires: 60\r\n"
    b"Content-Length: 0\r\n\r\n"
)


def test_the_strict_reader_is_strict():
    assert reader.sip(REGISTER).get(b"expires") == b"60"
    for old, new in (
        (b"Expires: 60", b"Expires: 60\r\nExpires: 60"),
        (b"tag=a\r\n", b"tag=a\n\r\n"),
        (b"CSeq: 1", b"CSeq: x"),
        (b"Length: 0", b"Length: 1"),
        (b"1 REGISTER", b"1 OPTIONS"),
        (b"Call-ID: a\r\n", b""),
        (b"Expires: 60", b"t: x"),
        (b"\r\n\r\n", b"\r\n"),
        (b" SIP/2.0\r\nVia", b"\r\nVia"),
    ):
        with pytest.raises(ValueError):
            reader.sip(REGISTER.replace(old, new))
    good = b'Digest username="u", realm="a\\"b", nonce="n", uri="sip:x", response="0a", nc=1'
    assert reader.credentials(good)[b"realm"] == b'a\\"b'
    for old, new in (
        (b'"n"', b'"n"m"'),
        (b'"n"', b'"n'),
        (b"nc=1", b'uri="sip:evil"'),
        (b'"0a"', b'"0g"'),
        (b"Digest", b"Basic"),
        (b'realm="a\\"b", ', b""),
        (b"nc=1", b"nc"),
    ):
        with pytest.raises(ValueError):
            reader.credentials(good.replace(old, new))


def test_every_kind_makes_messages_of_a_size_that_fits():
    query = reader.query(b"\0\1\1\0\0\1\0\0\0\0\0\0\3one\7example\0\0\x23\0\1")
    asked = reader.sip(REGISTER)
    for seed in range(40):
        draws = Draws(seed)
        for _, make, seconds in dns_kinds.KINDS:
            assert len(make(draws, query)) < 2000 and seconds >= 0
        for _, make, seconds in sip_kinds.ANSWERS:
            assert len(make(draws, asked)) < 12000 and seconds >= 0
        for _, make in sip_kinds.REQUESTS:
            assert isinstance(make(draws, seed), bytes)
        _, parts, _ = dns_kinds.stream(draws, query)
        assert b"" not in parts and len(b"".join(parts)) < 5000
