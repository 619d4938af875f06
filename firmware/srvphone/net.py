"""The one room that knows sockets and reads the clock: the loop around a phone, on a board.

    net = Net(phone)
    net.online("192.0.2.10", [("192.0.2.53", 53)])   # the network is here
    net.turn(1000)                                   # again and again
    net.offline()                                    # the network has gone

One SIP socket, and one DNS socket and one DNS stream at a time: a stock RP2040 has three UDP
sockets for us. The loop polls before it reads, since `recvfrom` takes its memory even if nothing
is there, and uses no socket timeout. On a computer it is `hostnet.HostNet`.
"""

import select
import socket
import time

from micropython import const

from .clock import diff

_SIP = const(0)  # the channels, as `desk` numbers them
_DNS = const(1)
_TCP = const(2)
_OPENED = const(0)  # what a stream does, as `dns.resolver` has it
_DATA = const(1)
_CLOSED = const(2)

_SIP_BYTES = const(1472)
_DNS_BYTES = const(512)
_EDNS_BYTES = const(1232)
_LEAST_BYTES = const(300)
_POLLIN = const(1)  # the same on every system
_POLLOUT = const(4)
_IN_PROGRESS = const((115, 119, 36))  # EINPROGRESS of Linux and rp2, of the ESP32, of macOS


class Net:
    local = "0.0.0.0"  # the address that sockets are bound to
    heard = None  # when something last came in

    def __init__(self, phone):
        settings = phone.settings
        self.phone = phone
        self.sip_port = settings.local_sip_port
        self.dns_port = 0
        self.bytes = _SIP_BYTES, _EDNS_BYTES if settings.edns0 else _DNS_BYTES
        self.poller = select.poll()
        self.sockets: "list" = [None, None, None]  # by channel
        self.unsent = None  # what the stream sends once it is open

    # What differs on a computer.

    def ticks(self):
        """The time as the core wants it: milliseconds modulo 2**30."""
        return time.ticks_ms()

    def pack(self, address):
        """(text, port) as the socket wants it."""
        return address

    # What `recvfrom` gives, as (text, port).
    unpack = pack

    def poll(self, ms):
        """Wait for at most so long: (socket, event) of each that is ready."""
        return self.poller.ipoll(ms)

    def reports(self, channel):
        """Does the network report what reached nobody (G15)? Those of SIP are handed on here."""

    # The network.

    def online(self, host, servers):
        """The network is here, or is another: new sockets, and the phone begins anew."""
        self.offline()
        self._open(_SIP, self.sip_port)
        self.phone.network(host, servers, self.ticks())

    def offline(self):
        """The network has gone."""
        for channel in (_SIP, _DNS, _TCP):
            self._close(channel)
        self.phone.network(None, None, self.ticks())
        self.phone.take()

    def _open(self, channel, port):
        """A new socket for the channel, in place of the one it had."""
        self._close(channel)
        kind = socket.SOCK_STREAM if channel == _TCP else socket.SOCK_DGRAM
        self.sockets[channel] = sock = socket.socket(socket.AF_INET, kind)
        sock.setblocking(False)
        self.poller.register(sock, _POLLIN | _POLLOUT if channel == _TCP else _POLLIN)
        if channel != _TCP:
            sock.bind(self.pack((self.local, port)))
        return sock

    def _close(self, channel):
        sock = self.sockets[channel]
        if sock:
            self.sockets[channel] = None
            self.poller.unregister(sock)
            sock.close()

    # The loop.

    def flush(self):
        """Send what the phone has in its out-tray, and what follows if a send fails."""
        out = self.phone.take()
        for channel, data, address, port in out:
            try:
                to = data and self.pack(address)
                if not to:
                    self._close(channel)
                elif channel == _SIP:
                    self.reports(_SIP)  # else this send would get an older one's error
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
                    self.phone.failed(channel, address, e.errno or 0, self.ticks())
                elif e.errno not in _IN_PROGRESS:
                    self.phone.stream(_CLOSED, None, self.ticks())
            out += self.phone.take()

    def _read(self, channel, sock):
        """A datagram, or what the network says of the last one."""
        size = self.bytes[channel]
        packed = None
        while packed is None:
            try:
                data, packed = sock.recvfrom(size)
            except MemoryError:  # no such piece of the heap is free: most datagrams want less
                if size < _LEAST_BYTES:
                    raise
                size //= 2
            except OSError as e:
                if channel == _DNS and self.reports(_DNS):
                    self.phone.failed(_DNS, None, e.errno, self.ticks())
                return
        self.heard = self.ticks()
        if data:
            self.phone.receive(channel, data, self.unpack(packed), self.heard)
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
                self.phone.stream(_OPENED, None, self.ticks())
                return
            data = sock.recv(_DNS_BYTES)
        except OSError:
            pass
        self.phone.stream(_DATA if data else _CLOSED, data, self.ticks())

    def turn(self, most_ms):
        """One round: send, wait for a datagram or the phone's deadline, at most so long, and hand
        it on."""
        phone = self.phone
        self.flush()
        due = phone.deadline()
        wait_ms = 0 if due is None else max(0, min(diff(due, self.ticks()), most_ms))
        for ready, event in self.poll(wait_ms):
            for channel, sock in enumerate(self.sockets):
                if ready is sock:
                    if channel == _TCP:
                        self._read_stream(sock, event)
                    elif channel == _DNS or event & _POLLIN:
                        self._read(channel, sock)
                    else:
                        self.reports(_SIP)
        phone.wake(self.ticks())
