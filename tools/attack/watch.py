"""What must never happen, and figures of what did.

    watch = Watch(secrets, accounts)
    watch.call("dns flip", data, phone.receive, DNS, data, source, now)     # Broken if it raises
    message = watch.sent_sip(data)      # None if it could not be read: then that is a fault
    watch.tables(phone)
    watch.faults, watch.most

A fault is [what, kind, text, round, recipe, how often]; of one what and kind the first is kept.
Bounds of work and of memory are generous: they tell a hole from a cost. Work is lines run on
CPython and bytes allocated on MicroPython, of a sample; and time, of everything.
"""

import gc
import json
import sys
import time

from attack import dns_kinds, reader, sip_kinds

MICRO = sys.implementation.name == "micropython"
WASM = sys.platform == "webassembly"


def dnspython():
    """What reads a message, ValueError if it is none; None where there is no dnspython."""
    try:
        import dns.exception
        import dns.message
    except ImportError:
        return None

    def read(data):
        try:
            return dns.message.from_wire(data)
        except dns.exception.DNSException as e:
            raise ValueError("dnspython: %s" % e)

    return read


second_reader = None if MICRO else dnspython()


def ticks():
    """The processor's time in us where there is such a clock, so that other programs don't count;
    else the time."""
    if WASM:
        return time.ticks_us()
    if MICRO:
        return int(time.clock() * 1000000)
    return time.thread_time_ns() // 1000


def passed(end, start):
    return time.ticks_diff(end, start) if WASM else end - start


SAMPLE = (
    16 if MICRO and not WASM else 8
)  # of so many messages one is counted: by line, or by what it allocates
MOST_FAULTS = 40
# Bounds by what stands in `most`. Bytes held: what a phone may hold more than when it first
# registered; on a board as on wasm32.
BOUNDS = {
    "lines": 60000,
    "bytes": 64 << 10 if WASM else 128 << 10,
    "us": 1000000 if WASM else 40000 if MICRO else 100000,
    "held": 40 << 10 if WASM else 80 << 10 if MICRO else 200 << 10,
    # Between phones; on MicroPython a part of the last one may be held by a word that looks like
    # a pointer to it.
    "drift": 24 << 10,
    "sent": 8,  # datagrams for one
    "starved": 0,  # lacks of memory; only if little of it is left free on purpose
}


KINDS = [kind[0] for kind in dns_kinds.KINDS + sip_kinds.ANSWERS + sip_kinds.REQUESTS]
KINDS += ["tcp " + kind[0][4:] for kind in dns_kinds.KINDS]
KINDS += ["replay", "tcp refused", "dns other source", "sip other source"]


class Broken(Exception):
    """The phone can't go on: the next one begins."""


def _regs(phone, size):
    return max([size(one) for one in phone.registrations])


def _servers(one, size):
    return max([size(server) for server in one.client.keyring.servers] + [0])


def _targets(one):
    plans = [locator.plan for locator in one.servers.locators if locator.plan]
    return max([len(plan.targets) for plan in plans] + [0])


# What has a bound: its name, the bound, its size. The heads of the modules state them.
TABLES = (
    ("transactions", 16, lambda phone: len(phone.transactions.table)),
    ("answers kept", 8, lambda phone: len(phone.server.answers) if phone.server else 0),
    ("cache", 24, lambda phone: len(phone.resolver.cache.answers)),
    ("questions", 16, lambda phone: len(phone.resolver.queries)),
    ("bytes of a stream", 8192, lambda phone: len(phone.resolver.streamed or b"")),
    ("trace", 8, lambda phone: len(phone.trace.notes)),
    ("closed", 16, lambda phone: _regs(phone, lambda one: len(one.servers.closed_until))),
    (
        "servers with nonces",
        16,
        lambda phone: _regs(phone, lambda r: len(r.client.keyring.servers)),
    ),
    ("nonces", 16, lambda phone: _regs(phone, lambda r: _servers(r, lambda s: len(s.uses)))),
    ("realms", 3, lambda phone: _regs(phone, lambda r: _servers(r, lambda s: len(s.challenges)))),
    ("Min-Expires kept", 16, lambda phone: _regs(phone, lambda one: len(one.least_s))),
    ("targets", 16, lambda phone: _regs(phone, _targets)),
    ("tasks", 12, lambda phone: len(phone.tasks)),
    ("events", 32, lambda phone: len(phone._events)),
    ("streams", 1, lambda phone: len(phone._streams)),
    ("names of counts", 64, lambda phone: len(phone.counts)),
    ("reasons to drop", 64, lambda phone: len(phone._dropped)),
)


