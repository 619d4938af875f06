"""The phone without I/O: what comes in, what goes out, and when it wants to be woken.

    phone = Phone(settings, os.urandom, Trace())
    phone.start(now)        # first of all, or phone.network(address, servers, now)
    phone.receive(SIP, data, ("192.168.10.13", 5060), now)
    for channel, data, address, port in phone.take(): ...   # send it
    phone.deadline()        # the time of the next phone.wake(now), or None; 12 h at the latest

Channels: SIP, DNS (a new socket, bound to `port`, for each datagram; data None: close it), TCP
(open a stream to the address and send the data; None: close it). Times are milliseconds modulo
2**30, see `clock`. Nothing raises on what came from the network.
"""

from micropython import const

from . import clock, failover
from .desk import NAMES, Desk
from .dns import resolver
from .locate import plan
from .sip import inbound, message, registration, transaction

_HOUSEKEEPING_MS = const(43200000)  # 12 h
_OVERDUE_MS = const(3000)


class Phone:
    online = False  # is there a network?

    def __init__(self, settings, urandom, trace):
        self.settings = settings
        self.desk = desk = Desk(urandom, trace)
        self.resolver = resolver.Resolver(desk, settings)
        self.transactions = transaction.Transactions(desk, settings)
        self.inbound = inbound.Inbound(desk)
        self.own = own = registration.Own(b"", settings.local_sip_port)
        self.registrations = []
        for i, account in enumerate(settings.accounts):
            if not account.account_active:  # G25
                continue
            # The servers to be registered at, by way of the proxies that are set (G1, G22); the
            # secondary one is reached directly (G22a).
            both = account.outbound_proxy, account.backup_outbound_proxy
            for label, server, proxies in (
                (str(i), account.sip_server, both),
                ("%d+" % i, account.secondary_sip_server, (None,)),
            ):
                if not server:
                    continue
                wheres = []
                for proxy in proxies:
                    if proxy or not wheres:
                        first = proxy is not None and not wheres
                        where = plan.Location(
                            desk, self.resolver, account, label, proxy or server, first
                        )
                        if proxy and account.outbound_proxy_mode == "in route":
                            where.route = b"<sip:%s;lr>" % proxy.encode()
                        wheres.append(where)
                one = registration.Registration(
                    desk, self.transactions, own, account, label, server, wheres
                )
                self.registrations.append(one)
        desk.spawn(self.purge())

    # What comes in.

    def wake(self, now):
        """The time that `deadline` gave has come (being early or late does no harm)."""
        self.desk.now = now
        self.transactions.wake()
        self.desk.run()

    def start(self, now):
        """Power on, where the settings say all of the network."""
        settings = self.settings
        self.network(settings.local_address, settings.dns_servers, now)

    def network(self, host, servers, now):
        """The network is here, with this own address ("": unknown) and these DNS servers; or, if
        `host` is None, it has gone (W6).

        Either way all that was under way ends. Every active account looks up its server and
        registers, but for a rejected one, which goes on waiting (W3).
        """
        desk = self.desk
        own = self.own
        desk.now = now
        self._halt()
        desk.spawn(self.purge())
        self.online = host is not None
        for one in self.registrations:
            one.rest()
        if self.online:
            address = host.encode()
            self.settings.dns_servers = servers
            self.resolver.cache.purge(now, True)
            for one in self.registrations:
                if one.current and own.host != address:
                    one.gone = own.address
                one.flow = desk.spawn(one.run(self.settings.start_jitter_s))
            own.move(address, self.settings.local_sip_port)
        desk.run()

    def _halt(self):
        desk = self.desk
        while desk.flows:
            desk.close(desk.flows[0])
        self.transactions.table.clear()

    def register(self, now):
        """Start a cycle of every registration at once (a button)."""
        desk = self.desk
        desk.now = now
        for one in self.registrations:
            if self.online:
                desk.post(one.flow, "now")
        desk.run()

    def stop(self, now):
        """End: un-REGISTER if the settings say so. `ended()` tells when all is said."""
        desk = self.desk
        desk.now = now
        self._halt()
        if self.online:
            for one in self.registrations:
                one.stop()
        self.online = False
        desk.run()

    def ended(self):
        return not self.desk.flows

    def lives(self, now):
        """Is every registration at work, and nothing long overdue (W11)?"""
        for one in self.registrations:
            if self.online and not one.flow.steps:  # type: ignore[attr-defined]
                return False
        due = self.deadline()
        return due is None or clock.diff(now, due) < _OVERDUE_MS

    def receive(self, channel, data, address, now):
        """A datagram, as bytes, from `address`."""
        desk = self.desk
        desk.now = now
        desk.trace.datagram(now, NAMES[channel], "<", address, data)
        if channel:
            self.resolver.receive(data, address)
        elif data.strip(b"\r\n\x00"):  # else a keep-alive of the peer's
            fault = self._sip(data, address)
            if fault:
                desk.count("sip " + fault)
        desk.run()

    def _sip(self, data, address):
        """A SIP message; what is wrong with it, if it has to be dropped."""
        try:
            m = message.read(data)
        except ValueError:  # the peer's fault
            return "unreadable"
        if not m.method:
            key = message.param(m.get(b"via"), b"branch"), m.about
            return None if self.transactions.receive(key, m) else "not ours"
        # Does the request come from an address that is a target (W5)?
        for one in self.registrations:
            targets = [one.current]
            for where in one.wheres:
                if where.plan:
                    targets += where.plan.targets
            for target in targets:
                if target and target.address[0] == address[0]:
                    return self.inbound.receive(m, address)
        return "stranger"

    def failed(self, channel, address, errno, now):
        """The network reports that what was sent to `address` (None: it does not say) reached
        nobody (G15)."""
        desk = self.desk
        desk.now = now
        desk.count("errno %d" % errno)
        (self.resolver if channel else self.transactions).failed(address)
        desk.run()

    def stream(self, event, data, now):
        """What the TCP stream did: OPENED, DATA or CLOSED (see `dns.resolver`)."""
        self.desk.now = now
        self.resolver.stream(event, data)
        self.desk.run()

    def purge(self):
        """A flow: drops what is so old that its wrapped time could soon be taken for a new one."""
        while True:
            now = self.desk.now
            self.desk.trace.clock(now)
            self.resolver.cache.purge(now)
            self.inbound.forget_old()
            for one in self.registrations:
                failover.open_up(one.closed, now)
                for where in one.wheres:
                    where.forget_old()
            yield clock.later(now, _HOUSEKEEPING_MS)

    # What goes out.

    def take(self):
        """What is to be sent, in order: (channel, data, address, source port)."""
        out = self.desk.out
        self.desk.out = []
        return out

    def deadline(self):
        """The time of the next `wake`; None: there is nothing to wait for."""
        first = None
        for thing in self.transactions.table + self.desk.flows:
            at = thing.deadline
            if at is not None and (first is None or clock.diff(at, first) < 0):
                first = at
        return first

    def status(self):
        """What each registration does, as a list of dicts that JSON can carry."""
        return list(map(registration.Registration.status, self.registrations))
