"""The phone without I/O: the rooms together, and what a shell can have it do.

    phone = Phone(settings, os.urandom, Trace())
    phone.start(now)        # first of all, or phone.network(address, servers, now)
    phone.receive(SIP, data, ("192.168.10.13", 5060), now)
    for channel, data, address, port in phone.take(now): ...   # send it
    phone.deadline()        # the time of the next phone.wake(now), or None; 12 h at the latest

What comes in and goes out is `core`'s, which also says how a datagram becomes the next one. Times
are milliseconds modulo 2**30, see `clock`. Nothing raises on what came from the network.
"""

from micropython import const

from . import clock
from .core import Core
from .dns.resolver import Resolver
from .failover import Servers
from .locate.plan import Locator
from .sip.client import Client, LocalAddress
from .sip.message import BadMessage, Message, param
from .sip.registration import Registration
from .sip.transaction import Transactions

_SIP = const(0)
_IN_ROUTE = const(0)  # of outbound_proxy_mode in the settings
_HOUSEKEEPING_MS = const(43200000)  # 12 h
_OVERDUE_MS = const(3000)


class Phone(Core):
    def __init__(self, settings, urandom, trace):
        Core.__init__(self, urandom, trace)
        self.settings = settings
        self.online = False  # is there a network?
        self.resolver = Resolver(self, settings)
        self.transactions = Transactions(self, settings)
        self.on(_SIP, self._sip, self.transactions.failed)
        self.server = None  # of requests; made when the first one comes
        self.local = LocalAddress(settings.local_sip_port)
        self.registrations = []
        for i, account in enumerate(settings.accounts):
            if account.account_active:  # G25
                self._add(account, str(i), account.sip_server, account.outbound_proxy, True)
                # G22a: the secondary one is reached directly
                self._add(account, "%d+" % i, account.secondary_sip_server, "", False)
        self.spawn(self._keep_house())

    def _add(self, account, label, server, proxy, first):
        """The registration at one server of an account, by way of a proxy if there is one (G1).
        first: the account's first server, for which its other fields stand (G7, G22)."""
        if not server:
            return
        locators = [self._locator(account, label, proxy or server, bool(proxy), first)]
        backup = account.backup_outbound_proxy
        if first and backup:
            locators.append(self._locator(account, label, backup, True, False))
        client = Client(self, self.transactions, self.local, account, label, server)
        servers = Servers(self, account, label, locators)
        self.registrations.append(Registration(self, client, servers))

    def _locator(self, account, label, server, is_proxy, configured):
        route = b""
        if is_proxy and account.outbound_proxy_mode == _IN_ROUTE:
            route = b"<sip:%s;lr>" % server.encode()
        return Locator(self, self.resolver, account, label, server, configured, route)

    # What a shell can have it do.

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
        self.turn(now, self._begin, host, servers)

    def _begin(self, host, servers):
        self._halt()
        self.spawn(self._keep_house())
        self.online = host is not None
        for one in self.registrations:
            one.halt()
        if self.online:
            address = host.encode()
            self.resolver.use(servers)
            for one in self.registrations:
                one.start(self.settings.start_jitter_s, self.local.host != address)
            self.local.set(address, self.settings.local_sip_port)

    def _halt(self):
        self.close_all()
        self.transactions.clear()

    def register(self, now):
        """Start a cycle of every registration at once (a button)."""
        self.turn(now, self._hurry)

    def _hurry(self):
        if self.online:
            for one in self.registrations:
                one.hurry()

    def stop(self, now):
        """End: un-REGISTER if the settings say so. `ended()` tells when all is said."""
        self.turn(now, self._stop)

    def _stop(self):
        self._halt()
        if self.online:
            for one in self.registrations:
                one.stop()
        self.online = False

    def ended(self):
        return not self.tasks

    # What comes in.

    def _sip(self, data, address, cut):
        """A datagram of SIP; what has to be dropped is counted, and said (W5)."""
        if data.strip(b"\r\n\x00"):  # else a keep-alive of the peer's
            fault = self._read(data, address, cut)
            if fault:
                self.transactions.dropped(address)
                self.drop("W5", "sip " + fault, address)

    def _read(self, data, address, cut):
        """What is wrong with a message, if it has to be dropped."""
        try:
            message = Message(data, cut)
        except BadMessage as e:  # the peer's fault
            return "cut" if cut else e.args[0]
        message.source = address
        if message.cut:
            self.note("W5", "cut", address)
        if not message.method:
            key = param(message.get(b"via"), b"branch"), message.cseq_method
            return None if self.transactions.receive(key, message) else "not ours"
        for one in self.registrations:
            if one.knows(address[0]):
                return self._server().receive(message, address)
        return "stranger"

    def _server(self):
        if not self.server:
            # Many phones are never asked anything, so they do not load it.
            from .sip.server import Server

            self.server = Server(self)
        return self.server

    # How it is.

    def status(self):
        """What each registration does, as a list of dicts that JSON can carry."""
        return [one.status() for one in self.registrations]

    def lives(self, now):
        """Is every registration at work, and nothing long overdue (W11)?"""
        if self.online:
            for one in self.registrations:
                if not one.lives():
                    return False
        due = self.deadline()
        return due is None or clock.diff(now, due) < _OVERDUE_MS

    def _keep_house(self):
        """A task: drops what is so old that its wrapped time could soon be taken for a new one."""
        while True:
            self.trace.clock(self.now)
            self.forget_old()
            self.resolver.forget_old()
            if self.server:
                self.server.forget_old()
            for one in self.registrations:
                one.forget_old()
            yield clock.later(self.now, _HOUSEKEEPING_MS), ()
