"""Which known network to join, and when: a state machine without I/O (W6).

    link = Link(settings.networks, trace.note)
    command = link.turn(now, state)     # JOIN: connect to link.network; LEAVE: disconnect; or None

`state` is what the interface shows: DOWN = 0, JOINING = 1, UP = 2, NO_NETWORK = 3,
BAD_PASSWORD = 4, FAULTY = 5. Commands: JOIN = 1, LEAVE = 2. `turn` wants to be called a few times
a second. The networks are tried one after the other, until one is up; one that is lost is joined
again at once. What fails is noted once until a network is up, so that an access point that is gone
for a day makes no line a second. An ESP32 shows why it failed until it is up, through later
attempts, too: what was there before JOIN counts only after a while. For a wired interface there is
nothing to do here.
"""

from micropython import const

from ..clock import diff

_JOINING = const(1)
_UP = const(2)
_BAD_PASSWORD = const(4)
_FAULTY = const(5)
_JOIN = const(1)
_LEAVE = const(2)

# What is noted, by the state.
_EVENTS = ("", "joining", "", "no-network", "bad-password", "failed")

_RESULT_MS = const(20000)  # associated, and an address from the DHCP server
_OLD_MS = const(3500)  # a scan, and a password refused
# From one JOIN to the next. Access points shut out who tries a wrong password too often.
_NEXT_MS = const(4000)
_LOCKED_MS = const(30000)


class Link:
    def __init__(self, networks, note):
        self.networks = networks
        self.note = note
        self.network = None  # the one that JOIN is about
        self.now = self.state = 0  # of the newest turn
        self.noted = []  # (ssid, state) since the link was last up
        self.steps = self._steps()

    def turn(self, now, state):
        self.now = now
        self.state = state
        return next(self.steps)

    def _note(self, state):
        what = self.network.ssid, state
        if what not in self.noted:
            self.noted.append(what)
            self.note(self.now, "W6", _EVENTS[state], what[0])

    def _steps(self):
        networks = self.networks
        i = 0
        while True:
            self.network = networks[i]
            self._note(_JOINING)
            begun = self.now
            before = self.state
            yield _JOIN
            while True:
                ms = diff(self.now, begun)
                state = self.state
                if ms >= _RESULT_MS or state >= _UP and (state != before or ms >= _OLD_MS):
                    break
                yield None
            if state == _UP:
                self.noted.clear()
                while self.state == _UP:
                    yield None
                continue
            if state < _UP:
                state = _FAULTY
            self._note(state)
            yield _LEAVE
            locked = state == _BAD_PASSWORD and len(networks) == 1
            while diff(self.now, begun) < (_LOCKED_MS if locked else _NEXT_MS):
                yield None
            i = (i + 1) % len(networks)
