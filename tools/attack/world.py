"""DNS servers and registrars around a phone in virtual time: honest in the calm, not in a storm.

    world = World(phone, draws, accounts, watch, now)
    world.storm(50)             # so many wrong messages
    world.calm(button)          # True: every account registered, and refreshed on time

Any address is that of a registrar and of every account, any name has records (see dns_kinds), so
that an honest phone registers wherever a lie has led it, once what the lie said is over: each kind
says for how long it can keep a phone away. Nothing takes time but waiting.
"""

import gc
from hashlib import sha256

from attack import dns_kinds, sip_kinds
from attack.reader import credentials
from attack.watch import Broken, whose

SIP, DNS, TCP = 0, 1, 2
SIP_BYTES = 2800  # that a socket is read by, see srvphone.net
OPENED, DATA, CLOSED = 0, 1, 2
MARGIN_S = 900  # a failed name is asked again after 5 minutes at most, a cycle after 20 s
CLOSED_S = 3600  # G15: by Retry-After
PRESS_S = 61  # between two presses of the button
LONG_S = 4800  # a longer rest is ended by the button
DAY_S = 86400
STOP_S = 40  # 64*T1 and more
FOCUS = 20  # % of the storms have one kind of DNS answers and one of SIP
PAIRED = 30  # % of the phones meet one pair of these again and again
PAIRS = (
    ("dns fresh", "sip retry-after"),
    ("dns fresh", "sip sound challenge"),
    ("dns fresh", "sip provisional"),
    ("dns many", "sip retry-after"),
    ("dns new alias", "sip many challenges"),
    ("dns regexp", "sip contacts"),
    ("dns glue", "sip sound challenge"),
)
STEPS = 60000  # happenings of a calm, at the most
STILL = 100  # happenings in which no time passes
SEEN_AS = b";received=192.0.2.1;rport=5060"
ERRNOS = (111, 113, 101, 12, 11)
TEMPERS = ((90, 10), (10, 90), (60, 60), (100, 0), (0, 100))  # % wrong of DNS, of SIP


class Account:
    """What the honest registrars know of an account."""

    def __init__(self, user, domain, ha1):
        self.user = user
        self.domain = domain
        self.ha1 = ha1  # of SHA-256, hexadecimal
        self.granted = 0  # in this calm
        self.since = 0  # when the newest binding began, and for how many seconds
        self.seconds = 0


