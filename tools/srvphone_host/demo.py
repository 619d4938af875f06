"""The story of the guide's Figure 4, told by a real phone: registered, failed over, come back.

    with Lab(dns="srv", mode="ttl") as lab:
        result = run(lab)
    result.faults                 # [] if the phone did what its fail-over mode says

A story is data: the servers in the order in which the mode must visit them, whether a visit ends
in a registration or in silence, and what we do to a server after it. The demo drives the lab by
the visits that it reads from the phone's trace, and checks them by the same list. The gaps between
the sends are measured by the phone's own clock against T1, 2*T1 and 4*T1 (G14).
"""

import re
import time
from typing import NamedTuple

from srvphone_host import table
from srvphone_host.errors import LabError
from srvphone_host.lab import FAILBACK_S, TTL_S
from srvphone_host.ladder import Ladder

GAPS_S = (0.5, 1.0, 2.0)
TOLERANCE = 0.1
LIMIT_S = 45  # of a whole story; the longest takes 29
LINGER_S = 0.5  # after the last visit: the old binding is removed then (G21)
REGISTERED, SILENT = "registered", "silent"
DIES, RETURNS = "dies", "returns"
_STATE = {DIES: "silent", RETURNS: "up"}


class Visit(NamedTuple):
    """What the phone is to do next, and what we do to which server after that."""

    server: str  # primary or backup
    outcome: str  # REGISTERED or SILENT
    then: tuple = ()  # (server, DIES or RETURNS)


class Story(NamedTuple):
    title: str
    visits: tuple
    last: str  # what has been seen when all went as it should
    timer_s: int = 0  # from the fail-over to the last visit, if the mode has such a timer


_FAILOVER = (
    Visit("primary", REGISTERED, ("primary", DIES)),
    Visit("primary", SILENT),
    Visit("backup", REGISTERED, ("primary", RETURNS)),
)
STORIES = {
    "default": Story(
        "each cycle starts at the primary (G18)",
        (*_FAILOVER, Visit("primary", REGISTERED)),
        "back at the primary with the first refresh after its return",
    ),
    "ttl": Story(
        "the server that last registered comes first until the TTL of %d s is up (G19)"
        % TTL_S["ttl"],
        (
            Visit("primary", REGISTERED),
            Visit("primary", REGISTERED),
            *_FAILOVER,
            Visit("backup", REGISTERED),
            Visit("primary", REGISTERED),
        ),
        "stayed at the backup inside the TTL, back at the primary with the first refresh after it",
    ),
    "no-response": Story(
        "the server that last registered comes first until it does not answer (G20)",
        (
            *_FAILOVER,
            Visit("backup", REGISTERED, ("backup", DIES)),
            Visit("backup", SILENT),
            Visit("primary", REGISTERED),
        ),
        "stayed at the backup until that died too, then back at the primary",
    ),
    "failback": Story(
        "stays at the backup until the failback timer of %d s is up (G21)" % FAILBACK_S,
        (*_FAILOVER, Visit("backup", REGISTERED), Visit("primary", REGISTERED)),
        "back at the primary when the failback timer was up, between two refreshes",
        FAILBACK_S,
    ),
}


class Seen(NamedTuple):
    """A visit that the phone has made."""

    server: str
    outcome: str
    start: float  # its first send, seconds by the phone's clock
    end: float  # the answer; of a silent visit the first send to the next server
    sends: int

    def __str__(self):
        return "%s: %s" % (self.server, self.outcome)


class Visits:
    """Follows the REGISTERs of the trace.

    `line` returns (the visits that ended with this line, a few words on the line). A visit is one
    transaction with one server, and its repetition with credentials. A 2xx ends it; it was silent
    if another one begins without an answer to it. Removing a binding (Expires 0) is no visit.
    """

    def __init__(self, name_of):
        self.name_of = name_of
        self.gaps = []  # of each silent visit: the seconds between its sends, and to the next
        self._server = self._branch = None
        self._status = 0
        self._times = []
        self._removals = set()

    def line(self, line):
        text = line.data.decode("latin-1")
        branch = re.search(r"branch=([^;,\s]+)", _first(text, "via", "v"))
        branch = branch and branch[1]
        if line.event == "<":
            return self._answer(line, branch, text)
        if _first(text, "expires") == "0" or _first(text, "contact", "m").endswith(";expires=0"):
            self._removals.add(branch)
            return [], "removes the old binding"
        return self._request(line, branch, _first(text, "authorization"))

    def _request(self, line, branch, credentials):
        server, ended = self.name_of(line.peer), []
        since = "+ %.3f s" % (line.time - self._times[-1]) if self._server else ""
        if self._server and branch == self._branch:
            note = since
        elif self._server == server and self._status in (401, 407):
            note = "with credentials"
        else:
            if self._server:
                self._times.append(line.time)
                self.gaps.append([round(b - a, 3) for a, b in zip(self._times, self._times[1:])])
                ended = [self._end(SILENT, line.time)]
            note = since or ("refresh, with the nonce it has" if credentials else "")
            self._server, self._times = server, []
        self._times.append(line.time)
        self._branch, self._status = branch, 0
        return ended, note

    def _answer(self, line, branch, text):
        if branch in self._removals:
            return [], ""
        if branch != self._branch or not self._server:
            return [], "late"
        self._status = int(text[8:11])
        if self._status in (401, 407):
            return [], "asks for the password"
        if self._status < 200:
            return [], ""
        good = self._status < 300
        outcome = REGISTERED if good else "answered %d" % self._status
        return [self._end(outcome, line.time)], outcome if good else ""

    def _end(self, outcome, now):
        sends = len(self._times) - (outcome == SILENT)
        seen = Seen(self._server, outcome, self._times[0], now, sends)
        self._server = None
        return seen


