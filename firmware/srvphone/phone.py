"""The phone without I/O: what comes in, what goes out, and when it wants to be woken.

    phone = Phone(settings, os.urandom, Trace())
    phone.start(now)
    phone.receive(SIP, data, ("192.168.10.13", 5060), now)
    for channel, data, address, port in phone.take(): ...   # send it
    phone.deadline()        # the time of the next phone.wake(now), or None; 12 h at the latest

Channels: SIP, DNS (a new socket, bound to `port`, for each datagram; data None: close it), TCP
(open a stream to the address and send the data; None: close it). Times are milliseconds modulo
2**30, see `clock`. Nothing raises on what came from the network.
"""

from micropython import const

from .clock import diff, later
from .desk import DNS, NAMES, NOW, SIP, Desk
from .dns.cache import Cache
from .dns.resolver import Resolver
from .failover import open_up
from .locate.plan import Location
from .sip.inbound import Inbound
from .sip.message import BadMessage, param, read
from .sip.registration import Own, Registration
from .sip.transaction import Transactions

_HOUSEKEEPING_MS = const(43200000)  # 12 h


class Phone:
    housekeeping = None  # when it is due

    def __init__(self, settings, urandom, trace):
        self.settings = settings
        self.desk = desk = Desk(urandom, trace)
        self.cache = Cache()
        self.resolver = Resolver(
            desk,
            self.cache,
            settings.dns_servers,
            settings.edns0,
            settings.dns_0x20,
            settings.use_glue,
        )
        self.transactions = Transactions(desk, settings.sip_t1_ms, settings.sip_t2_ms)
        self.inbound = Inbound(desk)
        self.own = Own(settings.local_address.encode(), settings.local_sip_port)
        self.registrations = []
        for i, account in enumerate(settings.accounts):
            if account.account_active:  # G25
                proxies = account.outbound_proxy, account.backup_outbound_proxy
                self._add(account, str(i), account.sip_server, proxies)
                if account.secondary_sip_server:  # G22a: reached directly
                    self._add(account, "%d+" % i, account.secondary_sip_server, (None,))

    def _add(self, account, label, server, proxies):
        """One registration: at the server, by way of the proxies that are set (G1, G22)."""
        desk = self.desk
        wheres = []
        for proxy in proxies:
            if proxy or not wheres:
                configured = proxy is not None and not wheres
                where = Location(desk, self.resolver, account, label, proxy or server, configured)
                if proxy and account.outbound_proxy_mode == "in route":
                    where.route = b"<sip:%s;lr>" % proxy.encode()
                wheres.append(where)
        self.registrations.append(
            Registration(desk, self.transactions, self.own, account, label, server, wheres)
        )

    # What comes in.

    def start(self, now):
        """Power on: every active account looks up its server and registers."""
        desk = self.desk
        desk.now = now
        desk.note("-", "start")
        self.housekeeping = later(now, _HOUSEKEEPING_MS)
        for registration in self.registrations:
            registration.flow = desk.spawn(registration.run(self.settings.start_jitter_s))
        desk.run()

    def register(self, now):
        """Start a cycle of every registration at once (a button, a network that is back)."""
        self.desk.now = now
        for registration in self.registrations:
            if registration.flow:
                self.desk.post(registration.flow, NOW)
        self.desk.run()

    def stop(self, now):
        """End: un-REGISTER if the settings say so. `ended()` tells when all is said."""
        desk = self.desk
        desk.now = now
        self.housekeeping = None
        for flow in list(desk.flows):
            desk.close(flow)
        self.transactions.table.clear()
        for registration in self.registrations:
            registration.stop()
        desk.run()

    def ended(self):
        return not self.desk.flows

    def receive(self, channel, data, source, now):
        """A datagram, as bytes, from the address `source`."""
        desk = self.desk
        desk.now = now
        desk.trace.datagram(now, NAMES[channel], "<", source, data)
        if channel == DNS:
            self.resolver.receive(data, source)
        elif data.strip(b"\r\n\x00"):  # else a keep-alive of the peer's
            try:
                fault = self._receive_sip(read(data), source)
            except BadMessage:
                fault = "unreadable"
            if fault:
                desk.count("sip " + fault)
        desk.run()

    def _receive_sip(self, m, source):
        if not m.method:
            key = param(m.get(b"via"), b"branch"), m.about
            return None if self.transactions.receive(key, m) else "not ours"
        # Does the request come from an address that is a target (W5)?
        for registration in self.registrations:
            targets = [registration.current]
            for where in registration.wheres:
                targets += where.plan.targets if where.plan else []
            for target in targets:
                if target and target.address[0] == source[0]:
                    return self.inbound.receive(m, source)
        return "from a stranger"

    def failed(self, channel, peer, errno, now):
        """The network reports that what was sent to `peer` (None: it does not say) reached
        nobody (G15)."""
        desk = self.desk
        desk.now = now
        desk.count("%s errno %d" % (NAMES[channel], errno))
        if channel == SIP:
            self.transactions.refused(peer)
        else:
            self.resolver.failed(peer)
        desk.run()

    def stream(self, event, data, now):
        """What the TCP stream did: OPENED, DATA or CLOSED (see `dns.resolver`)."""
        self.desk.now = now
        self.resolver.stream(event, data)
        self.desk.run()

    def wake(self, now):
        """The time that `deadline` gave has come (being early or late does no harm)."""
        desk = self.desk
        desk.now = now
        self.transactions.wake()
        desk.run()
        if self.housekeeping is not None and diff(now, self.housekeeping) >= 0:
            # Drop what is so old that its wrapped time could soon be taken for a new one.
            self.housekeeping = later(now, _HOUSEKEEPING_MS)
            desk.trace.clock(now)
            self.cache.purge(now)
            self.inbound.forget_old()
            for registration in self.registrations:
                open_up(registration.closed, now)
                for where in registration.wheres:
                    where.forget_old()

    # What goes out.

    def take(self):
        """What is to be sent, in order: (channel, data, address, source port)."""
        out = self.desk.out
        self.desk.out = []
        return out

    def deadline(self):
        """The time of the next `wake`; None: there is nothing to wait for."""
        first = self.housekeeping
        for thing in self.transactions.table + self.desk.flows:
            at = thing.deadline
            if at is not None and (first is None or diff(at, first) < 0):
                first = at
        return first

    def status(self):
        """What each registration does, as a list of dicts that JSON can carry."""
        return [registration.status() for registration in self.registrations]
