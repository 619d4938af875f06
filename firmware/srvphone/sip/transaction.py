"""Client transactions over UDP: sent until answered, or given up (rules G14 to G16a).

    tr = transactions.send(flow, address, (branch, b"REGISTER"), data, sends)
    while tr.state == WAITING: yield None
    tr.response                                # a Message, if tr.state is ANSWERED

The flow gets the transaction posted when it ends, and once more if an answer comes late: then
its state is LATE. One that was given up stays in the table until 64*T1 after its first send, so
that its answer is known; one that was answered leaves it at once.

Limits: 16 transactions; a new one takes the place of the oldest that was given up, else of the
oldest, which then counts as silent (W9).
RFC 3261 17.1.2, 17.1.4, 8.1.3.
"""

from micropython import const

from ..clock import diff, later
from ..desk import SIP

# The states, and what stands in the trace.
WAITING = "waiting"  # for a final response; sent again at `deadline`
ANSWERED = "answered"  # `response` is final
SILENT = "silent"  # no response at all to all the sends
REFUSED = "refused"  # the network reports a transport error
TIMEOUT = "timeout"  # a provisional response, then nothing until 64*T1
LATE = "late"  # given up, but `response` came after all

_TABLE = const(16)


class Transaction:
    """One request. `deadline`: the next send; once it is given up, when it is forgotten."""

    state = WAITING
    response = None  # the final one
    provisional = False  # has there been one?
    wait_ms = 0
    about = None  # the owner's own

    def __init__(self, flow, address, key, data, sends, end):
        self.flow = flow
        self.address = address
        self.key = key
        self.data = data
        self.left = sends
        self.deadline = self.end = end


class Transactions:
    def __init__(self, desk, t1_ms, t2_ms):
        self.desk = desk
        self.t1_ms = t1_ms
        self.t2_ms = t2_ms
        self.table = []

    def send(self, flow, address, key, data, sends):
        """Start a transaction: at most `sends` sends, T1 apart and doubling up to T2 (G14).

        `key` is what the responses are known by: (branch, method).
        """
        if len(self.table) >= _TABLE:
            self._make_room()
        end = later(self.desk.now, 64 * self.t1_ms)
        tr = Transaction(flow, address, key, data, sends, end)
        self.table.append(tr)
        self._transmit(tr)
        return tr

    def _make_room(self):
        for tr in self.table:
            if tr.state != WAITING:
                break
        else:
            tr = self.table[0]
            self.desk.count("sip transactions full")
            self.finish(tr, SILENT)
        self.table.remove(tr)

    def _transmit(self, tr):
        tr.left -= 1
        self._wait(tr, min(tr.wait_ms * 2, self.t2_ms) or self.t1_ms)
        self.desk.send(SIP, tr.data, tr.address)

    def _wait(self, tr, ms):
        now = self.desk.now
        tr.wait_ms = ms
        tr.deadline = later(now, min(ms, diff(tr.end, now)))

    def finish(self, tr, state):
        """The transaction ends, and its flow is told; its answers stay known."""
        tr.state = state
        tr.data = None
        tr.deadline = tr.end
        self.desk.post(tr.flow, tr)

    def receive(self, key, response):
        """A response; False if it belongs to no transaction."""
        for tr in self.table:
            if tr.key == key:
                break
        else:
            return False
        waiting = tr.state == WAITING
        if response.status >= 200:
            self.table.remove(tr)
            tr.response = response
            self.finish(tr, ANSWERED if waiting else LATE)
        elif waiting:  # G15: it stays where it is, sent again every T2 until 64*T1
            tr.provisional = True
            tr.left = 64
            self._wait(tr, self.t2_ms)
        return True

    def refused(self, address):
        """A report of the network on `address` (None: it does not say), charged if just one
        transaction can be meant."""
        meant = None
        for tr in self.table:
            if tr.state == WAITING and address in (None, tr.address):
                if meant:
                    self.desk.count("report not charged")
                    return
                meant = tr
        if meant:
            self.finish(meant, REFUSED)

    def wake(self):
        now = self.desk.now
        for tr in list(self.table):
            if diff(now, tr.deadline) >= 0:
                if tr.state != WAITING:
                    self.table.remove(tr)
                elif tr.left > 0 and diff(now, tr.end) < 0:
                    self._transmit(tr)
                else:
                    self.finish(tr, TIMEOUT if tr.provisional else SILENT)
