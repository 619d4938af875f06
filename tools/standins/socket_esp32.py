"""Stand-in for the ESP32's `socket`, `select` and `time`, on CPython: a UDP socket that wedges.

    monkeypatch.setattr(net, "socket", socket_esp32)     # and select, and time
    Net(phone)                                           # srvphone.net, as on a board

As in MicroPython's ports/esp32/modsocket.c, `_socket_read_data`: what a read of nothing means for
a stream, that the peer has closed, it notes for datagrams as well; every later read is b"" at
once, and takes nothing from the queue, so that poll tells of the next datagram for ever
(micropython-lib issue 736). A socket that is neither bound nor connected can't be read
(ENOTCONN) and polls as writable and hung up; a datagram of nothing can't be sent.
Differs: memory and queues are the host's; the clock's period is 2**30 ms, but it starts elsewhere.
"""

import errno
import select
import socket as _real
import time

AF_INET = _real.AF_INET
SOCK_STREAM = _real.SOCK_STREAM
SOCK_DGRAM = _real.SOCK_DGRAM
NEW, CONNECTED, PEER_CLOSED = range(3)
POLLOUT, POLLHUP = 4, 16


def ticks_ms():
    return time.monotonic_ns() // 1000000 & 0x3FFFFFFF


class socket(_real.socket):
    state = NEW

    def bind(self, address):
        super().bind(address)
        self.state = CONNECTED

    def connect(self, address):
        super().connect(address)
        self.state = CONNECTED

    def recvfrom(self, size):
        if self.state == NEW:
            raise OSError(errno.ENOTCONN, "ENOTCONN")
        if self.state == PEER_CLOSED:
            return b"", ("0.0.0.0", 0)
        data, source = super().recvfrom(size)
        if not data:
            self.state = PEER_CLOSED
        return data, source

    def recv(self, size):
        return self.recvfrom(size)[0]

    def sendto(self, data, address):
        if not data:
            raise OSError(errno.ETIMEDOUT, "ETIMEDOUT")
        return super().sendto(data, address)


class poll:
    """select.poll, with `ipoll` and the socket itself in what it tells, as on MicroPython."""

    def __init__(self):
        self.masks = {}

    def register(self, sock, mask):
        self.masks[sock] = mask

    modify = register

    def unregister(self, sock):
        del self.masks[sock]

    def ipoll(self, ms):
        poller = select.poll()
        by_number = {}
        for sock, mask in self.masks.items():
            poller.register(sock, mask)
            by_number[sock.fileno()] = sock
        for number, event in poller.poll(ms):
            sock = by_number[number]
            if sock.state == NEW:
                event |= POLLHUP | POLLOUT & self.masks[sock]
            yield sock, event
