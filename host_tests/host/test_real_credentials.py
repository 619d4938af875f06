"""Two challenges, nonces that are good once, 423 and a wrong password, before real Kamailio.

An edge proxy asks 407 in its realm, the registrar behind it 401 in its own; the phone stands
before two such pairs, whose edges Knot names. What the phone and a server say to each other is
compared as words: "none 407, edge 401, both 200" are three REGISTERs, without credentials, with
those for the edge and with both, and the answers. A REGISTER that is sent again counts once.
"""

import contextlib
import re
from typing import NamedTuple

import pytest

from srvphone_host import lab as labs
from srvphone_host import phone_process
from srvphone_host.lab import Lab
from srvphone_host.real_servers import Kamailio, KamailioEdge
from srvphone_host.registrar import Registrar
from srvphone_host.sentences import Teller

MODES = tuple(labs.FAILOVER_MODES)
# A refresh comes a second after the REGISTER before it, and silence is known after 0.7 s.
ACCOUNT = {"register_expiration_s": 4, "reregister_before_expiration_s": 9}
T1_MS = 100
# 64 KB of a board's heap are free when it is registered; with phone_process.HEAP it is 8, and what
# the nonces of two servers take of that leaves too little to receive with.
HEAP = "128wK"
TTL_S, FAILBACK_S = 6, 3  # of the modes that wait for them


class Pair(NamedTuple):
    """What an edge and its registrar ask, and what is said until a 200 comes."""

    nonces: str
    min_expires: int
    first: str  # to a server that the phone has not met
    again: str  # after its death; the phone forgets the nonces of a silent one
    refresh: str
    most: int  # REGISTERs with credentials in an attempt
    death: str  # a server's: its port closed, or all silent

    def make(self):
        registrar = Kamailio(nonces=self.nonces, min_expires=self.min_expires)
        return KamailioEdge(registrar, nonces=self.nonces)


PAIRS = {
    # Each nonce is good for all that counts it up, so both go into every refresh. An edge that was
    # started anew does not know its own.
    "counted": Pair(
        "counted",
        0,
        first="none 407, edge 401, both 200",
        again="both 407, both 200",
        refresh="both 200",
        most=2,
        death="refused",
    ),
    # Kamailio refuses a used nonce without stale=true; a 423 has used both.
    "once": Pair(
        "once",
        6,
        first="none 407, edge 401, both 407, both 423, both 407, both 401, both 407, both 200",
        again="none 407, edge 401, both 407, both 200",
        refresh="both 407, both 401, both 407, both 200",
        most=7,
        death="silent",
    ),
}


@pytest.fixture(autouse=True)
def installed(need, monkeypatch):
    for command in ("knotd", "kamailio"):
        need(command)
    monkeypatch.setattr(phone_process, "HEAP", HEAP)


def credentials(data):
    """none, edge, registrar or both: whom a REGISTER has credentials for."""
    edge, registrar = b"\r\nProxy-Authorization:" in data, b"\r\nAuthorization:" in data
    return ("none", "edge", "registrar", "both")[edge + 2 * registrar]


def said(lines, lab):
    """["primary: none 407, edge 401, both 200", ...]: a new text with each server, and after 200.

    What has no answer in the lines is there without one; an answer to it again is left out.
    """
    asked = {}  # branch: [server, credentials, answer]
    for line in lines:
        if line.rule == "sip":
            branch = re.search(rb"branch=([^;,\s]+)", line.data)[1]
            if line.event == ">":
                asked.setdefault(branch, [lab.name_of(line.peer), credentials(line.data)])
            elif len(asked.get(branch, "...")) < 3:
                asked[branch].append(str(line.status))
    texts, last = [], [None]
    for server, *words in asked.values():
        if server != last[0] or last[-1] == "200":
            texts.append(server + ": " + " ".join(words))
        else:
            texts[-1] += ", " + " ".join(words)
        last = [server, *words]
    return texts


def with_credentials(text):
    """How many REGISTERs of a text have some."""
    return len(re.findall("edge|registrar|both", text))


def registered_at(lab, server):
    address = "%s:%d" % getattr(lab.place, server)
    return lambda line: line.event == "registered" and address in line.text.split()


# Two challenges, in every mode


@pytest.fixture(params=PAIRS)
def pair(request):
    return PAIRS[request.param]


