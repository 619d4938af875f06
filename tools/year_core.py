"""The wasm32 half of tools/year.py: a phone and years of virtual time, with its heap measured.

    HEAP=BYTES node tools/wasm/run.mjs ROOT PATHS THIS EXPIRES BEFORE DAY WEEK WEEKS TTL

EXPIRES and BEFORE are of the account (register_expiration_s, reregister_before_expiration_s); DAY
and WEEK are how many refreshes make one; in each of the WEEKS the primary is silent at one
refresh, in the middle of its first day. After them comes one day more, so that the end is like the
end of the first day. TTL, in seconds, takes the place of the guide's 3.

Prints `first NAME FIGURE` after the first day and `last NAME FIGURE` at the end, each behind what
micropython.mem_info() says, and `fault ...` for each refresh that was not as it should be. Each
turn is one happening on the days that are looked at closely, the first and the last, and one
refresh on the others: garbage is collected between turns alone.
"""

import gc
import json
import sys

import micropython
import responder
from responder import BACKUP, PRIMARY, World

SPLIT = 128 << 20  # what this port counts as free, since its heap could grow by it
MOST_FAULTS = 20
STEPS = 16  # happenings without garbage collection, at the most


class Random:
    """Bytes that are cheap and differ."""

    x = 1

    def urandom(self, n):
        self.x = x = self.x * 5 + 3 & 0xFFFFFF
        return (bytes((x & 255, x >> 8 & 255, x >> 16)) * (n // 3 + 1))[:n]


def phone(expires, before):
    """A phone with the guide's account."""
    from srvphone import account

    own = dict(responder.ACCOUNT, register_expiration_s=expires)
    own["reregister_before_expiration_s"] = before
    settings = {"dns_servers": [responder.SERVER], "local_address": responder.PHONE}
    settings["accounts"] = [own]
    settings, faults = account.load(json.dumps(settings))
    if faults:
        raise ValueError(faults)
    import srvphone
    from srvphone.phone import Phone
    from srvphone.trace import Trace

    del srvphone.account, sys.modules["srvphone.account"]
    return Phone(settings, Random().urandom, Trace())


class Year:
    def __init__(self, expires, before, day, week, weeks, ttl):
        self.expires = expires
        self.day = day
        self.week = week
        self.refreshes = weeks * week + day
        ttl = bytes([ttl >> 24, ttl >> 16 & 255, ttl >> 8 & 255, ttl & 255])
        responder.ANSWERS = [a.replace(b"\0\0\0\3\0", ttl + b"\0") for a in responder.ANSWERS]
        # SHA-256, since hashlib has no MD5 here, and ours would be most of the time.
        self.world = World(phone(expires, before), 2**30 - 500, b"SHA-256")
        # Refresh after so many ms.
        ahead_ms = 8800 if before == "auto" else before * 1000  # 1.8 s, and 3.5 s a target
        self.wait = expires - (ahead_ms + 999) // 1000, (-ahead_ms) % 1000
        self.faults = 0
        self.failovers = 0
        self.peak = 0

    def steps(self):
        """All of it: yields where garbage may be collected."""
        world = self.world
        world.phone.start(world.now)
        yield from self.until_granted(1, True)
        # Before the first day each server hands out its first nonce: that is of no day's peak.
        for dead in ([PRIMARY], []):
            world.dead = dead
            yield from self.until_granted(world.granted + 1, True)
        self.peak = 0
        granted = world.granted
        for i in range(self.refreshes):
            since = world.s, world.ms
            close = i < self.day or i >= self.refreshes - self.day
            if i == self.refreshes - self.day:
                self.peak = 0
            fail = i % self.week == self.day // 2
            world.dead = [PRIMARY] if fail else []
            world.first = None
            yield from self.until_granted(granted + i + 1, close or fail)
            self.check(i, since, BACKUP if fail else PRIMARY)
            self.failovers += fail
            if i + 1 == self.day:
                yield from self.show("first")
        yield from self.show("last")
        print("total refreshes", self.refreshes)
        print("total failovers", self.failovers)
        print("total days", world.s // 86400)

    def until_granted(self, count, close):
        world = self.world
        steps = 0
        while world.granted < count or world.mail or world.sent:
            world.step()
            steps += 1
            if close or steps % STEPS == 0:
                gc.collect()
                yield
                self.peak = max(self.peak, gc.mem_alloc())
        if not close:
            gc.collect()
            yield

    def check(self, i, since, where):
        """The refresh came when it was due, at the server where it should."""
        world = self.world
        s, ms = self.wait
        due = since[0] + s + (since[1] + ms) // 1000, (since[1] + ms) % 1000
        lapsed = world.s - since[0] > self.expires
        if world.first != due or world.where != where or lapsed:
            self.faults += 1
            if self.faults < MOST_FAULTS:
                print("fault", i, world.first, due, world.where, world.s - since[0])

    def show(self, when):
        gc.collect()
        yield
        gc.collect()
        yield
        used = gc.mem_alloc()
        micropython.mem_info()
        print(when, "peak", self.peak)
        print(when, "used", used)
        print(when, "total", used + gc.mem_free() - SPLIT)


def turn():
    """Go on to the next place where garbage is collected; False at the end."""
    return next(run, run) is not run


def arguments(expires, before, *rest):
    return [int(expires), before if before == "auto" else int(before)] + list(map(int, rest))


run = Year(*arguments(*sys.argv[1:])).steps()
