"""The guide's network: its zone, its addresses, its phone.

    scene = registration(failover="Saved one until DNS TTL", register_expiration_s=60)
    scene.sim.run(30000)
    scene.primary.fails("silent")

The addresses 192.168.10.x are the guide's and are used nowhere but here and in bytes: the primary
is .13, the backup .12. The guide's captures are separate: in those of the DNS queries (Figures 5
and 7) the phone is .11 and the DNS server .10; in that of the registration (Figure 4) the phone
is .10, so a scene with that phone has its DNS server at .1.
"""

from sim import Sim

PRIMARY = "192.168.10.13"
BACKUP = "192.168.10.12"
DNS = "192.168.10.10"
OTHER_DNS = "192.168.10.1"
PHONE = "192.168.10.11"
REALM = "grandstream.com"
USERS = {"2002": "secret"}

# Figure 18. The SOA's timers are not in the guide.
ZONE = """
$ORIGIN grandstream.com.
@               10800 IN SOA   elmrabet-pc. hostmaster.grandstream.com. 2016090607 10800 3600 604800 3
@               10800 IN NS    elmrabet-pc.
test            3     IN NAPTR 80 60 "s" "SIP+D2U" "" _sip._udp.test.grandstream.com.
_sip._udp.test  3     IN SRV   2 1 5060 test1.grandstream.com.
_sip._udp.test  3     IN SRV   1 1 5060 test2.grandstream.com.
test1           3     IN A     192.168.10.12
test2           10800 IN A     192.168.10.13
"""  # noqa: E501


def account(mode="SRV", failover="Default", **fields):
    """The guide's account as the settings file has it; further fields by their names there."""
    made = {
        "sip_server": "grandstream.com",
        "outbound_proxy": "test.grandstream.com",
        "sip_user_id": "2002",
        "authenticate_password": USERS["2002"],
        "dns_mode": mode,
        "dns_srv_failover_mode": failover,
    }
    if mode == "Use Configured IP":
        made["primary_ip"] = PRIMARY
        made["backup_ip_1"] = BACKUP
    return dict(made, **fields)


def settings(*accounts, **fields):
    """The whole settings, as a dict for `Sim.phone`; without accounts, with the guide's."""
    return dict({"dns_servers": [DNS], "accounts": list(accounts) or [account()]}, **fields)


class Scene:
    """sim, dns, primary, backup (with one location table) and phone of `registration`."""

    def __init__(self, sim, phone, dns):
        self.sim = sim
        self.dns = sim.dns(dns, ZONE)
        self.primary = sim.registrar(PRIMARY, REALM, USERS)
        self.backup = sim.registrar(BACKUP, REALM, USERS, location=self.primary.location)
        self.address = phone
        self.phone = None

    def start(self, *accounts, **fields):
        """Plug the phone in, with these accounts and phone-level fields."""
        given = settings(*accounts, **dict({"dns_servers": [self.dns.address[0]]}, **fields))
        self.phone = self.sim.phone(given, self.address)
        return self.phone


def scene(seed=1, tick=0, address=PHONE, reports=True):
    """The guide's servers, the phone not yet plugged in."""
    return Scene(Sim(seed, tick, reports), address, OTHER_DNS if address == DNS else DNS)


def registration(mode="SRV", failover="Default", seed=1, tick=0, address=PHONE, **fields):
    """The guide's servers and phone; it starts at virtual time 0. `fields`: of the account."""
    made = scene(seed, tick, address)
    made.start(account(mode, failover, **fields))
    return made
