"""Client transactions over UDP: sent until answered, or given up (rules G14 to G16a).

    tr = transactions.send(task, address, (branch, b"REGISTER"), data, sends)
    while not tr.outcome: yield None, Transaction
    tr.response                                # a Message, if tr.outcome is ANSWERED

The task is told of the end by an event, the Transaction; and once more if an answer comes late:
then its outcome is LATE. One that was given up stays in the table until 64*T1 after its first
send, so that its answer is known; one that was answered leaves it at once.

Limits: 16 transactions; a new one takes the place of the oldest that was given up, else of the
oldest, which then counts as silent (W9).
RFC 3261 17.1.2, 17.1.4, 8.1.3.
"""

from micropython import const

from ..clock import diff, earlier, later

# How a transaction ended, and what stands in the trace.
ANSWERED = const("answered")  # `response` is final
SILENT = const("silent")  # nothing came at all, to all the sends
UNREADABLE = const("unreadable")  # only what had to be dropped
REFUSED = const("refused")  # the network reports a transport error
TIMEOUT = const("timeout")  # a provisional response, then nothing until 64*T1
LATE = const("late")  # given up, but `response` came after all

_SIP = const(0)
_TABLE = const(16)
_TIMER_F = const(64)  # times T1 (RFC 3261 17.1.2.2)


class Transaction:
    """One request.

    .outcome      None while it waits for a final response; then how it ended
    .response     the final one
    .provisional  has there been one?
    .garbled      has anything come from there that had to be dropped?
    .context      the owner's own
    .address      where it is sent, (text, port)
    .deadline     the next send; once it has ended, when it is forgotten
    """

    def __init__(self, task, address, key, data):
        self.task = task
        self.address = address
        self.key = key
        self.data = data
        self.outcome = None
        self.response = None
        self.provisional = False
        self.garbled = False
        self.context = None
        self.sends_left = 0
        self.timer_e_ms = 0  # from the next send to the one after it
        self.timer_f = 0  # the time at which all is over
        self.deadline = 0


class Transactions:
    def __init__(self, core, settings):
        """settings: has sip_t1_ms and sip_t2_ms."""
        self.core = core
        self.settings = settings
        self.table = []
        core.has_timers(self)

    def send(self, task, address, key, data, sends):
        """Start a transaction for a task: at most `sends` sends (G14), T1 apart and doubling up
        to T2.

        `key` is what the responses are known by: (branch, method).
        """
        core = self.core
        if len(self.table) >= _TABLE:
            self._make_room()
        t1_ms = self.settings.sip_t1_ms
        tr = Transaction(task, address, key, data)
        tr.sends_left = sends
        tr.timer_e_ms = t1_ms
        tr.timer_f = later(core.now, _TIMER_F * t1_ms)
        tr.deadline = core.now
        self.table.append(tr)
        self.wake()
        return tr

    def _make_room(self):
        for tr in self.table:
            if tr.outcome:
                break
        else:
            tr = self.table[0]
            self.core.count("sip transactions full")
            self.finish(tr, SILENT)
        self.table.remove(tr)

    def clear(self):
        """Forget all of them; nobody is told."""
        self.table.clear()

    def wake(self):
        """Send what is due, end what has waited enough, forget what ended long ago."""
        now = self.core.now
        for tr in list(self.table):
            if diff(now, tr.deadline) >= 0:
                if tr.outcome:
                    self.table.remove(tr)
                elif tr.sends_left > 0 and diff(now, tr.timer_f) < 0:
                    tr.sends_left -= 1
                    self._wait(tr)
                    tr.timer_e_ms = min(tr.timer_e_ms * 2, self.settings.sip_t2_ms)
                    self.core.send(_SIP, tr.data, tr.address)
                else:
                    self.finish(tr, self._unanswered(tr))

    def _unanswered(self, tr):
        if tr.provisional:
            return TIMEOUT
        return UNREADABLE if tr.garbled else SILENT

    def dropped(self, address):
        """What came from there could not be read: who waits for it is not met with silence."""
        for tr in self.table:
            if not tr.outcome and tr.address == address:
                tr.garbled = True

    def deadline(self):
        """The time of the next `wake`, or None."""
        first = None
        for tr in self.table:
            first = earlier(first, tr.deadline)
        return first

    def _wait(self, tr):
        now = self.core.now
        tr.deadline = later(now, min(tr.timer_e_ms, diff(tr.timer_f, now)))

    def finish(self, tr, outcome):
        """The transaction ends, and its task is told; its answers stay known."""
        tr.outcome = outcome
        tr.data = None
        tr.deadline = tr.timer_f
        self.core.post(tr.task, tr)

    def receive(self, key, response):
        """A response; False if it belongs to no transaction."""
        for tr in self.table:
            if tr.key == key:
                if response.status >= 200:
                    self.table.remove(tr)
                    tr.response = response
                    self.finish(tr, LATE if tr.outcome else ANSWERED)
                elif not tr.outcome:  # G15: it stays where it is, sent every T2 until 64*T1
                    tr.provisional = True
                    tr.sends_left = 64
                    tr.timer_e_ms = self.settings.sip_t2_ms
                    self._wait(tr)
                return True
        return False

    def failed(self, address):
        """A report of the network on `address` (None: it does not say), charged if just one
        transaction can be meant."""
        meant = None
        for tr in self.table:
            if not tr.outcome and address in (None, tr.address):
                if meant:
                    return self.core.count("report not charged")
                meant = tr
        if meant:
            self.finish(meant, REFUSED)
