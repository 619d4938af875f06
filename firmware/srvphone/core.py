"""The machine that the phone, a look-up and the tests' looker are made of, without I/O.

    class Phone(Core): ...          # rooms are handed the core; the shell sees the one surface
    phone.receive(SIP, data, ("192.168.10.13", 5060), now)
    for channel, data, address, port in phone.take(now): ...   # send it
    phone.deadline()                # the time of the next phone.wake(now), or None

How a datagram becomes the next one. The phone has sent a REGISTER, its task waits; a 401 comes:

    shell (net.py, sim)          core                        rooms
    -------------------          ----                        -----
    a socket can be read
    receive(SIP, data, -->  turn: the time is `now`
            address, now)   who is on(SIP)?      --------->  phone: it is a response
                                                             transactions: it is the awaited one
                            events: (task, transaction) <--  post(task, transaction)
                            run: the task waits for a
                            Transaction, so it goes on ---->  client.exchange, behind its `yield`:
                                                             a challenge; it signs,
                            out-tray: one datagram    <----  send(SIP, data, address)
                            the task waits again      <----  yield None, Transaction
                            run: no event that somebody
                            waits for, no deadline over
    take(now)          <--  [(SIP, data, address, 0)]
    sendto(...)
    deadline()         <--  0.5 s from now (T1)
    poll(500 ms) ...
    wake(now)          -->  turn: timers that are due ---->  transactions.wake: send it again

A *task* is a generator. `event = yield deadline, kinds` waits until the time `deadline` (None:
without end) or for an event of one of these kinds: a class or a tuple of them, such as
Transaction (one has ended), Task (a look-up has ended), str (a word). At the deadline the event
is None; an event that is there by then comes first. Events of other kinds stay until the task asks
for them, and go with it when it ends. Nothing is ever called from inside a task that resumes
another: what one has to tell another goes through `post`.

A *stream* is known by a number, from 1 on. Rooms `connect` and `disconnect` one, and are told what
it does: OPENED, DATA, CLOSED.

The queue of events and the out-tray are emptied in every turn, but for what nobody waits for yet;
tasks are as many as the settings name servers (two a registration at the most, and one for each
farewell), and the resolver's. Times are milliseconds modulo 2**30, see `clock`.
"""

from micropython import const

from .clock import diff, earlier

# Channels of what goes out and comes in. Each room has what it needs of them as constants of its
# own, which cost nothing.
SIP = const(0)
DNS = const(1)
TCP = const(2)
NAMES = ("sip", "dns", "tcp")

# What a stream does.
OPENED = const(0)
DATA = const(1)
CLOSED = const(2)

_QUIET_MS = const(1000)  # from one note on a kind of what was dropped to the next
_LAST_STREAM = const(0xFFFF)  # after it the numbers begin again


class Task:
    """A generator on its way.

    .deadline  the time at which it goes on by itself, or None
    .kinds     of the events that it waits for
    .parent    the task that is told of its end, or None
    """

    def __init__(self, steps, parent):
        self.steps = steps
        self.deadline = None
        self.kinds = ()
        self.parent = parent

    def alive(self):
        return self.steps is not None