@pytest.fixture
def start(pair, monkeypatch, request):
    """start(mode) is a Lab with two such pairs, and the phone before them."""
    monkeypatch.setitem(labs.TTL_S, "ttl", TTL_S)
    monkeypatch.setattr(labs, "FAILBACK_S", FAILBACK_S)

    def started(mode):
        lab = Lab("srv", mode, "real", primary=pair.make(), backup=pair.make())
        request.addfinalizer(lab.close)
        lab.__enter__()
        return lab, lab.start_phone(ACCOUNT, sip_t1_ms=T1_MS)

    return started


def fail_over(lab, phone, pair):
    """Registered, refreshed, and when the primary's edge has died, at the backup, which lives as
    the primary did; the edge is up again. The lines of all that."""
    lines = phone.until(registered_at(lab, "primary"))
    assert said(lines, lab) == ["primary: " + pair.first]
    assert with_credentials(pair.first) == pair.most <= 8
    refreshed = phone.until(registered_at(lab, "primary"))
    assert said(refreshed, lab) == ["primary: " + pair.refresh]
    lab.switch("primary", pair.death)
    moved = phone.until(registered_at(lab, "backup"))
    assert said(moved, lab)[-2:] == ["primary: both", "backup: " + pair.first]
    lab.switch("primary", "up")
    return lines + refreshed + moved


def back(lab, phone, pair):
    """The lines until the phone is back at the primary, and how often the backup was refreshed."""
    lines = phone.until(registered_at(lab, "primary"))
    *before, last = said(lines, lab)
    assert last == "primary: " + pair.again
    assert set(before) <= {"backup: " + pair.refresh}
    return lines, len(before)


def noted(lines, rule, event):
    return [line.time for line in lines if (line.rule, line.event) == (rule, event)]


def test_g18_w3_default_comes_back_with_the_next_refresh(pair, start):
    lab, phone = start("default")
    fail_over(lab, phone, pair)
    lines, refreshes = back(lab, phone, pair)
    assert refreshes == 0 and len(noted(lines, "G18", "starts-at")) == 1


def test_g19_w3_comes_back_when_the_ttl_is_up(pair, start):
    lab, phone = start("ttl")
    planned = noted(fail_over(lab, phone, pair), "G4", "plan")
    lines, refreshes = back(lab, phone, pair)
    assert refreshes >= 1
    assert noted(lines, "G24", "registered")[-1] - planned[0] >= TTL_S
    assert len(noted(lines, "G4", "plan")) == 1


def test_g20_w3_comes_back_when_the_backup_is_silent(pair, start):
    lab, phone = start("no-response")
    fail_over(lab, phone, pair)
    for _ in range(2):  # the primary is there, and is left alone
        lines = phone.until(registered_at(lab, "backup"))
        assert said(lines, lab) == ["backup: " + pair.refresh]
    lab.switch("backup", pair.death)
    lines = phone.until(registered_at(lab, "primary"))
    assert said(lines, lab)[-2:] == ["backup: both", "primary: " + pair.again]


def test_g21_w3_comes_back_when_the_failback_timer_is_up(pair, start):
    """And takes its binding away from the backup, with credentials for both there, too."""
    lab, phone = start("failback")
    moved = noted(fail_over(lab, phone, pair), "G24", "registered")[-1]
    lines, refreshes = back(lab, phone, pair)
    assert refreshes >= 1
    assert FAILBACK_S <= noted(lines, "G21", "failback")[0] - moved < FAILBACK_S + 1
    lines = phone.until(lambda line: line.status == 200 and line.peer == lab.place.backup)
    removal = [line for line in lines if line.peer == lab.place.backup]
    assert said(removal, lab) == ["backup: " + pair.refresh]
    assert b";expires=0" in removal[0].data or b"\r\nExpires: 0\r\n" in removal[0].data


# How many REGISTERs with credentials until a 200