def _first(text, *names):
    return (table.header(text, *names) or [""])[0].strip()


def gap_faults(gaps):
    """What is wrong with the gaps of the silent visits, as sentences."""
    faults = []
    for found in gaps:
        off = [abs(gap - due) > due * TOLERANCE for gap, due in zip(found, GAPS_S)]
        if len(found) != len(GAPS_S) or any(off):
            faults.append("gaps of %s s where %s are due" % (seconds(found), seconds(GAPS_S)))
    return faults


def seconds(gaps):
    return " / ".join("%.3f" % g for g in gaps)


class Result(NamedTuple):
    story: Story
    rows: list
    visits: list  # of Seen
    gaps: list
    faults: list
    picture: str


class Show:
    """What `run` tells while it runs. This one tells nothing."""

    def row(self, row):
        """A row of the table."""

    def note(self, line):
        """A Line of the trace that is no datagram."""

    def act(self, text):
        """Something that we do to a server."""

    def waiting(self, text):
        """What has to happen next."""


def run(lab, show=None):
    """Play the story of the lab's mode: a Result. Stops at the first visit that is not its."""
    return _Run(lab, show or Show()).play()


class _Run:
    def __init__(self, lab, show):
        self.lab, self.show = lab, show
        self.story = STORIES[lab.mode]
        place = lab.place
        self.table = table.Table(place.phone, place.one_address)
        self.visits = Visits(lab.name_of)
        self.rows, self.seen, self.faults = [], [], []
        who = ("phone", "primary", "backup")
        where = [getattr(place, name) for name in who]
        self.ladder = Ladder(who, ["%s:%d" % a if place.one_address else a[0] for a in where])

    def play(self):
        phone = self.lab.start_phone()
        began = time.monotonic()
        try:
            while len(self.seen) < len(self.story.visits) and not self.faults:
                self._say_what_is_next()
                left = LIMIT_S - (time.monotonic() - began)
                line = phone.read(left)
                if line is None:
                    self.faults.append("after %d s the story was not over" % LIMIT_S)
                else:
                    self._take(line)
            until = time.monotonic() + LINGER_S
            while time.monotonic() < until and not self.faults:
                line = phone.read(until - time.monotonic())
                if line:
                    self._take(line)
        except LabError as e:
            self.faults.append(str(e))
        finally:
            phone.close()
        self.faults += gap_faults(self.visits.gaps)
        return Result(
            self.story, self.rows, self.seen, self.visits.gaps, self.faults, self.ladder.text()
        )

    def _say_what_is_next(self):
        next_ = self.story.visits[len(self.seen)]
        at = "%d of %d" % (len(self.seen) + 1, len(self.story.visits))
        what = "answers" if next_.outcome == REGISTERED else "is tried in vain"
        self.show.waiting("%s: until the %s %s" % (at, next_.server, what))

    def _take(self, line):
        row = self.table.row(line)
        if not row:
            self.show.note(line)
            return
        self.rows.append(row)
        self.show.row(row)
        server = self.lab.name_of(line.peer)
        if line.rule == "sip" and server:
            ended, note = self.visits.line(line)
            label = line.data[8:11] if line.event == "<" else line.data.partition(b" ")[0]
            self.ladder.arrow(line.time, server, label.decode(), line.event == "<", note)
            for seen in ended:
                self._check(seen)

    def _check(self, seen):
        """Compare a visit with the story's, and do to the servers what the story wants."""
        if len(self.seen) == len(self.story.visits):
            # Removing the old binding may have removed the new one, if the servers share them:
            # the phone makes sure.
            if not self.story.timer_s or seen[:2] != self.seen[-1][:2]:
                self.faults.append("after the story: %s" % (seen,))
            return
        self.seen.append(seen)
        due = self.story.visits[len(self.seen) - 1]
        if (seen.server, seen.outcome) != due[:2]:
            due = "%s: %s" % due[:2]
            self.faults.append("visit %d was %s, due is %s" % (len(self.seen), seen, due))
            return
        if len(self.seen) == len(self.story.visits) and self.story.timer_s:
            self._check_timer(seen)
        if due.then:
            server, what = due.then
            self.lab.switch(server, _STATE[what])
            self.ladder.event(server, what, dead=what == DIES)
            self.show.act("the %s %s" % (server, what))

    def _check_timer(self, last):
        failover = next(s for s in self.seen if s.server == "backup")
        took, due = last.start - failover.start, self.story.timer_s
        if abs(took - due) > due * TOLERANCE:
            self.faults.append("came back %.1f s after the fail-over, due %d s" % (took, due))
