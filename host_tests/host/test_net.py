"""The one room with sockets, on real ones: streams, empty datagrams, refusals.

Rules G13a, G15, W6, W10.

Where a `Stub` below stands in for the phone it differs from it in that it decides nothing: it
hands out what the test puts in and notes what comes.
"""

import contextlib
import socket
import sys
import time

import pytest

from srvphone import net
from srvphone.clock import later
from srvphone.hostnet import HostNet
from srvphone_host import dns_server
from srvphone_host.lab import Lab

SIP, DNS, TCP = 0, 1, 2  # channels


class Stub:
    """What Net wants of a phone."""

    class settings:
        local_address = ""
        local_sip_port = 0
        edns0 = False
        icmp_reports = True

    def __init__(self, address):
        self.settings.local_address = address
        self.out = []
        self.came = []
        self.cut = []
        self.starved = 0
        self.networks = []

    def network(self, host, servers, now):
        self.networks.append((host, servers))

    def take(self, now):
        out, self.out = self.out, []
        return out

    def deadline(self):
        return later(HostNet.ticks(None), 20)

    def wake(self, now):
        pass

    def receive(self, channel, data, source, now, cut=False):
        self.came.append((channel, data, source))
        self.cut.append(cut)

    def failed(self, channel, peer, errno, now):
        self.came.append((channel, "failed", peer))

    def stream(self, number, event, data, now):
        self.came.append((TCP, number, event, data))


@pytest.fixture
def stub():
    with Lab() as it:  # only for the addresses that are ours
        yield Stub(it.place.phone[0])


@pytest.fixture
def loop(stub):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:  # a port that is free
        s.bind((stub.settings.local_address, 0))
        stub.settings.local_sip_port = s.getsockname()[1]
    made = HostNet(stub)
    made.online("", [])
    yield made
    made.offline()


def turn_until(loop, there, limit_s=2):
    end = time.monotonic() + limit_s
    while not there() and time.monotonic() < end:
        loop.turn(1000)
    assert there()