class World:
    def __init__(self, phone, draws, accounts, watch, now, kinds=""):
        self.phone = phone
        self.draws = draws
        self.accounts = {account.user: account for account in accounts}
        self.watch = watch
        self.start = now
        self.t = 0  # virtual ms since then
        self.kinds = self.all_kinds = [k for k in dns_kinds.KINDS if kinds in k[0]]
        self.answers = self.all_answers = [k for k in sip_kinds.ANSWERS if kinds in k[0]]
        self.requests = [k for k in sip_kinds.REQUESTS if kinds in k[0]]
        self.pair = draws.pick(PAIRS) if draws.chance(PAIRED) else None
        self.before_s = None  # a fixed time before the end at which the phone refreshes
        self.goes_back = False  # G21: a REGISTER may come early
        self.keeps_alive = False
        self.dns_bytes = 512
        self.messages = 0
        self.honest = True
        self.ttl = 60  # of the honest records
        self.truncates = False  # are honest answers too long for UDP?
        self.kind = None  # of the message that the phone is at
        self.waits_until = self.dns_until = self.closed_until = 0
        self.pressed = -PRESS_S * 1000  # when the button was, in ms
        self.nonce = 0
        self.show = None  # called with each message
        self.forget()

    def forget(self):
        """What is on its way is lost."""
        self.mail = []  # (kind, f, arguments...) of what is on its way
        self.sip = []  # (Sip, address) of the newest requests
        self.dns = None  # (Query, address)
        self.tcp = None  # (number, Query)
        self.old = []  # (channel, data, address) that came before
        self.counts = {}  # nonce -> every nc that came with it, a bit each
        self.same = {}  # branch -> the response that it got
        self.same_before = {}  # the same of those before

    def now(self):
        return (self.start + self.t) & 0x3FFFFFFF

    def safely(self, f):
        """Let f() happen. If memory is too short for what is not the phone's, which is no fault
        of its, what is on the way is lost."""
        try:
            return f()
        except MemoryError:
            self.kind = None
            self.forget()
            gc.collect()
            return True

    # The phone.

    def call(self, data, f, *args):
        return self.watch.call(self.kind, data, f, *args)

    def collect(self):
        """Take what the phone sends -> how much."""
        out = self.call(None, self.phone.take, self.now())
        for channel, data, address, port in out:
            if channel == TCP:
                self._stream(data, port)
            elif channel == DNS:
                query = data and self.watch.sent_query(data, self.kind)
                self.dns = (query, address) if query else None
            else:
                self._request(data, address)
        if self.kind:
            self.watch.figure("sent", len(out), self.kind)
        return len(out)

    def _stream(self, data, number):
        self.tcp = None
        if data:
            query = self.watch.sent_query(data[2:], self.kind)
            if len(data) - 2 != data[0] << 8 | data[1]:
                self.watch.fault("sent", "tcp", "a wrong length: " + data.hex())
            if query:
                self.tcp = number, query

    def _request(self, data, address):
        message = self.watch.sent_sip(data, self.kind)
        if message and message.method:
            self.sip = self.sip[-5:] + [(message, address)]
            binds = message.all(b"contact") and message.get(b"expires") != b"0"
            if message.method == b"REGISTER" and binds:
                self._is_on_time(self.accounts[whose(message)[0]])

    def deliver(self, kind, channel, data, source):
        """A datagram arrives; kind: of a wrong one, or None."""
        self.kind = kind
        if kind:
            self.messages += 1
            self.watch.kinds[kind] += 1
        if self.show:
            self.show(self.t, kind, ("sip <", "dns <")[channel], source, data)
        most = SIP_BYTES if channel == SIP else self.dns_bytes
        cut = len(data) > most
        self.call(data, self.phone.receive, channel, data[:most], source, self.now(), cut)
        self.collect()
        self.kind = None

    def streamed(self, kind, number, event, data):
        """The stream does something."""
        self.kind = kind
        if kind and data:
            self.messages += 1
            self.watch.kinds[kind] += 1
        if self.show:
            self.show(self.t, kind, "tcp %d" % event, (str(number), 0), data or b"")
        self.call(data, self.phone.stream, number, event, data, self.now())
        self.collect()
        self.kind = None

    def wait(self):
        """Go on to the phone's deadline."""
        due = self.call(None, self.phone.deadline)
        if due is None:
            self.watch.fault("stands", "calm", "it waits for nothing")
            raise Broken()
        ms = ((due - self.now()) & 0x3FFFFFFF ^ 0x20000000) - 0x20000000
        self.t += max(ms, 0)
        self.call(None, self.phone.wake, self.now())
        self.collect()
        return ms > 0

    def press(self):
        self.pressed = self.t
        self.call(None, self.phone.register, self.now())
        self.collect()

    # A storm.

    def storm(self, messages):
        """So many wrong messages, with honest ones between."""
        self.honest = False
        self.dns_wrong, self.sip_wrong = self.draws.pick(TEMPERS)
        self.kinds, self.answers = self.all_kinds, self.all_answers
        if self.pair and self.draws.chance(80):
            self._pair(self.pair)
        elif self.draws.chance(FOCUS):  # one kind of each, again and again
            self.kinds = self.kinds and [self.draws.pick(self.kinds)]
            self.answers = self.answers and [self.draws.pick(self.answers)]
        self.asks = self.draws.pick((0, 0, 0, 50))  # % of happenings that are requests
        self.ttl = self.draws.pick((0, 1, 1, 20))
        self.truncates = self.draws.chance(25)
        end = self.messages + messages
        for _ in range(messages * 40):
            if self.messages >= end:
                break
            self.safely(self._happening)
            if self.draws.below(4) == 0:
                self.watch.tables(self.phone)
        self.honest = True
        self.ttl = 60
        self.truncates = False

    def _pair(self, names):
        """A kind of DNS answers and one of SIP that are worse together."""
        kinds = [kind for kind in self.kinds if kind[0] == names[0]]
        answers = [kind for kind in self.answers if kind[0] == names[1]]
        if kinds and answers:
            self.kinds, self.answers = kinds, answers
            self.dns_wrong, self.sip_wrong = 100, 90

    def _happening(self):
        draws = self.draws
        n = draws.below(100)
        if self.asks and self.requests and draws.chance(self.asks):
            self._ask()
        elif self.mail and n < 60:
            one = self.mail.pop(draws.below(len(self.mail)) if n < 20 else 0)
            one[0](*one[1:])
        elif self.tcp and n < 90:
            self._answer_stream()
        elif self.dns and n < 80:
            self._answer_dns()
        elif self.sip and n < 85:
            self._answer_sip()
        elif n < 92:
            self.wait()
        elif n < 93:
            self.press()
        elif n < 94:
            self._report()
        elif n < 95 and draws.chance(20):
            self._move()
        elif self.old and n < 96:
            self.deliver("replay", *draws.pick(self.old))
        elif self.requests:
            self._ask()

    def _send(self, kind, channel, data, source):
        """On its way; now and then twice."""
        for _ in range(2 if self.draws.below(20) == 0 else 1):
            self.mail.append((self.deliver, kind, channel, data, source))
        self.old = self.old[-7:] + [(channel, data, source)]

    def _answer_dns(self):
        query, source = self.dns
        self.dns = None
        n = self.draws.below(100)
        if n >= self.dns_wrong or not self.kinds:
            return self._send(None, DNS, self._right(query), source)
        if n < 3:  # silence
            return None
        if n < 6:
            return self._send("dns other source", DNS, dns_kinds.right(query), ("10.9.9.9", 53))
        kind, make, seconds = self.draws.pick(self.kinds)
        self._excuse_dns(seconds)
        self._send(kind, DNS, make(self.draws, query), source)

    def _right(self, query):
        if self.truncates:
            return dns_kinds.short(query)
        # Servers that move, so that those which said "not for an hour" need not be waited for.
        return dns_kinds.right(query, self.ttl, self.nonce if self.pair else 0)

    def _excuse_dns(self, seconds):
        self.dns_until = max(self.dns_until, self.t + seconds * 1000)

    def _answer_stream(self):
        number, query = self.tcp
        self.tcp = None
        if self.draws.below(100) >= self.dns_wrong or not self.kinds:
            return self._answer_stream_well(number, query)
        if self.draws.chance(10):
            return self.mail.append((self.streamed, "tcp refused", number, CLOSED, None))
        kind, parts, seconds = dns_kinds.stream(self.draws, query)
        self._excuse_dns(seconds)
        if self.draws.chance(80):
            self.mail.append((self.streamed, kind, number, OPENED, None))
        for part in parts:
            self.mail.append((self.streamed, kind, number, DATA, part))
        if self.draws.chance(60):
            self.mail.append((self.streamed, kind, number, CLOSED, None))

    def _answer_stream_well(self, number, query):
        data = dns_kinds.right(query, self.ttl)
        self.mail.append((self.streamed, None, number, OPENED, None))
        self.mail.append((self.streamed, None, number, DATA, dns_kinds.u16(len(data)) + data))

    def _answer_sip(self):
        at = self.draws.below(len(self.sip))
        asked, source = self.sip.pop(at)
        n = self.draws.below(100)
        if n >= self.sip_wrong or not self.answers:
            return self._send(None, SIP, self._honest(asked, source), source)
        if n < 3:  # silence
            return None
        kind, make, seconds = self.draws.pick(self.answers)
        self.waits_until = max(self.waits_until, self.t + seconds * 1000)
        if kind in sip_kinds.CLOSING:
            self.closed_until = self.t + CLOSED_S * 1000
        if n < 6:
            kind = "sip other source"
            source = self.draws.pick((("10.9.9.9", 5060), (source[0], 5061)))
        if self.draws.chance(30):  # there may be another answer
            self.sip.append((asked, source))
        self._send(kind, SIP, make(self.draws, asked), source)

    def _ask(self):
        """A request to the phone, mostly from somebody whom it knows."""
        kind, make = self.draws.pick(self.requests)
        source = self.sip[-1][1] if self.sip else self._server()
        if self.draws.chance(10):
            source = ("203.0.113.%d" % self.draws.below(256), 1 + self.draws.below(65535))
        self._send(kind, SIP, make(self.draws, self.draws.below(40)), source)

    def _server(self):
        for one in self.phone.registrations:
            if one.servers.current:
                return one.servers.current.address
        return "203.0.113.1", 5060

    def _report(self):
        """The network says that something reached nobody."""
        channel = self.draws.below(2)
        errno = self.draws.pick(ERRNOS)
        address = None
        if self.draws.chance(70):
            address = self._server()
            if channel == DNS and self.dns:
                address = self.dns[1]
        self.call(None, self.phone.failed, channel, address, errno, self.now())
        self.collect()

    def _move(self):
        """The network goes and comes back, perhaps with another own address (W6)."""
        address = "192.0.2.%d" % (1 + self.draws.below(2)) if self.phone.local.host else ""
        servers = self.phone.resolver.servers
        for host in (None, address):
            self.call(None, self.phone.network, host, servers, self.now())
            self.collect()

    # The calm.

    def calm(self, button):
        """The servers behave: is every account registered in time, and refreshed once? What was
        on its way is lost. button: it is pressed, so that no wait counts."""
        self.forget()
        self.nonce += 1
        for account in self.accounts.values():
            account.granted = 0
        until = max(self.dns_until, self.closed_until, self.t)
        button = button or self.waits_until > self.t + LONG_S * 1000 or self._rests_long()
        if not button:  # what began in the storm may still end as a wrong password
            until = max(until, self.waits_until, self.t + sip_kinds.REFUSED * 1000)
        until += MARGIN_S * 1000
        still = 0
        for _ in range(STEPS):
            if self._is_done():
                self.waits_until = self.closed_until = 0
                return True
            if button and self.t - self.pressed >= PRESS_S * 1000 and self._waits():
                self.safely(self.press)
            elif self.safely(self._answer_all):
                pass
            elif self.t > until and self._waits() or self._goes_round():
                break
            else:
                still = 0 if self.safely(self.wait) else still + 1
                if still > STILL:
                    break
        self._accuse(still)
        return False

    def _rests_long(self):
        """Has an account been granted so much, by whomever, that it will not be heard of soon?"""
        rests = [one["left_s"] for one in self.call(None, self.phone.status)]
        return max(rests) > LONG_S

    def _waits(self):
        """Is an account still without a registration of this calm?"""
        return any([not account.granted for account in self.accounts.values()])

    def stop(self):
        """The phone is told to end, with servers that behave."""
        self.forget()
        until = self.t + STOP_S * 1000
        self.call(None, self.phone.stop, self.now())
        self.collect()
        while not self.phone.ended():
            if self.t > until:
                self.watch.fault("never ends", "calm", repr(self.phone.status()))
                raise Broken()
            if not self.safely(self._answer_all):
                self.safely(self.wait)

    def _goes_round(self):
        """Is every account granted, again and again, and not registered by its own word?"""
        return min([account.granted for account in self.accounts.values()]) > 4

    def _is_done(self):
        for account in self.accounts.values():
            long = account.seconds > DAY_S and self.keeps_alive
            if account.granted < (1 if long else 2):
                return False
        return all([one.state == "registered" for one in self.phone.registrations])

    def _accuse(self, still):
        """What is wrong, as a fault."""
        text = ", ".join(["%s granted %d" % (a.user.decode(), a.granted)
                          for a in self.accounts.values()])  # fmt: skip
        states = [(one.state, one.left_ms // 1000) for one in self.phone.registrations]
        what = "no refresh"
        if still > STILL:
            what = "busy loop"
        elif any([state != "registered" for state, _ in states]):
            what = "never registered"
        self.watch.fault(what, "calm", "%s; %s; notes %s" % (text, states, self.phone.trace.notes))
        raise Broken()

    def _answer_all(self):
        """Everything that waits gets its honest answer -> was there anything?"""
        if self.mail:
            one = self.mail.pop(0)
            one[0](*one[1:])
        elif self.tcp:
            number, query = self.tcp
            self.tcp = None
            self._answer_stream_well(number, query)
        elif self.dns:
            query, source = self.dns
            self.dns = None
            self.deliver(None, DNS, self._right(query), source)
        elif self.sip:
            asked, source = self.sip.pop(0)
            self.deliver(None, SIP, self._honest(asked, source), source)
        else:
            return False
        return True

    # The honest registrar.

    def _honest(self, asked, source):
        """The answer to a request, the same to the same."""
        branch = asked.get(b"via").partition(b"branch=")[2][:40]
        if branch in self.same_before:
            return self.same_before[branch]
        if branch not in self.same:
            if len(self.same) > 60:
                self.same_before = self.same
                self.same = {}
            lines = self._answer(asked, source)
            lines[1] = lines[1].replace(b";rport", SEEN_AS)
            self.same[branch] = sip_kinds.joined(lines)
        return self.same[branch]

    def _answer(self, asked, source):
        account = self.accounts[whose(asked)[0]]
        if asked.method != b"REGISTER":
            return sip_kinds.right_200(asked)
        mark = dns_kinds.mark(source[0].encode())
        nonce = b"%d-%06x-%s" % (self.nonce, mark, account.user)
        stale = b""
        for value in asked.all(b"authorization"):
            found = credentials(value)
            if found[b"nonce"] == nonce and found[b"realm"] == account.domain:
                self._check(account, found)
                if self.honest:
                    self._grant(account, asked)
                return sip_kinds.right_200(asked)
            stale = self.draws.pick((b"", b", stale=true"))
        value = b'WWW-Authenticate: Digest realm="%s", nonce="%s", qop="auth", algorithm=SHA-256%s'
        return sip_kinds.answer(asked, 401, [value % (account.domain, nonce, stale)])

    def _check(self, account, found):
        """Are the credentials right, and is nc new? (Requests may come in another order.)"""
        nonce = found[b"nonce"]
        nc = int(found.get(b"nc", b"0").decode(), 16)
        used = self.counts.get(nonce, 0)
        if used >> nc & 1:
            self.watch.fault("credentials", "calm", "nc %d again" % nc)
        self.counts[nonce] = used | 1 << nc
        other = sha256(b"REGISTER:" + found[b"uri"]).digest().hex().encode()
        parts = (
            account.ha1,
            nonce,
            found.get(b"nc", b""),
            found.get(b"cnonce", b""),
            b"auth",
            other,
        )
        if found[b"response"] != sha256(b":".join(parts)).digest().hex().encode():
            self.watch.fault("credentials", "calm", "wrong: " + repr(found))

    def _grant(self, account, asked):
        seconds = int(asked.get(b"expires"))
        if seconds and asked.all(b"contact"):
            account.granted += 1
            account.since = self.t
            account.seconds = seconds

    def _is_on_time(self, account):
        """A REGISTER that binds is sent: neither when the binding is over, nor long before."""
        if not (self.honest and account.granted == 1):
            return
        after = self.t - account.since
        end = account.seconds * 1000
        excused = max(self.closed_until, self.dns_until)
        if after > end and account.since + end <= excused:
            account.granted = 0  # all the targets that it knew could be closed: once more
        elif after > end:
            self.watch.fault("late refresh", "calm", "%d ms of %d" % (after, end))
        elif self.goes_back or self.pressed >= account.since:
            return
        elif after < end // 2 and end > 2000:
            self.watch.fault("early refresh", "calm", "%d ms of %d" % (after, end))
        elif self.before_s and end > self.before_s * 1000:
            if after != end - self.before_s * 1000:
                self.watch.fault("refresh", "calm", "%d ms of %d" % (after, end))
