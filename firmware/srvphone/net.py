"""The one room that knows sockets and reads the clock: the loop around a phone, on a board.

    net = Net(phone)
    net.online("192.0.2.10", [("192.0.2.53", 53)])   # the network is here
    net.turn(1000)                                   # again and again
    net.offline()                                    # the network has gone

One SIP socket, one DNS socket at a time, and a socket for each stream: a stock RP2040 has three
UDP sockets for us. The loop polls before it reads, since `recvfrom` takes its memory even if
nothing is there, and uses no socket timeout. On a computer it is `hostnet.HostNet`.
"""

import select
import socket
import time

from micropython import const

from .clock import diff

_SIP = const(0)  # the channels, as `core` numbers them
_DNS = const(1)
_TCP = const(2)
_OPENED = const(0)  # what a stream does, as `core` has it
_DATA = const(1)
_CLOSED = const(2)

_SIP_BYTES = const(2800)  # what two Ethernet frames carry
_DNS_BYTES = const(512)
_EDNS_BYTES = const(1232)
_LEAST_BYTES = const(300)
_POLLIN = const(1)  # the same on every system
_POLLOUT = const(4)
_IN_PROGRESS = const((115, 119, 36))  # EINPROGRESS of Linux and rp2, of the ESP32, of macOS


class Stream:
    """A TCP stream of the core's, by its number there."""

    def __init__(self, number, sock, unsent):
        self.number = number
        self.sock = sock
        self.unsent = unsent  # what it sends once it is open; None afterwards


class Net:
    def __init__(self, phone):
        settings = phone.settings
        self.phone = phone
        self.sip_port = settings.local_sip_port
        self.dns_port = 0
        self.local = "0.0.0.0"  # the address that sockets are bound to
        self.heard = None  # when something last came in
        # How much is read at once, by channel: as much as it may be, and as much as there was
        # memory for. It is less until a datagram fills it.
        self.most = _SIP_BYTES, _EDNS_BYTES if settings.edns0 else _DNS_BYTES
        self.bytes = list(self.most)
        self.poller = select.poll()
        self.sockets: "list" = [None, None]  # by channel
        self.streams: "list" = []

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
        for channel in (_SIP, _DNS):
            self._close(channel)
        while self.streams:
            self._shut(self.streams[0])
        self.phone.network(None, None, self.ticks())
        self.phone.take(self.ticks())

    def _open(self, channel, port):
        """A new socket for the channel, in place of the one it had."""
        self._close(channel)
        self.sockets[channel] = sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        self.poller.register(sock, _POLLIN)
        sock.bind(self.pack((self.local, port)))
        return sock

    def _close(self, channel):
        sock = self.sockets[channel]
        if sock:
            self.sockets[channel] = None
            self._forget(sock)

    def _forget(self, sock):
        self.poller.unregister(sock)
        sock.close()

    # Streams.

    def _connect(self, number, data, address):
        """Open a stream that sends the data, or close it if there is none."""
        for stream in self.streams:
            if stream.number == number:
                self._shut(stream)
                break
        if data is None:
            return
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.streams.append(Stream(number, sock, data))
        sock.setblocking(False)
        self.poller.register(sock, _POLLIN | _POLLOUT)
        try:
            sock.connect(self.pack(address))
        except OSError as e:
            if e.errno not in _IN_PROGRESS:
                raise

    def _shut(self, stream):
        self.streams.remove(stream)
        self._forget(stream.sock)

    def _read_stream(self, stream, event):
        sock = stream.sock
        data = b""
        try:
            if stream.unsent and event & _POLLOUT:
                sock.send(stream.unsent)
                stream.unsent = None
                self.poller.modify(sock, _POLLIN)
                self.phone.stream(stream.number, _OPENED, None, self.ticks())
                return
            data = sock.recv(_DNS_BYTES)
        except OSError:
            pass
        self.phone.stream(stream.number, _DATA if data else _CLOSED, data, self.ticks())

    # The loop.

    def flush(self):
        """Send what the phone has in its out-tray, and what follows if a send fails."""
        out = self.phone.take(self.ticks())
        for channel, data, address, port in out:
            try:
                if channel == _TCP:
                    self._connect(port, data, address)
                elif data is None:
                    self._close(channel)
                else:
                    self._send(channel, data, self.pack(address), port)
            except OSError as e:
                if channel == _TCP:
                    self.phone.stream(port, _CLOSED, None, self.ticks())
                else:
                    self.phone.failed(channel, address, e.errno or 0, self.ticks())
            out += self.phone.take(self.ticks())

    def _send(self, channel, data, to, port):
        if channel == _SIP:
            self.reports(_SIP)  # else this send would get an older one's error
            self.sockets[_SIP].sendto(data, to)
        else:
            self.dns_port = port
            sock = self._open(_DNS, port)
            sock.connect(to)
            sock.send(data)

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
                if size < self.bytes[channel]:  # it was taken from the socket, and is lost
                    self.bytes[channel] = size
                    self.phone.starved += 1
                elif channel == _DNS and self.reports(_DNS):
                    self.phone.failed(_DNS, None, e.errno, self.ticks())
                return
        self.heard = self.ticks()
        if data:
            cut = len(data) == size
            self.bytes[channel] = self.most[channel] if cut else size
            self.phone.receive(channel, data, self.unpack(packed), self.heard, cut)
        elif channel == _SIP:  # W10: an empty datagram wedges a socket of the ESP32
            self._open(_SIP, self.sip_port)
        else:
            self._open(_DNS, self.dns_port).connect(packed)

    def turn(self, most_ms):
        """One round: send, wait for a datagram or the phone's deadline, at most so long, and hand
        it on."""
        phone = self.phone
        self.flush()
        due = phone.deadline()
        wait_ms = 0 if due is None else max(0, min(diff(due, self.ticks()), most_ms))
        for ready, event in self.poll(wait_ms):
            self._ready(ready, event)
        phone.wake(self.ticks())

    def _ready(self, ready, event):
        """A socket has something to say."""
        for stream in self.streams:
            if ready is stream.sock:
                return self._read_stream(stream, event)
        if ready is self.sockets[_DNS]:
            self._read(_DNS, ready)
        elif ready is self.sockets[_SIP]:
            if event & _POLLIN:
                self._read(_SIP, ready)
            else:
                self.reports(_SIP)
