"""A telephone network on loopback: a DNS server, two registrars and the phone, scriptable.

    with Lab(dns="srv", mode="default") as lab:
        phone = lab.start_phone()
        line = phone.read(timeout_s=5)
        lab.switch("primary", "silent")          # what each server can do: lab.states("primary")

The guide's 192.168.10.13 (primary), .12 (backup), .11 (phone) stand on 127.x.y.13, .12 and .11,
the DNS server on 127.x.y.53:5300; x.y is 0.0 if that is free, so that several labs run side by
side. Where the system has only 127.0.0.1 (macOS) all of them are ports of that one; DNS modes
that know no ports (`a`, `configured-ip`) are not possible then. Nothing leaves the machine.
"""

import contextlib
import random
import socket
import tempfile
from pathlib import Path
from typing import NamedTuple

from srvphone_host import dns_server, phone_process
from srvphone_host.errors import LabError
from srvphone_host.registrar import Registrar

DNS_MODES = {
    "a": "A Record",
    "srv": "SRV",
    "naptr": "NAPTR/SRV",
    "configured-ip": "Use Configured IP",
}
FAILOVER_MODES = {
    "default": "Default",
    "ttl": "Saved one until DNS TTL",
    "no-response": "Saved one until no responses",
    "failback": "Saved one until failback timeout",
}
WITHOUT_SRV = ("a", "configured-ip")  # fail-over modes are for the others (G18)
EXPIRES_S = 5
FAILBACK_S = 8
TTL_S = {"ttl": 12}  # of a mode that needs another than the guide's 3 s
USER, PASSWORD, DOMAIN = "2002", "secret", "grandstream.com"
_GUARD_PORT = 5299  # held on the network's .1 while a lab stands there


class Place(NamedTuple):
    """Who stands where: (address, port) each."""

    phone: tuple
    dns: tuple
    primary: tuple
    backup: tuple

    @property
    def one_address(self):
        return self.primary[0] == self.backup[0]

    @property
    def network(self):
        """For a capture filter: 127.0.0.0/24."""
        return self.primary[0].rpartition(".")[0] + ".0/24"


def _try_bind(address, kind=socket.SOCK_DGRAM):
    """A socket bound to the address, or None."""
    s = socket.socket(socket.AF_INET, kind)
    try:
        s.bind(address)
    except OSError:
        s.close()
        return None
    return s


def _several_addresses():
    s = _try_bind(("127.0.0.12", 0))
    if s:
        s.close()
    return bool(s)


def find_place(one_address=False, backup_host=12):
    """A free Place, and the socket that keeps it ours while it is open (or None)."""
    if one_address or not _several_addresses():
        held = [_try_bind(("127.0.0.1", 0)) for _ in range(4)]
        place = Place(*(s.getsockname() for s in held))
        for s in held:
            s.close()
        return place, None
    for attempt in range(50):
        net = "127.0.0" if not attempt else "127.%d.%d" % _random_net()
        guard = _try_bind((net + ".1", _GUARD_PORT))
        if not guard:
            continue
        hosts = (11, 5060), (53, 5300), (13, 5060), (backup_host, 5060)
        place = Place(*(("%s.%d" % (net, host), port) for host, port in hosts))
        tried = [_try_bind(address) for address in place]
        tried.append(_try_bind(place.dns, socket.SOCK_STREAM))
        for s in filter(None, tried):
            s.close()
        if all(tried):
            return place, guard
        guard.close()
    raise LabError(
        "UDP port 5060 is taken on every loopback address, by a SIP server of this machine?\n"
        "End it, or use --one-address, which takes ports that are free."
    )


def _random_net():
    # not the test's seeded randomness: it has to differ between processes
    system = random.SystemRandom()
    return system.randrange(1, 255), system.randrange(256)


def check(dns, mode):
    """LabError if there is no such combination."""
    if dns in WITHOUT_SRV and mode != "default":
        raise LabError(
            "DNS mode %r knows only the fail-over mode 'default': the others are for srv and "
            "naptr.\nLeave out the mode, or take srv or naptr." % dns
        )


