"""A DNS server and two registrars in a few lines, around a phone in virtual time.

    world = World(phone, 2**30 - 500)
    phone.start(world.now)
    while world.step():     # carry what the phone sends, or go on to its deadline
        ...
    world.dead.append(PRIMARY)

For figures and for long runs, where a simulator would take more memory and time than the phone.
DNS answers are those of the guide's captures, under the ID of the query. A REGISTER without
credentials is answered 401, one with them 200 and the Expires that it asks for; who wants to know
whether the credentials are right asks the simulator (tools/sim). Nothing takes time but waiting.
"""

import time

from srvphone.clock import diff

PRIMARY = "192.168.10.13"
BACKUP = "192.168.10.12"
SERVER = "192.168.10.10"  # of DNS
PHONE = "192.168.10.11"
ACCOUNT = {
    "sip_server": "grandstream.com",
    "outbound_proxy": "test.grandstream.com",
    "sip_user_id": "2002",
    "authenticate_password": "secret",
    "dns_mode": "SRV",
}

# The responses of the guide's Figure 5, without the two bytes of the ID.
SRV = (
    b"\x85\x80\0\1\0\2\0\1\0\2\4_sip\4_udp\4test\x0bgrandstream\3com\0\0\x21\0\1"
    b"\xc0\x0c\0\x21\0\1\0\0\0\3\0\x1d\0\2\0\1\x13\xc4\5test1\x0bgrandstream\3com\0"
    b"\xc0\x0c\0\x21\0\1\0\0\0\3\0\x1d\0\1\0\1\x13\xc4\5test2\x0bgrandstream\3com\0"
    b"\xc0\x1b\0\2\0\1\0\0\x2a\x30\0\x0d\x0belmrabet-pc\0\5test1\xc0\x1b\0\1\0\1\0\0\0\3\0\4"
    b"\xc0\xa8\x0a\x0c\5test2\xc0\x1b\0\1\0\1\0\0\x2a\x30\0\4\xc0\xa8\x0a\x0d"
)
A = (
    b"\x85\x80\0\1\0\1\0\1\0\0\5test%s\x0bgrandstream\3com\0\0\1\0\1"
    b"\xc0\x0c\0\1\0\1\0\0%s\0\4\xc0\xa8\x0a%s\xc0\x12\0\2\0\1\0\0\x2a\x30\0\x0d\x0belmrabet-pc\0"
)
ANSWERS = SRV, A % (b"1", b"\0\3", b"\x0c"), A % (b"2", b"\x2a\x30", b"\x0d")

CHALLENGE = (
    b'WWW-Authenticate: Digest realm="grandstream.com", nonce="%s", algorithm=%s, qop="auth"\r\n'
)


class World:
    busy_us = 0  # spent in the phone
    s = ms = 0  # the time since the beginning
    granted = 0  # so many REGISTERs got their 200
    where = ""  # the address of the server that sent the newest
    first = None  # (s, ms) of the next REGISTER after somebody made this None

    def __init__(self, phone, now=0, algorithm=b"MD5"):
        self.phone = phone
        self.now = now
        self.sent = []  # what the phone sent and nobody has seen yet
        self.mail = []  # (channel, data, address), on the way to the phone
        self.dead = []  # addresses that are silent
        self.challenge = CHALLENGE % (b"5afe5afe", algorithm)

    def call(self, method, *arguments):
        """Call a method of the phone; what it takes is counted."""
        start = time.ticks_us()
        value = method(*arguments)
        self.busy_us += time.ticks_diff(time.ticks_us(), start)
        return value

    def step(self):
        """One thing happens: a server answers, a datagram arrives, or the time of the deadline
        comes. False: the phone waits for nothing."""
        phone = self.phone
        self.sent += self.call(phone.take, self.now)
        if self.sent:
            channel, data, address, _ = self.sent.pop(0)
            if not channel and not self.first:
                self.first = self.s, self.ms
            if data and address[0] not in self.dead:
                answer = self.look_up(data) if channel else self.register(data, address)
                self.mail.append((channel, answer, address))
            return True
        if self.mail:
            channel, data, address = self.mail.pop(0)
            self.call(phone.receive, channel, data, address, self.now)
        else:
            due = self.call(phone.deadline)
            if due is None:
                return False
            ms = diff(due, self.now)
            if ms > 0:
                self.now = due
                self.ms += ms
                self.s += self.ms // 1000
                self.ms %= 1000
            self.call(phone.wake, self.now)
        return True

    def look_up(self, query):
        for answer in ANSWERS:
            if answer.startswith(query[12:], 10):
                return query[:2] + answer
        return query[:2] + b"\x85\x83" + query[4:]  # no such name

    def register(self, request, address):
        # What stands from Via to Contact goes back as it came, Expires among it.
        end = request.find(b"Authorization:")
        known = end > 0
        head = request[request.find(b"Via:") : end if known else request.find(b"Content-Length:")]
        if not known:
            head = b"SIP/2.0 401 Unauthorized\r\n" + head + self.challenge
        else:
            self.granted += 1
            self.where = address[0]
            head = b"SIP/2.0 200 OK\r\n" + head
        return head + b"Content-Length: 0\r\n\r\n"
