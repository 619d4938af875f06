"""`net` on a computer: MicroPython's unix port and CPython, as `srvphone.net` describes it.

What differs from a board: the clock's period, addresses that the unix port packs into bytes, a
local address to bind to, and Linux, which reports closed ports (G15). No board is sent this.
"""

import socket
import sys
import time

from micropython import const

from .net import Net

_SIP = const(0)
_ECONNREFUSED = const(111)

# Linux: have the network's refusals reported on a socket that is not connected.
_IP_RECVERR = const(11)
_MSG_ERRQUEUE = const(0x2000)


class HostNet(Net):
    def __init__(self, phone):
        Net.__init__(self, phone)
        self.local = phone.settings.local_address or "0.0.0.0"
        self.reported = phone.settings.icmp_reports and sys.platform == "linux"

    def ticks(self):
        try:
            return time.ticks_ms() & 0x3FFFFFFF  # type: ignore[operator]
        except AttributeError:  # CPython
            return time.monotonic_ns() // 1000000 & 0x3FFFFFFF  # type: ignore[attr-defined]

    def pack(self, address):
        if hasattr(socket, "sockaddr"):  # the unix port
            return socket.getaddrinfo(address[0], address[1])[0][-1]
        return address

    def unpack(self, address):
        if isinstance(address, tuple):
            return address
        _, ip, port = socket.sockaddr(address)  # type: ignore[attr-defined]
        return "%d.%d.%d.%d" % tuple(ip), port

    def poll(self, ms):
        if hasattr(self.poller, "ipoll"):
            return self.poller.ipoll(ms)
        sockets = self.sockets + [stream.sock for stream in self.streams]
        by_number = {sock.fileno(): sock for sock in sockets if sock}  # CPython gives those
        return [(by_number.get(number), event) for number, event in self.poller.poll(ms)]

    def _open(self, channel, port):
        sock = Net._open(self, channel, port)
        if self.reported and channel == _SIP:
            sock.setsockopt(0, _IP_RECVERR, 1)
        return sock

    def reports(self, channel):
        while self.reported and channel == _SIP:
            try:
                _, packed = self.sockets[_SIP].recvfrom(1, _MSG_ERRQUEUE)
            except OSError:
                break
            self.phone.failed(_SIP, self.unpack(packed), _ECONNREFUSED, self.ticks())
        return self.reported