class Core:
    """See the module's head.

    urandom(n): so many random bytes. trace: a trace.Trace, or None if nothing comes or goes.
    """

    def __init__(self, urandom, trace):
        self.urandom = urandom
        self.trace = trace
        self.now = 0
        self.out = []  # (channel, data, address, port or number of the stream)
        self.tasks = []
        self.counts = {}  # of what was dropped or refused, by its name
        self.starved = 0  # how often memory was short
        self._told = 0  # of that, what has been said
        self._events = []  # (task, event); event None: its first step
        self._running = None  # the task that goes its steps
        self._handlers = [None, None]  # by channel: (receive, failed)
        self._streams = {}  # number -> who is told what it does
        self._last_stream = 0
        self._tables = []  # that have timers: wake(), deadline()
        self._dropped = {}  # reason -> when that was last said

    # Random numbers, from the bytes that are handed in.

    def randbelow(self, n):
        """A uniform draw from 0 to n - 1, for n up to 2**30 - 1 (rejection, so without bias)."""
        while True:
            b = self.urandom(4)
            r = (b[0] & 63) << 24 | b[1] << 16 | b[2] << 8 | b[3]  # 30 bits: a small integer
            if r // n < 0x3FFFFFFF // n:
                return r % n

    def token_hex(self, n):
        """`n` random bytes as lower-case hexadecimal bytes."""
        return self.urandom(n).hex().encode()

    # What rooms say.

    def note(self, rule, event, *words):
        """Put a rule, an event and a text into the trace. words: texts, numbers, addresses."""
        text = []
        for word in words:
            text.append("%s:%d" % word if isinstance(word, tuple) else str(word))
        self.trace.note(self.now, rule, event, " ".join(text))

    def count(self, event):
        """Count something dropped or refused, by its name."""
        self.counts[event] = self.counts.get(event, 0) + 1

    def drop(self, rule, reason, address):
        """Count what was dropped, and say so: a reason once a second at the most."""
        self.count(reason)
        last = self._dropped.get(reason)
        if last is None or diff(self.now, last) >= _QUIET_MS:
            self._dropped[reason] = self.now
            self.note(rule, "dropped", reason, address)

    def forget_old(self):
        """Drop times that could soon be taken for new ones; call it once in 6 days at least."""
        self._dropped.clear()

    def send(self, channel, data, address, port=0):
        """Put a datagram into the out-tray."""
        self.out.append((channel, data, address, port))
        if data:
            self.trace.datagram(self.now, NAMES[channel], ">", address, data)

    def connect(self, room, data, address):
        """Open a stream to the address and send the data on it -> its number.

        room.stream(event, data) is called with all that it does.
        """
        self._last_stream = number = self._last_stream % _LAST_STREAM + 1
        self._streams[number] = room
        self.send(TCP, data, address, number)
        return number

    def disconnect(self, number):
        """Close the stream; nothing is heard of it any more."""
        self._streams.pop(number, None)
        self.send(TCP, None, None, number)

    def on(self, channel, receive, failed):
        """Who is handed the channel's datagrams: receive(data, address, cut), and the network's
        reports: failed(address or None)."""
        self._handlers[channel] = receive, failed

    def has_timers(self, table):
        """table.wake() is called when the time is up that table.deadline() gives."""
        self._tables.append(table)

    # Tasks.

    def spawn(self, steps, parent=None):
        """Start a task; it takes its first step in the next `run`."""
        task = Task(steps, parent)
        self.tasks.append(task)
        self._events.append((task, None))
        return task

    def current_task(self):
        """The task that is running. RuntimeError outside of every task: only a task can wait."""
        if not self._running:
            raise RuntimeError("no task is running that could wait for this")
        return self._running

    def post(self, task, event):
        """Tell a task; it goes on once it waits for an event of this kind."""
        if task.steps:
            self._events.append((task, event))

    def offer(self, task, event):
        """Tell a task, if it waits for an event of this kind just now."""
        if isinstance(event, task.kinds):
            self.post(task, event)

    def close(self, task):
        """End a task at the `yield` where it stands; what it waits for is taken back."""
        steps = task.steps
        if steps:
            task.steps = task.deadline = None
            task.kinds = ()
            self.tasks.remove(task)
            self._events = [pair for pair in self._events if pair[0] is not task]
            steps.close()

    def close_all(self):
        """End every task."""
        while self.tasks:
            self.close(self.tasks[0])

    def run(self):
        """Resume each task that has an event it waits for, then each whose deadline has come,
        until there is none.

        A task that meets a lack of memory ends there, as if it were done (W9).
        """
        try:
            while True:
                pair = self._next()
                if not pair:
                    return
                self._resume(pair[0], pair[1])
        except MemoryError:
            self.starved += 1

    def _resume(self, task, event):
        self._running = task
        try:
            task.deadline, task.kinds = task.steps.send(event)
        except StopIteration:
            self._end(task)
        except MemoryError:
            self.starved += 1
            self._end(task)
        finally:
            self._running = None

    def _end(self, task):
        self.close(task)
        if task.parent:
            self.post(task.parent, task)

    def _next(self):
        """(task, event) of the task that goes on next, or None."""
        events = self._events
        for i in range(len(events)):
            task, event = events[i]
            if event is None or isinstance(event, task.kinds):
                return events.pop(i)
        for task in self.tasks:
            if task.deadline is not None and diff(self.now, task.deadline) >= 0:
                return task, None
        return None

    # The surface: what the shell calls. Nothing raises on what came from the network, and no
    # MemoryError leaves it: what needed the memory fails, is counted, and the rest goes on (W9).

    def turn(self, now, happening, *args):
        """Set the time, let happening(*args) happen, and run every task that this concerns."""
        self.now = now
        try:
            if self.starved > self._told:
                self._told = self.starved
                self.note("W9", "no-memory", "times", self.starved)
            happening(*args)
        except MemoryError:
            self.starved += 1
        self.run()

    def wake(self, now):
        """The time that `deadline` gave has come (being early or late does no harm)."""
        self.turn(now, self._fire)

    def _fire(self):
        for table in self._tables:
            table.wake()

    def receive(self, channel, data, address, now, cut=False):
        """A datagram, as bytes, from `address`. cut: it was longer than what was read."""
        self.turn(now, self._receive, channel, data, address, cut)

    def _receive(self, channel, data, address, cut):
        self.trace.datagram(self.now, NAMES[channel], "<", address, data)
        self._handlers[channel][0](data, address, cut)

    def failed(self, channel, address, errno, now):
        """The network reports that what was sent to `address` (None: it does not say) reached
        nobody (G15)."""
        self.turn(now, self._failed, channel, address, errno)

    def _failed(self, channel, address, errno):
        self.count("errno %d" % errno)
        self._handlers[channel][1](address)

    def stream(self, number, event, data, now):
        """What a stream did: OPENED, DATA with the bytes, or CLOSED."""
        room = self._streams.get(number)
        if room:
            self.turn(now, room.stream, event, data)

    def take(self, now):
        """What is to be sent, in order: (channel, data, address, port).

        SIP: port is 0. DNS: from a new socket, bound to `port`, for each datagram; data None:
        close it. TCP: `port` is the number of the stream; open it and send the data; data None:
        close it.
        """
        self.now = now
        out = self.out
        self.out = []
        return out

    def deadline(self):
        """The time of the next `wake`; None: there is nothing to wait for."""
        first = None
        for table in self._tables:
            first = earlier(first, table.deadline())
        for task in self.tasks:
            first = earlier(first, task.deadline)
        return first
