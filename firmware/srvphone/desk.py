"""What the rooms of the core are handed: the time, random numbers, the out-tray, the flows.

    desk = Desk(os.urandom, Trace())
    flow = desk.spawn(lines())         # a generator that yields what it waits until
    desk.post(flow, event)             # it is resumed once the handler has returned
    desk.run()

A *flow* is a generator. `event = yield deadline` waits until the time `deadline` (None: without
end) or until an event is posted to it: a transaction, a query or another flow that has ended, or
a word. At the deadline the event is None; an event that is there by then comes first, and the
flow may wait anew. Nothing is ever called from inside a flow that resumes another: what one has
to tell another goes through `post`.

The queue of events and the out-tray are emptied in every turn; flows are as many as the
settings name servers (two a registration at the most, and one for each farewell), and the
resolver's.
"""

from .chance import Chance
from .clock import diff

# Channels of the out-tray and of what comes in.
SIP = 0
DNS = 1
TCP = 2
NAMES = ("sip", "dns", "tcp")

NOW = "now"  # posted to a registration's flow: start a cycle at once


class Flow:
    steps = None  # the generator; None once it is over
    deadline = None
    parent = None  # the flow that is told of the end


class Desk:
    now = 0

    def __init__(self, urandom, trace):
        self.chance = Chance(urandom)
        self.trace = trace
        self.out = []
        self.flows = []
        self.events = []
        self.counts = {}

    def send(self, channel, data, address, port=0):
        """Put a datagram (or a stream's request) into the out-tray."""
        self.out.append((channel, data, address, port))
        if data is not None:
            self.trace.datagram(self.now, NAMES[channel], ">", address, data)

    def note(self, rule, event, text=""):
        self.trace.note(self.now, rule, event, text)

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
