"""What the rooms of the core are handed: the time, random numbers, the out-tray, the flows.

    desk = Desk(os.urandom, Trace())
    flow = desk.spawn(lines())         # a generator that yields what it waits until
    desk.post(flow, event)             # it is resumed once the handler has returned
    desk.run()
    desk.below(10)                     # a number from 0 to 9, each as likely

A *flow* is a generator. `event = yield deadline` waits until the time `deadline` (None: without
end) or until an event is posted to it: a transaction, a query or another flow that has ended, or
a word. At the deadline the event is None; an event that is there by then comes first, and the
flow may wait anew. Nothing is ever called from inside a flow that resumes another: what one has
to tell another goes through `post`.

The queue of events and the out-tray are emptied in every turn; flows are as many as the
settings name servers (two a registration at the most, and one for each farewell), and the
resolver's.
"""

from .clock import diff

# Channels of the out-tray and of what comes in: SIP = 0, DNS = 1, TCP = 2. Each room has what it
# needs of them as constants of its own, which cost nothing.
NAMES = ("sip", "dns", "tcp")


class Flow:
    steps = None  # the generator; None once it is over
    deadline = None
    parent = None  # the flow that is told of the end


class Desk:
    now = 0
    flow = None  # the one that goes its steps

    def __init__(self, urandom, trace):
        self.urandom = urandom
        self.trace = trace
        self.out = []
        self.flows = []
        self.events = []
        self.counts = {}

    def below(self, n):
        """A uniform draw from 0 to n - 1, for n up to 2**30 - 1 (rejection, so without bias)."""
        while True:
            b = self.urandom(4)
            r = (b[0] & 63) << 24 | b[1] << 16 | b[2] << 8 | b[3]  # 30 bits: a small integer
            if r // n < 0x3FFFFFFF // n:
                return r % n

    def token(self, n):
        """`n` random bytes as lower-case hexadecimal bytes."""
        return self.urandom(n).hex().encode()

    def send(self, channel, data, to, port=0):
        """Put a datagram (or a stream's request) into the out-tray."""
        self.out.append((channel, data, to, port))
        if data:
            self.trace.datagram(self.now, NAMES[channel], ">", to, data)

    def note(self, *what):
        """Put a rule, an event and perhaps a text into the trace."""
        self.trace.note(self.now, *what)

    def count(self, event):
        """Count something dropped or refused, by its name."""
        self.counts[event] = self.counts.get(event, 0) + 1

    def spawn(self, steps):
        """Start a flow; it takes its first step in the next `run`."""
        flow = Flow()
        flow.steps = steps
        self.flows.append(flow)
        self.post(flow, None)
        return flow

    def post(self, flow, event):
        self.events.append((flow, event))

    def run(self):
        """Resume each flow that has an event, then each whose deadline has come, until none is."""
        while True:
            event = None
            if self.events:
                flow, event = self.events.pop(0)
            else:
                for flow in self.flows:
                    if flow.deadline is not None and diff(self.now, flow.deadline) >= 0:
                        break
                else:
                    return
            if flow.steps:
                self.flow = flow
                try:
                    flow.deadline = flow.steps.send(event)
                except StopIteration:
                    self.close(flow)
                    if flow.parent:
                        self.post(flow.parent, flow)

    def close(self, flow):
        """End a flow at the `yield` where it stands; what it waits for is taken back."""
        steps = flow.steps
        if steps:
            flow.steps = flow.deadline = None
            self.flows.remove(flow)
            steps.close()
