"""Client transactions over UDP: sent until answered, or given up (rules G14 to G16a).

    tr = transactions.send(address, (branch, b"REGISTER"), data, sends)
    while not tr.state: yield None
    tr.response                                # a Message, if tr.state is "answered"

The flow gets the transaction posted when it ends, and once more if an answer comes late: then
its state is "late". One that was given up stays in the table until 64*T1 after its first send, so
that its answer is known; one that was answered leaves it at once.

Limits: 16 transactions; a new one takes the place of the oldest that was given up, else of the
oldest, which then counts as silent (W9).
RFC 3261 17.1.2, 17.1.4, 8.1.3.
"""

from micropython import const

from ..clock import diff, later

# How a transaction ended, and what stands in the trace.
_ANSWERED = const("answered")  # `response` is final
_SILENT = const("silent")  # no response at all to all the sends
_REFUSED = const("refused")  # the network reports a transport error
_TIMEOUT = const("timeout")  # a provisional response, then nothing until 64*T1
_LATE = const("late")  # given up, but `response` came after all

_SIP = const(0)
_TABLE = const(16)


class Transaction:
    """One request."""

    state = None  # while it waits for a final response; then how it ended
    response = None  # the final one
    provisional = False  # has there been one?
    wait_ms: "int"  # from the next send to the one after it
    about = None  # the owner's own
    flow: "object"  # the desk's Flow that is told of the end
    address: "tuple"
    key: "tuple"
    data: "bytes | None"
    count: "int"  # the sends that are left
    deadline: "int"  # the next send; once it has ended, when it is forgotten
    end: "int"


class Transactions:
    def __init__(self, desk, settings):
        self.desk = desk
        self.settings = settings
        self.table = []

    def send(self, address, key, data, sends):
        """Start a transaction of the flow that runs: at most `sends` sends (G14), T1 apart and
        doubling up to T2.

        `key` is what the responses are known by: (branch, method).
        """
        desk = self.desk
        table = self.table
        if len(table) >= _TABLE:
            for tr in table:
                if tr.state:
                    break
            else:
                tr = table[0]
                desk.count("sip transactions full")
                self.finish(tr, _SILENT)
            table.remove(tr)
        tr = Transaction()
        tr.flow = desk.flow
        tr.address = address
        tr.key = key
        tr.data = data
        tr.count = sends
        tr.deadline = desk.now
        tr.wait_ms = ms = self.settings.sip_t1_ms
        tr.end = later(desk.now, 64 * ms)
        table.append(tr)
        self.wake()
        return tr

    def wake(self):
        """Send what is due, end what has waited enough, forget what ended long ago."""
        now = self.desk.now
        for tr in list(self.table):
            if diff(now, tr.deadline) >= 0:
                if tr.state:
                    self.table.remove(tr)
                elif tr.count > 0 and diff(now, tr.end) < 0:
                    tr.count -= 1
                    self._wait(tr)
                    tr.wait_ms = min(tr.wait_ms * 2, self.settings.sip_t2_ms)
                    self.desk.send(_SIP, tr.data, tr.address)
                else:
                    self.finish(tr, _TIMEOUT if tr.provisional else _SILENT)

    def _wait(self, tr):
        now = self.desk.now
        tr.deadline = later(now, min(tr.wait_ms, diff(tr.end, now)))

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
                if response.status >= 200:
                    self.table.remove(tr)
                    tr.response = response
                    self.finish(tr, _LATE if tr.state else _ANSWERED)
                elif not tr.state:  # G15: it stays where it is, sent every T2 until 64*T1
                    tr.provisional = True
                    tr.count = 64
                    tr.wait_ms = self.settings.sip_t2_ms
                    self._wait(tr)
                return True
        return False

    def failed(self, address):
        """A report of the network on `address` (None: it does not say), charged if just one
        transaction can be meant."""
        meant = None
        for tr in self.table:
            if not tr.state and address in (None, tr.address):
                if meant:
                    return self.desk.count("report not charged")
                meant = tr
        if meant:
            self.finish(meant, _REFUSED)
