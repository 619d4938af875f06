"""An ESP32's socket that an empty datagram wedges, under the real srvphone.net (W10).

The phone and the lab's servers are real; tools/standins/socket_esp32.py is what a board has.
"""

import contextlib
import json
import os
import socket
import time

import pytest

from srvphone import account, net
from srvphone.phone import Phone
from srvphone.trace import Trace
from srvphone_host.lab import Lab
from standins import socket_esp32

SIP, DNS = 0, 1


@pytest.fixture
def lab():
    with Lab() as it:
        yield it


@pytest.fixture
def loop(lab, monkeypatch):
    for name in ("socket", "select", "time"):
        monkeypatch.setattr(net, name, socket_esp32)
    settings, faults = account.load(json.dumps(lab.settings()))
    assert not faults
    made = net.Net(Phone(settings, os.urandom, Trace()))
    made.local = settings.local_address
    yield made
    made.offline()


def empty(address):
    """Anybody sends nothing to this address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        s.sendto(b"", address)


def turn_until(loop, predicate, limit_s=3):
    end = time.monotonic() + limit_s
    while not predicate() and time.monotonic() < end:
        loop.turn(20)
    return predicate()


def registered(loop):
    return loop.phone.status()[0]["state"] == "registered"


def wedged(loop):
    """Is the phone's SIP socket one that gives nothing any more?"""
    return loop.sockets[SIP].state == socket_esp32.PEER_CLOSED


def start(lab, loop):
    loop.online(loop.phone.settings.local_address, [lab.place.dns])
    assert turn_until(loop, lambda: registered(loop))


def answered(lab, loop):
    """Does the phone answer an OPTIONS of its server?"""
    server = lab.servers["primary"]
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as s:
        s.bind((server.address[0], 0))
        s.setblocking(False)
        s.sendto(
            b"OPTIONS sip:2002@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s:%d;branch=z9hG4bKo%d\r\n"
            b"From: <sip:a@b>;tag=1\r\nTo: <sip:2002@b>\r\nCall-ID: %d\r\nCSeq: 1 OPTIONS\r\n"
            b"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            % (
                lab.place.phone[0].encode(),
                s.getsockname()[0].encode(),
                s.getsockname()[1],
                time.monotonic_ns(),
                time.monotonic_ns(),
            ),
            lab.place.phone,
        )

        def came():
            with contextlib.suppress(BlockingIOError):
                return s.recv(2000).startswith(b"SIP/2.0 200")

        end = time.monotonic() + 1
        while time.monotonic() < end:
            loop.turn(20)
            if came():
                return True
    return False


def test_w10_a_wedged_sip_socket_is_replaced_and_the_phone_hears_on(lab, loop):
    start(lab, loop)
    assert answered(lab, loop)
    before = loop.sockets[SIP]
    for _ in range(3):
        empty(lab.place.phone)
        turn_until(loop, lambda: False, 0.1)
    assert loop.sockets[SIP] is not before and not wedged(loop)
    assert answered(lab, loop)
    loop.phone.register(loop.ticks())
    log = lab.servers["primary"].log
    n = len(log)
    assert turn_until(loop, lambda: len(log) > n and registered(loop))


def test_w10_without_a_new_socket_the_phone_would_be_deaf(lab, loop, monkeypatch):
    """That the stand-in does wedge: the rule undone, nothing is heard any more."""
    start(lab, loop)

    def keeps(self, channel, port, really=net.Net._open):
        return self.sockets[channel] or really(self, channel, port)

    monkeypatch.setattr(net.Net, "_open", keeps)
    empty(lab.place.phone)
    assert turn_until(loop, lambda: wedged(loop))
    assert not answered(lab, loop)


def test_w10_a_wedged_dns_socket_is_replaced_and_the_answer_still_comes(lab, loop, monkeypatch):
    """The empty datagram is there before the answer: from the server's own address, since the
    socket is connected."""
    lab.switch("dns", "silent")
    loop.online(loop.phone.settings.local_address, [lab.place.dns])
    assert turn_until(loop, lambda: loop.sockets[DNS])
    before = loop.sockets[DNS]
    udp = lab.servers["dns"]._servers[0].socket
    udp.sendto(b"", before.getsockname())
    assert turn_until(loop, lambda: loop.sockets[DNS] not in (before, None))
    came = []
    with monkeypatch.context() as m:
        m.setattr(loop.phone, "receive", lambda *what: came.append(what[:2]))
        udp.sendto(b"the next one", loop.sockets[DNS].getsockname())
        assert turn_until(loop, lambda: came) == [(DNS, b"the next one")]
    lab.switch("dns", "up")
    assert turn_until(loop, lambda: registered(loop), 6)
