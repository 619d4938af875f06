"""The one room that knows sockets and reads the clock: the loop around a phone.

    net = Net(phone)
    net.run()                # until KeyboardInterrupt and the farewells after it

One SIP socket, and one DNS socket and one DNS stream at a time: a stock RP2040 has three UDP
sockets for us. Runs on MicroPython boards, its unix port and CPython; what differs between them
stands before the class. The loop polls before it reads, since `recvfrom` takes its memory even if
nothing is there, and uses no socket timeout.
"""

import select
import socket
import sys
import time

from micropython import const

from .clock import diff, later

_SIP = const(0)  # the channels, as `desk` numbers them
_DNS = const(1)
_TCP = const(2)
_OPENED = const(0)  # what a stream does, as `dns.resolver` has it
_DATA = const(1)
_CLOSED = const(2)

_SIP_BYTES = const(1472)
_DNS_BYTES = const(512)
_EDNS_BYTES = const(1232)
_TURN_MS = const(1000)  # the loop comes round at least so often
_FAREWELL_MS = const(5000)
_POLLIN = const(1)  # the same on every system
_POLLOUT = const(4)
_ECONNREFUSED = const(111)
_IN_PROGRESS = (115, 119, 36)  # EINPROGRESS of Linux and rp2, of the ESP32, of macOS

# Linux: have the network's refusals reported on a socket that is not connected (G15).
_IP_RECVERR = const(11)
_MSG_ERRQUEUE = const(0x2000)


def ticks():
    """The time as the core wants it: milliseconds modulo 2**30."""
    try:
        return time.ticks_ms() & 0x3FFFFFFF  # type: ignore[operator]
    except AttributeError:  # CPython
        return time.monotonic_ns() // 1000000 & 0x3FFFFFFF  # type: ignore[attr-defined]


def pack(address):
    """(text, port) as the socket wants it: packed bytes on the unix port."""
    if hasattr(socket, "sockaddr"):
        return socket.getaddrinfo(address[0], address[1])[0][-1]
    return address


def unpack(address):
    """What `recvfrom` gives, as (text, port)."""
    if isinstance(address, tuple):
        return address
    _, ip, port = socket.sockaddr(address)  # type: ignore[attr-defined]
    return "%d.%d.%d.%d" % tuple(ip), port


class Net:
    def __init__(self, phone):
        settings = phone.settings
        self.phone = phone
        self.local = settings.local_address or "0.0.0.0"
        self.sip_port = settings.local_sip_port
        self.dns_port = 0
        self.bytes = _SIP_BYTES, _EDNS_BYTES if settings.edns0 else _DNS_BYTES
        self.reports = settings.icmp_reports and sys.platform == "linux"
        self.poller = select.poll()
        self.sockets: "list" = [None, None, None]  # by channel
        self.unsent = None  # what the stream sends once it is open
        self._open(_SIP, self.sip_port)

    def _open(self, channel, port):
        """A new socket for the channel, in place of the one it had."""
        self._close(channel)
        kind = socket.SOCK_STREAM if channel == _TCP else socket.SOCK_DGRAM
        self.sockets[channel] = sock = socket.socket(socket.AF_INET, kind)
        sock.setblocking(False)
        self.poller.register(sock, _POLLIN | _POLLOUT if channel == _TCP else _POLLIN)
        if channel != _TCP:
            sock.bind(pack((self.local, port)))
            if self.reports and channel == _SIP:
                sock.setsockopt(0, _IP_RECVERR, 1)
        return sock

    def _close(self, channel):
        sock = self.sockets[channel]
        if sock:
            self.sockets[channel] = None
            self.poller.unregister(sock)
            sock.close()

    def flush(self):
        """Send what the phone has in its out-tray, and what follows if a send fails."""
        out = self.phone.take()
        for channel, data, address, port in out:
            try:
                to = data and pack(address)
                if not to:
                    self._close(channel)
                elif channel == _SIP:
                    self._take_reports()  # else this send would get an older one's error
                    self.sockets[_SIP].sendto(data, to)
                elif channel == _DNS:
                    self.dns_port = port
                    sock = self._open(_DNS, port)
                    sock.connect(to)
                    sock.send(data)
                else:
                    self.unsent = data
                    self._open(_TCP, 0).connect(to)
            except OSError as e:
                if channel != _TCP:
                    self.phone.failed(channel, address, e.errno or 0, ticks())
                elif e.errno not in _IN_PROGRESS:
                    self.phone.stream(_CLOSED, None, ticks())
            out += self.phone.take()

    def _take_reports(self):
        """Hand on what the network reported of datagrams sent."""
        while self.reports:
            try:
                _, packed = self.sockets[_SIP].recvfrom(_SIP_BYTES, _MSG_ERRQUEUE)
            except OSError:
                break
            self.phone.failed(_SIP, unpack(packed), _ECONNREFUSED, ticks())

    def _read(self, channel, sock):
        """A datagram, or what the network says of the last one."""
        try:
            data, packed = sock.recvfrom(self.bytes[channel])
        except OSError as e:
            if channel == _DNS and self.reports:
                self.phone.failed(_DNS, None, e.errno, ticks())
            return
        if data:
            self.phone.receive(channel, data, unpack(packed), ticks())
        elif channel == _SIP:  # W10: an empty datagram wedges a socket of the ESP32
            self._open(_SIP, self.sip_port)
        else:
            self._open(_DNS, self.dns_port).connect(packed)

    def _read_stream(self, sock, event):
        data = b""
        try:
            if self.unsent and event & _POLLOUT:
                sock.send(self.unsent)
                self.unsent = None
                self.poller.modify(sock, _POLLIN)
                self.phone.stream(_OPENED, None, ticks())
                return
            data = sock.recv(_DNS_BYTES)
        except OSError:
            pass
        self.phone.stream(_DATA if data else _CLOSED, data, ticks())

    def turn(self):
        """One round: send, wait for a datagram or the phone's deadline, hand it on."""
        phone = self.phone
        self.flush()
        due = phone.deadline()
        wait_ms = 0 if due is None else max(0, min(diff(due, ticks()), _TURN_MS))
        poll = getattr(self.poller, "ipoll", self.poller.poll)
        for ready, event in poll(wait_ms):
            for channel, sock in enumerate(self.sockets):
                # CPython's poll gives the number of the socket
                if sock and ready in (sock, getattr(sock, "fileno", int)()):
                    if channel == _TCP:
                        self._read_stream(sock, event)
                    elif channel == _DNS or event & _POLLIN:
                        self._read(channel, sock)
                    else:
                        self._take_reports()
        phone.wake(ticks())

    def run(self):
        """Until KeyboardInterrupt, which lets the phone un-REGISTER first."""
        phone = self.phone
        phone.start(ticks())
        until = None
        while until is None or not phone.ended() and diff(until, ticks()) > 0:
            try:
                self.turn()
            except KeyboardInterrupt:
                until = later(ticks(), _FAREWELL_MS)
                phone.stop(ticks())