@pytest.mark.parametrize(
    "at_edge, at_registrar, min_expires, due, count",
    [
        (None, "once", 0, "none 401, registrar 200", 1),
        (None, "once", 6, "none 401, registrar 423, registrar 401, registrar 200", 3),
        ("counted", "counted", 6, "none 407, edge 401, both 423, both 200", 3),
        ("counted", "once", 6, "none 407, edge 401, both 423, both 401, both 200", 4),
        ("once", "counted", 6, "none 407, edge 401, both 407, both 423, both 407, both 200", 5),
        ("once", "once", 0, "none 407, edge 401, both 407, both 200", 3),
    ],
)
def test_w3_w4_registered_after(at_edge, at_registrar, min_expires, due, count):
    """PAIRS has the most there can be: nonces good once at both, and a 423 between."""
    primary = Kamailio(nonces=at_registrar, min_expires=min_expires)
    if at_edge:
        primary = KamailioEdge(primary, nonces=at_edge)
    with Lab(servers="real", primary=primary, backup=Registrar()) as lab:
        phone = lab.start_phone(ACCOUNT, sip_t1_ms=T1_MS)
        lines = phone.until(registered_at(lab, "primary"))
        assert said(lines, lab) == ["primary: " + due]
    assert with_credentials(due) == count


# A wrong password


def wrong_password(who, nonces):
    """A server that knows another password than the phone, or whose registrar does."""
    if who == "edge":
        return KamailioEdge(Kamailio(), nonces=nonces, password="other")
    registrar = Kamailio(nonces=nonces, password="other")
    return registrar if who == "registrar" else KamailioEdge(registrar, nonces=nonces)


def check_attempt(lab, phone, *due):
    """One server is asked, and these sentences end the attempt; the words of what was said."""
    lines = phone.until(lambda line: line.rule == "G22")
    teller = Teller()
    notes = [teller.tell(n.rule, n.event, n.text) for n in lines if not n.is_datagram]
    server = "%s:%d" % lab.place.primary
    assert notes[-len(due) :] == ["account 1: " + text.format(server=server) for text in due]
    (asked,) = said(lines, lab)
    place, _, words = asked.partition(": ")
    assert place == "primary"
    return words


@pytest.fixture
def phone_at():
    """phone_at(primary, **account) is a Lab and its phone; at the end, nobody asked the backup."""
    with contextlib.ExitStack() as stack:

        def started(primary, **account):
            backup = Registrar()
            lab = stack.enter_context(Lab(servers="real", primary=primary, backup=backup))
            backups.append(backup)
            return lab, lab.start_phone({**ACCOUNT, **account}, sip_t1_ms=T1_MS)

        backups = []
        yield started
    assert [backup.log for backup in backups] == [[]]


@pytest.mark.parametrize(
    "who, nonces, due",
    [
        ("registrar", "counted", "none 401, registrar 401, registrar 401"),
        ("registrar", "once", "none 401, registrar 401, registrar 401"),
        ("edge", "counted", "none 407, edge 407, edge 407"),
        ("edge", "once", "none 407, edge 407, edge 407"),
        ("registrar behind an edge", "counted", "none 407, edge 401, both 401, both 401"),
    ],
)
def test_w3_wrong_password(who, nonces, due, phone_at):
    """Two with credentials an attempt for who knows another, and every attempt is alike."""
    lab, phone = phone_at(wrong_password(who, nonces), forbidden_retry_wait_s=1)
    for _ in range(2):
        words = check_attempt(
            lab,
            phone,
            "{server} refuses the password (W3)",
            "the password is refused; tries again in 1 s (G22)",
        )
        assert words == due


def test_w3_wrong_password_when_the_same_nonce_comes_back(phone_at):
    """Without counts Kamailio makes one nonce a second, so one with credentials may be all. The
    long wait begins."""
    lab, phone = phone_at(wrong_password("registrar", "for all"))
    words = check_attempt(
        lab,
        phone,
        "{server} refuses the password (W3)",
        "the password is refused; tries again in 1200 s (G22)",
    )
    same = "none 401, registrar 401"
    assert words in (same, same + ", registrar 401")  # the latter if a second begins between
    assert phone.read(timeout_s=1.5) is None


def test_w3_wrong_password_that_can_not_be_told(phone_at):
    """Each of the registrar's nonces goes to the edge first in a request that the edge refuses:
    none is refused in its first use. The bound of an attempt ends it, which is said."""
    lab, phone = phone_at(wrong_password("registrar behind an edge", "once"))
    words = check_attempt(
        lab,
        phone,
        "{server} asks on after 10 credentials (W3)",
        "{server} answered 407 (G15)",
        "not registered; tries again in 20 s (G22)",
    )
    assert words == "none 407, edge 401" + ", both 407, both 401" * 4 + ", both 407"
    assert with_credentials(words) == 10