class Lab:
    """The servers stand from `with` on. `servers` is lab or real (Knot and Kamailio); `primary`
    and `backup` may be servers of the caller's: anything with start, switch and close."""

    def __init__(
        self,
        dns="srv",
        mode="default",
        servers="lab",
        one_address=False,
        primary=None,
        backup=None,
        interpreter=None,
    ):
        check(dns, mode)
        self.dns, self.mode = dns, mode
        self.interpreter = interpreter or phone_process.find_interpreter()
        self._open = contextlib.ExitStack()
        if servers == "real":
            from srvphone_host import real_servers

            dns_class, registrar_class = real_servers.Knot, real_servers.Kamailio
        else:
            dns_class, registrar_class = dns_server.GuideDns, Registrar
        self.servers = {
            "dns": dns_class(),
            "primary": primary or registrar_class(),
            "backup": backup or registrar_class(),
        }
        # Knot sorts the addresses of a name, and in DNS mode A Record the first is the primary.
        self.place, guard = find_place(one_address, 14 if (dns, servers) == ("a", "real") else 12)
        if guard:
            self._open.callback(guard.close)
        if self.place.one_address and dns in WITHOUT_SRV:
            self.close()
            raise LabError(
                "DNS mode %r wants an address for each server, and here is only 127.0.0.1.\n"
                "Take srv or naptr, or add addresses (macOS: for n in 11 12 13 53; do "
                "sudo ifconfig lo0 alias 127.0.0.$n; done)." % dns
            )

    def __enter__(self):
        try:
            self.folder = Path(self._open.enter_context(tempfile.TemporaryDirectory()))
            for name, server in self.servers.items():
                folder = self.folder / name
                folder.mkdir()
                self._open.callback(server.close)
                arguments = [self.zone()] if name == "dns" else []
                address = getattr(self.place, name)
                try:
                    server.start(address, *arguments, folder=folder)
                except OSError as e:
                    raise LabError("no place for %s at %s:%d: %s" % (name, *address, e)) from e
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        """End all that stands; the last started first."""
        self._open.close()

    def zone(self):
        """The text of the zone that the DNS server has."""
        ttl_s = TTL_S.get(self.mode, 3)
        return dns_server.zone_text(self.place.primary, self.place.backup, ttl_s)

    def states(self, name):
        """{state: what it does} of dns, primary or backup."""
        return self.servers[name].states

    def switch(self, name, state, **numbers):
        """Make dns, primary or backup behave as `state` from now on."""
        if state not in self.states(name):
            raise LabError("%s can be: %s; not %r" % (name, ", ".join(self.states(name)), state))
        self.servers[name].switch(state, **numbers)

    def name_of(self, peer):
        """dns, primary or backup for an (address, port); None for another."""
        return next((n for n in self.servers if getattr(self.place, n) == peer), None)

    def settings(self, account=None, **phone):
        """The settings file's content; `account` and further words replace or add fields."""
        fields = {
            "sip_server": DOMAIN,
            "outbound_proxy": "test." + DOMAIN,
            "sip_user_id": USER,
            "authenticate_id": USER,
            "authenticate_password": PASSWORD,
            "name": USER,
            "dns_mode": DNS_MODES[self.dns],
            "register_expiration_s": EXPIRES_S,
            "reregister_before_expiration_s": 0,
        }
        if self.dns not in WITHOUT_SRV:
            fields["dns_srv_failover_mode"] = FAILOVER_MODES[self.mode]
        if self.mode == "failback":
            fields["failback_timeout_s"] = FAILBACK_S
        if self.dns == "configured-ip":
            fields["primary_ip"] = self.place.primary[0]
            fields["backup_ip_1"] = self.place.backup[0]
        return {
            "dns_servers": ["%s:%d" % self.place.dns],
            "local_address": self.place.phone[0],
            "local_sip_port": self.place.phone[1],
            "trace": "hex",
            **phone,
            "accounts": [{**fields, **(account or {})}],
        }

    def start_phone(self, account=None, **phone):
        """The phone, as a process, with `settings(...)`. It ends with the lab."""
        process = phone_process.PhoneProcess(
            self.settings(account, **phone), self.folder, self.interpreter
        )
        self._open.callback(process.close)
        return process