class Watch:
    def __init__(self):
        self.faults = {}  # (what, kind) -> the fault
        self.most = {}  # name -> (figure, kind)
        self.kinds = {}  # kind -> how many messages
        for name in KINDS:
            self.kinds[name] = 0
        self.secrets = ()
        self.accounts = {}  # user -> domain
        self.round = 0
        self.recipe = b""  # the last message
        self.calls = 0
        self.short_of_memory = False
        self.weighs = True  # is work counted? Not with a listener to the trace, whose it would be
        self.fullest = {}  # table -> the most that it held
        self.queries = 0
        self.heap = 0  # bytes of it in all
        self.plain_us = 0  # for honest messages, in all
        self.plain_calls = 0

    # Faults and figures.

    def fault(self, what, kind, text):
        key = what, kind
        if key in self.faults:
            self.faults[key][5] += 1
        elif len(self.faults) < MOST_FAULTS:
            self.faults[key] = [what, kind, text, self.round, self.recipe.hex(), 1]

    def figure(self, name, value, kind):
        """Keep the highest; one above its bound is a fault."""
        if name not in self.most or value > self.most[name][0]:
            self.most[name] = value, kind
        if value > BOUNDS.get(name, value):
            self.fault("too much: " + name, kind, "%d, at most %d" % (value, BOUNDS[name]))

    # Calls of the phone.

    def call(self, kind, data, f, *args):
        """f(*args), which must not raise; its work is counted. data: the recipe, or None."""
        self.calls += 1
        if data:
            self.recipe = data
        try:
            if not self.weighs:
                return f(*args)
            if not data or not kind or self.calls % SAMPLE:
                return self._timed(kind, data, f, args)
            return (self._allocating if MICRO else self._counted)(kind, data, f, args)
        except Exception as e:
            self.fault("exception " + type(e).__name__, kind or "calm", told(e))
            raise Broken()

    def _timed(self, kind, data, f, args):
        start = ticks()
        value = f(*args)
        took = passed(ticks(), start)
        if kind:
            self.figure("us", took, kind)
        elif data and self.plain_calls < 100000:
            self.plain_calls += 1
            self.plain_us += took
        return value

    def _counted(self, kind, data, f, args):
        lines = 0

        def count(frame, event, arg):
            nonlocal lines
            lines += 1
            return count

        before = sys.gettrace()
        sys.settrace(count)
        try:
            return f(*args)
        finally:
            sys.settrace(before)
            self.figure("lines", lines, kind)

    def _allocating(self, kind, data, f, args):
        before = gc.mem_alloc()  # which reads the whole heap
        self.heap = self.heap or before + gc.mem_free()
        if not WASM and before > self.heap // 2:  # there must be no collection in between
            gc.collect()
            before = gc.mem_alloc()
        value = self._timed(kind, data, f, args)
        allocated = gc.mem_alloc() - before  # below 0 if there was a collection
        self.figure("bytes", allocated, kind)
        return value

    def tables(self, phone):
        """Every table has its bound."""
        for name, bound, size in TABLES:
            n = size(phone)
            if n > self.fullest.get(name, -1):
                self.fullest[name] = n
            if n > bound:
                self.fault("table", name, "%d, at most %d" % (n, bound))

    def words(self, phone, now):
        """What the phone says of itself can be said, and harms no terminal."""
        self.call(None, None, json.dumps, self.call(None, None, phone.status))
        if not self.call(None, None, phone.lives, now):
            self.fault("lives", "calm", "it says that it does not live")
        if not self.short_of_memory:
            self.figure("starved", phone.starved, "memory")
        for note in phone.trace.notes:
            for word in note[2:5]:
                if any([not 31 < ord(c) < 127 for c in str(word)]):
                    self.fault("trace", note[3], repr(note))

    # What the phone sends.

    def sent_query(self, data, kind):
        """The Query that the phone sent, if nothing is wrong with it."""
        try:
            self._no_secret(data)
            self.queries += 1
            if second_reader and self.queries % SAMPLE == 0:
                second_reader(data)
            return reader.query(data)
        except ValueError as e:
            return self.fault("sent", kind or "calm", "%s: %s" % (e, data.hex()))

    def sent_sip(self, data, kind):
        """The Sip that the phone sent, if nothing is wrong with it."""
        try:
            self._no_secret(data)
            message = reader.sip(data)
            if message.method:
                self._check_request(message, len(data))
            else:
                self._check_response(message)
            return message
        except ValueError as e:
            return self.fault("sent", kind or "calm", "%s: %s" % (e, data.hex()))

    def _no_secret(self, data):
        for secret in self.secrets:
            if secret in data:
                raise ValueError("a secret is sent")

    def _check_request(self, message, size):
        user, domain = whose(message)
        if self.accounts.get(user) != domain:
            raise ValueError("From is no account: " + repr(message.get(b"from")))
        if message.uri != b"sip:" + domain or message.body:
            raise ValueError("the Request-URI is " + repr(message.uri))
        if size > 4000:
            raise ValueError("a request of %d bytes" % size)
        via = message.all(b"via")
        found = reader.parameters(via[0])
        sent_by = via[0].partition(b";")[0].split(b" ")
        if len(via) != 1 or sent_by[0] != b"SIP/2.0/UDP" or found.get(b"rport") != b"":
            raise ValueError("the Via is " + repr(via[0]))
        if not found.get(b"branch", b"").startswith(b"z9hG4bK"):
            raise ValueError("the branch is " + repr(via[0]))
        reader.host_and_port(sent_by[1])
        for contact in message.all(b"contact"):
            if contact != b"*":
                self._check_contact(contact, user)
        self._check_credentials(message, user)

    def _check_contact(self, contact, user):
        if contact[:5] != b"<sip:" or contact[-1:] != b">":
            raise ValueError("the Contact is " + repr(contact))
        name, _, address = contact[5:-1].partition(b"@")
        if name != user:
            raise ValueError("the Contact is " + repr(contact))
        reader.host_and_port(address)

    def _check_credentials(self, message, user):
        seen = []
        for name in (b"authorization", b"proxy-authorization"):
            for value in message.all(name):
                found = reader.credentials(value)
                if found[b"username"] != user or found[b"uri"] != message.uri:
                    raise ValueError("credentials of another: " + repr(value))
                if (name, found[b"realm"]) in seen:
                    raise ValueError("two credentials of one realm")
                seen.append((name, found[b"realm"]))

    def _check_response(self, message):
        try:
            top = reader.pieces(message.get(b"via"), b",")[0]
            reader.pieces(top, b";")
        except ValueError:  # a quote without an end is the asker's own, and goes back as it came
            return
        found = reader.parameters(top)
        if b"received" in found and not reader.is_ipv4(found[b"received"]):
            raise ValueError("received is " + repr(found[b"received"][:60]))


def whose(message):
    """(user, domain) of a request's From."""
    uri = message.get(b"from").partition(b"<sip:")[2].partition(b">")[0]
    user, _, domain = uri.partition(b"@")
    return user, domain


def told(e):
    """An exception in a line: where it came from, and what it says."""
    where = ""
    if not MICRO:
        at = e.__traceback__
        while at.tb_next:
            at = at.tb_next
        where = " at %s:%d" % (at.tb_frame.f_code.co_filename.split("/")[-1], at.tb_lineno)
    return "%s%s: %s" % (type(e).__name__, where, e)


def held(phone, others):
    """Bytes that are held: on MicroPython all of the heap that is in use (collect before, on
    wasm32 in a turn before); on CPython what can be reached from the phone, but for `others`."""
    if MICRO:
        return gc.mem_alloc()
    seen = {id(one) for one in others}
    ignored = type(gc), type, type(held), type(len)
    todo = [phone]
    size = 0
    while todo:
        one = todo.pop()
        if id(one) in seen or isinstance(one, ignored):
            continue
        seen.add(id(one))
        size += sys.getsizeof(one)
        todo += gc.get_referents(one)
    return size
