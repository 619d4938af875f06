"""Rounds of a storm and a calm, over phones that live for some rounds each.

    campaign = Campaign(seed, 0, 40)        # rounds 0 to 39
    for _ in campaign.steps(): ...          # garbage may be collected where it yields
    campaign.watch.faults, campaign.watch.most, campaign.messages

Round n begins what round n - n % LIFE has begun: a phone with settings of its own. So a round is
repeated from there on; everything in it follows from the seed and its number.
"""

import gc
import json
from hashlib import sha256

from attack.draws import Draws
from attack.watch import MICRO, Broken, Watch, held
from attack.world import Account, World
from srvphone import account
from srvphone import trace as tracing
from srvphone.locate import regexp  # noqa: F401 - loaded when needed, but no phone's to hold
from srvphone.phone import Phone
from srvphone.sip import md5  # noqa: F401
from srvphone.trace import Trace

LIFE = 10  # rounds
MESSAGES = 50  # wrong ones a round
PASSWORDS = "Pw-One-Zq9", "Pw-Two-Xk4"
PIECE = 128  # bytes of the ballast, with its head
MODES = (
    "Default",
    "Saved one until DNS TTL",
    "Saved one until no responses",
    "Saved one until failback timeout",
)
DNS_MODES = "NAPTR/SRV", "SRV", "A Record"
STARTS = (0, 2**29 - 500, 2**30 - 500)


def ha1(user, domain, password):
    text = "%s:%s:%s" % (user, domain, password)
    return sha256(text.encode()).digest().hex()


class Campaign:
    def __init__(self, seed, first, rounds, messages=MESSAGES, kinds="", free=0, phone=Phone):
        """kinds: a part of the names of those that are sent. free: so many bytes, if not 0, are
        free when the first phone has registered (on a heap that can't grow). phone: what is made
        of the settings, a Phone or, to see that the campaign notices, a broken one."""
        self.seed = seed
        self.first = first
        self.rounds = rounds
        self.each = messages
        self.kinds = kinds
        self.free = free
        self.ballast = None
        self.make = phone
        self.watch = Watch()
        self.watch.short_of_memory = free > 0
        self.world = None
        self.messages = 0
        self.calms = 0  # that ended with the phone registered and refreshed
        self.base = None  # bytes held by the first phone of all when it had registered
        self.show = None
        self.show_from = 0

    def steps(self):
        """All of it; yields where garbage may be collected, and after each round its number."""
        for number in range(self.first, self.first + self.rounds):
            self.watch.round = number
            try:
                if number % LIFE == 0 or not self.world:
                    yield from self._begin(number)
                yield from self._round(number)
            except Broken:
                self._end()
            yield number
        self._end(True)

    def _end(self, well=False):
        """A phone's life is over; well: it is told so."""
        world = self.world
        self.world = None
        if world:
            self.messages += world.messages
            if well:
                try:
                    world.stop()
                except Broken:
                    pass

    # A phone's life.

    def _begin(self, number):
        self._end(True)
        draws = Draws(self.seed, number, 1)
        settings = self._settings(number)
        listener = self._listen if draws.chance(15) else None
        self.watch.weighs = not listener
        phone = self.make(settings, Draws(self.seed, number, 2).urandom, Trace(listener))
        accounts = [
            Account(b"2001", b"one.example", ha1("2001", "one.example", PASSWORDS[0]).encode()),
            Account(b"2002", b"two.example", ha1("2002", "two.example", PASSWORDS[1]).encode()),
        ]
        self.watch.accounts = {one.user: one.domain for one in accounts}
        secrets = [word.encode() for word in PASSWORDS] + [one.ha1 for one in accounts]
        self.watch.secrets = secrets
        self.world = world = World(
            phone, draws, accounts, self.watch, draws.pick(STARTS), self.kinds
        )
        first = settings.accounts[0]
        before = first.reregister_before_expiration_s
        world.before_s = 0 if before == "auto" else before
        world.goes_back = first.dns_srv_failover_mode == 3
        world.dns_bytes = 1232 if settings.edns0 else 512
        world.keeps_alive = first.keep_alive == 1
        self.watch.call(None, None, phone.start, world.now())
        world.collect()
        world.calm(False)
        yield from self._measure()
        self.at_first = self.size
        if self.base is None:
            self._fill()
            yield from self._measure()
            self.base = self.at_first = self.size
        self.watch.figure("drift", self.size - self.base, "between phones")

    def _fill(self):
        """Take what is to be free no more, in pieces, which fill the small gaps first."""
        if self.free:
            self.ballast = [None] * ((gc.mem_free() - self.free) // (PIECE + 8))
            for i in range(len(self.ballast)):
                self.ballast[i] = bytearray(PIECE - 32)

    def _settings(self, number):
        """Of two accounts; the modes take turns, the rest is drawn."""
        life = number // LIFE
        draws = Draws(self.seed, number, 4)
        own = {
            "dns_mode": DNS_MODES[life % len(DNS_MODES)],
            "dns_srv_failover_mode": MODES[(life + 3) % len(MODES)],
            "srv_weight_policy": draws.pick(("rfc2782", "proportional", "highest-first")),
            "unregister_on_reboot": draws.pick(("No", "All", "Instance")),
            "register_expiration_s": draws.pick((20, 60)),
            "reregister_before_expiration_s": draws.pick(("auto", 8)),
            "keep_alive": draws.pick(("No", "OPTIONS")),
            "keep_alive_interval_s": 7,
            "failback_timeout_s": 70,
        }
        one = dict(own, sip_server="one.example", sip_user_id="2001")
        one["authenticate_password"] = PASSWORDS[0]
        one["name"] = draws.pick(("", 'A "quoted\\" name'))
        if draws.chance(40):
            one["outbound_proxy"] = "proxy.one.example"
        if draws.chance(30):
            one["backup_outbound_proxy"] = "backup.one.example"
        two = dict(own, sip_server="two.example", sip_user_id="2002")
        two["ha1"] = ha1("2002", "two.example", PASSWORDS[1])
        text = {
            "dns_servers": ["192.0.2.53", "192.0.2.54"][: 1 + draws.below(2)],
            "accounts": [one, two],
            "edns0": draws.pick(("No", "Yes")),
            "dns_0x20": draws.pick(("No", "Yes")),
            "use_glue": draws.pick(("No", "Yes")),
        }
        if draws.chance(70):
            text["local_address"] = "192.0.2.1"
        settings, faults = account.load(json.dumps(text))
        if faults:
            raise ValueError(str(faults))
        return settings

    def _listen(self, record):
        """What a shell does with a record: it shows it, and the bytes without credentials."""
        text = tracing.line(record)
        data = record[5]
        if data:
            text += str(b"".join(tracing.masked(data)))
        for word in PASSWORDS:
            if word in text:
                self.watch.fault("secret", "trace", text)

    # A round.

    def _round(self, number):
        world = self.world
        world.show = self.show if number >= self.show_from else None
        world.draws = Draws(self.seed, number, 3)
        world.storm(self.each)
        world.forget()
        yield from self._measure()
        self.watch.figure("held", self.size - self.at_first, "after a storm")
        world.calm(number % 2 == 0)
        self.watch.tables(world.phone)
        self.watch.words(world.phone, world.now())
        world.forget()
        yield from self._measure()
        self.watch.figure("held", self.size - self.at_first, "after a calm")
        self.calms += 1

    def _measure(self):
        self.watch.recipe = b""
        if MICRO:
            gc.collect()
            yield None
            gc.collect()
        world = self.world
        self.size = held(world.phone, (world, self, self.watch, world.phone.urandom))