@contextlib.contextmanager
def peer(kind=socket.SOCK_DGRAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        s.settimeout(2)
        yield s


def test_w6_sockets_are_made_anew_with_each_network(stub, loop):
    assert stub.networks == [(None, None), ("", [])]
    before = loop.sockets[SIP]
    with peer() as server:
        stub.out = [(DNS, b"question", server.getsockname(), 40128)]
        loop.flush()
        stub.out = [(SIP, b"never sent", server.getsockname(), 0)]
        loop.offline()
        assert loop.sockets == [None, None] and before.fileno() < 0
        loop.turn(10)  # without a network the loop goes on
        assert server.recvfrom(100)[0] == b"question"
        loop.online("192.0.2.1", [("192.0.2.53", 53)])
        assert stub.networks[2:] == [(None, None)] * 2 + [("192.0.2.1", [("192.0.2.53", 53)])]
        stub.out = [(SIP, b"hello", server.getsockname(), 0)]
        loop.flush()
        assert server.recvfrom(100)[0] == b"hello"


def test_w9_a_heap_in_pieces_takes_what_fits(stub, loop):
    """The socket is real but for the memory: it has none for a longer piece than `free`."""

    class Tight:
        free = 400

        def __init__(self, sock):
            self.sock = sock

        def recvfrom(self, size):
            if size > self.free:
                raise MemoryError
            return self.sock.recvfrom(size)

    tight = Tight(loop.sockets[SIP])
    with peer() as other:
        for size in (100, 340, 1000):  # of the last one a part, and that is said
            other.sendto(b"x" * size, loop.sockets[SIP].getsockname())
            loop._read(SIP, tight)
        assert [len(data) for _, data, _ in stub.came] == [100, 340, 350]
        assert stub.cut == [False, False, True]
        tight.free = 100
        with pytest.raises(MemoryError):  # the board restarts (W12)
            loop._read(SIP, tight)


def test_w9_a_datagram_that_memory_is_short_for_is_lost_once_and_said(stub, loop):
    """The unix port takes it from the socket before it lacks the memory for what it gives."""

    class Short:
        sizes = []

        def __init__(self, sock):
            self.sock = sock

        def recvfrom(self, size):
            self.sizes.append(size)
            got = self.sock.recvfrom(size)
            if size > 1400:
                raise MemoryError
            return got

    short = Short(loop.sockets[SIP])
    with peer() as other:
        for size in (100, 200, 1400, 90):
            other.sendto(b"x" * size, loop.sockets[SIP].getsockname())
            loop._read(SIP, short)
    assert short.sizes == [2800, 1400, 1400, 1400, 2800, 1400]
    assert [len(data) for _, data, _ in stub.came] == [200, 1400]
    assert stub.cut == [False, True] and stub.starved == 2


def test_w10_what_was_heard_last_is_known(stub, loop):
    assert loop.heard is None
    with peer() as other:
        other.sendto(b"", loop.sockets[SIP].getsockname())
        turn_until(loop, lambda: loop.heard is not None)


def test_w10_sip_socket_is_made_again_after_an_empty_datagram(stub, loop):
    before = loop.sockets[SIP]
    own = before.getsockname()
    with peer() as other:
        other.sendto(b"", own)
        turn_until(loop, lambda: loop.sockets[SIP] is not before)
        assert loop.sockets[SIP].getsockname() == own
        other.sendto(b"still there?", own)
        turn_until(loop, lambda: stub.came)
        assert stub.came == [(SIP, b"still there?", other.getsockname())]


def test_w10_dns_socket_is_made_again_after_an_empty_datagram(stub, loop):
    with peer() as server:
        stub.out = [(DNS, b"question", server.getsockname(), 40123)]
        loop.flush()
        _, own = server.recvfrom(100)
        assert own == (stub.settings.local_address, 40123)
        before = loop.sockets[DNS]
        server.sendto(b"", own)
        turn_until(loop, lambda: loop.sockets[DNS] is not before)
        server.sendto(b"answer", own)
        turn_until(loop, lambda: stub.came)
        assert stub.came == [(DNS, b"answer", server.getsockname())]


def test_g13a_each_send_has_a_new_socket_and_closes_the_old(stub, loop):
    with peer() as server:
        for port in (40124, 40125):
            stub.out.append((DNS, b"question", server.getsockname(), port))
        loop.flush()
        assert [server.recvfrom(100)[1][1] for _ in range(2)] == [40124, 40125]
        server.sendto(b"late", (stub.settings.local_address, 40124))
        server.sendto(b"good", (stub.settings.local_address, 40125))
        turn_until(loop, lambda: stub.came)
        assert stub.came == [(DNS, b"good", server.getsockname())]
        stub.out = [(DNS, None, None, 0)]
        loop.flush()
        assert loop.sockets[DNS] is None


def test_g13a_a_taken_port_is_reported_not_raised(stub, loop):
    with peer() as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((stub.settings.local_address, 40126))
        stub.out = [(DNS, b"question", server.getsockname(), 40126)]
        loop.flush()
        assert stub.came == [(DNS, "failed", server.getsockname())]
        stub.out = [(DNS, b"question", server.getsockname(), 40127)]
        loop.flush()
        assert server.recvfrom(100)[1][1] == 40127


def test_g13a_stream_opened_read_in_pieces_and_closed(stub, loop):
    with peer(socket.SOCK_STREAM) as server:
        server.listen()
        stub.out = [(TCP, b"\0\2hi", server.getsockname(), 7)]
        loop.flush()
        accepted, _ = server.accept()
        with accepted:
            turn_until(loop, lambda: stub.came)
            assert stub.came == [(TCP, 7, net._OPENED, None)]
            assert accepted.recv(100) == b"\0\2hi"
            for piece in (b"\0", b"\3a", b"bc"):
                stub.came = []
                accepted.send(piece)
                turn_until(loop, lambda: stub.came)
                assert stub.came == [(TCP, 7, net._DATA, piece)]
            stub.came = []
        turn_until(loop, lambda: stub.came)
        assert stub.came[0] == (TCP, 7, net._CLOSED, b"")
        stub.out = [(TCP, None, None, 7)]
        loop.flush()
        assert loop.streams == []


def test_g13a_streams_are_told_apart_by_their_numbers(stub, loop):
    with peer(socket.SOCK_STREAM) as one, peer(socket.SOCK_STREAM) as two:
        for number, server in ((1, one), (2, two)):
            server.listen()
            stub.out.append((TCP, b"%d" % number, server.getsockname(), number))
        loop.flush()
        with one.accept()[0] as first, two.accept()[0] as second:
            turn_until(loop, lambda: len(stub.came) == 2)
            assert first.recv(9) == b"1" and second.recv(9) == b"2"
            stub.came, stub.out = [], [(TCP, None, None, 1)]
            loop.flush()
            assert first.recv(9) == b""  # closed
            second.send(b"yes")
            turn_until(loop, lambda: stub.came)
            assert stub.came == [(TCP, 2, net._DATA, b"yes")]
        loop.offline()
        assert loop.streams == []


def test_g13a_refused_stream_is_closed(stub, loop):
    with peer(socket.SOCK_STREAM) as server:
        address = server.getsockname()
    stub.out = [(TCP, b"\0\2hi", address, 3)]
    loop.flush()
    turn_until(loop, lambda: stub.came)
    assert stub.came[0][:3] == (TCP, 3, net._CLOSED)


def test_g15_refusal_names_the_peer_and_the_socket_lives_on(stub, loop):
    if sys.platform != "linux":
        pytest.skip("only Linux reports a closed port to an unconnected socket")
    with peer() as gone:
        address = gone.getsockname()
    with peer() as there:
        stub.out = [(SIP, b"anybody?", address, 0), (SIP, b"hello", there.getsockname(), 0)]
        loop.flush()
        turn_until(loop, lambda: stub.came)
        assert stub.came == [(SIP, "failed", address)]
        data, own = there.recvfrom(100)
        assert data == b"hello"
        there.sendto(b"yes", own)
        turn_until(loop, lambda: len(stub.came) > 1)
        assert stub.came[1] == (SIP, b"yes", there.getsockname())


def test_g15_refusal_is_noticed_without_another_send(stub, loop):
    if sys.platform != "linux":
        pytest.skip("only Linux reports a closed port to an unconnected socket")
    with peer() as gone:
        address = gone.getsockname()
    stub.out = [(SIP, b"anybody?", address, 0)]
    turn_until(loop, lambda: stub.came)
    assert stub.came == [(SIP, "failed", address)]


def test_w6_unreachable_network_is_reported_not_raised(stub, loop):
    stub.out = [(SIP, b"x" * 70000, ("127.0.0.1", 9), 0)]  # EMSGSIZE: the send itself fails
    loop.flush()
    assert stub.came == [(SIP, "failed", ("127.0.0.1", 9))]


def test_w6_what_follows_a_failed_send_is_sent_at_once(stub, loop):
    """Not after the next wait: by then half a second may have gone by."""
    with peer() as there:
        failed = stub.failed

        def go_on(*what):
            failed(*what)
            stub.out.append((SIP, b"next", there.getsockname(), 0))

        stub.failed = go_on
        stub.out = [(SIP, b"x" * 70000, ("127.0.0.1", 9), 0)]
        loop.flush()
        there.settimeout(0.2)
        assert there.recvfrom(100)[0] == b"next"


class Short(dns_server.Resolver):
    """The zone, but over UDP every answer is cut to its question."""

    def limit(self, query):
        return 0


def test_g13a_truncated_answers_come_over_tcp():
    """The real phone, on the interpreter that the lab found."""
    with Lab() as it, contextlib.ExitStack() as stack:
        address = (it.place.dns[0].rpartition(".")[0] + ".54", 5300)
        zone = dns_server.zone_text(it.place.primary, it.place.backup)
        server = dns_server.GuideDns()
        server.start(address, zone, resolver=Short)
        stack.callback(server.close)
        phone = it.start_phone(dns_servers=["%s:%d" % address])
        lines = phone.until(lambda line: line.status == 200)
        assert any((line.rule, line.event) == ("tcp", ">") for line in lines)
