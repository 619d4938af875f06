"""The timed part of `make bench`: runs on CPython, MicroPython unix and wasm32, prints JSON.

What is timed is what the phone does with a datagram that answers an SRV query, by the calls that
it makes: `answer.read` (question matched, every record of every section checked),
`Cache.put` (kept until its TTL) and `srv.order` (G8). And `wire.query`, the encoder.
"""

import gc
import json
import sys
import time

from srvphone.core import Core
from srvphone.dns import wire
from srvphone.dns.answer import read
from srvphone.dns.cache import Cache
from srvphone.locate import srv

GUIDE = bytes.fromhex(
    "000885800001000200010002045f736970045f75647004746573740b6772616e6473747265616d03636f6d000021"
    "0001c00c0021000100000003001d0002000113c40574657374310b6772616e6473747265616d03636f6d00c00c00"
    "21000100000003001d0001000113c40574657374320b6772616e6473747265616d03636f6d00c01b000200010000"
    "2a30000d0b656c6d72616265742d706300057465737431c01b00010001000000030004c0a80a0c057465737432c0"
    "1b0001000100002a300004c0a80a0d"
)
QUESTION = GUIDE[12:48]
RECORD = b"\xc0\x0c\x00\x21\x00\x01\x00\x00\x00\x3c\x00\x1d\x00\x01"


def eight():
    """An answer of 8 SRV records of one priority, weights 10 to 80."""
    out = GUIDE[:6] + b"\x00\x08\x00\x00\x00\x00" + QUESTION
    for i in range(8):
        target = b"\x05test%d\x0bgrandstream\x03com\x00" % i
        out += RECORD + bytes((0, 10 * (i + 1), 0x13, 0xC4)) + target
    return out


EIGHT = eight()


class Bytes:
    """A cheap source of random bytes, so that the draw is timed and not the system's entropy."""

    def __init__(self):
        self.i = 0
        self.pool = [bytes((i * 73 & 255, i * 151 & 255, i * 37 & 255, i)) for i in range(256)]

    def urandom(self, n):
        self.i = self.i + 1 & 255
        return self.pool[self.i]


def targets(cache, msg, below):
    answer = read(msg, QUESTION, 0)
    cache.put(QUESTION, answer)
    return srv.order(answer.records, srv.RFC2782, below)


def microseconds(f, rounds, *args):
    """The best of 7 runs of `rounds` calls each, per call."""
    clock = time.ticks_us if hasattr(time, "ticks_us") else lambda: time.perf_counter_ns() / 1000
    best = 0
    for _ in range(7):
        gc.collect()
        start = clock()
        for _ in range(rounds):
            f(*args)
        took = (clock() - start) / rounds
        best = took if not best else min(best, took)
    return best


def allocated(f, *args):
    """Bytes that one call takes from the heap (MicroPython; on CPython None)."""
    if not hasattr(gc, "mem_alloc"):
        return None
    f(*args)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    f(*args)
    after = gc.mem_alloc()
    gc.enable()
    return after - before


def main(rounds=2000):
    cache = Cache()
    below = Core(Bytes().urandom, None).randbelow
    out = {"interpreter": sys.implementation.name, "platform": sys.platform}
    for name, msg in (("guide", GUIDE), ("eight", EIGHT)):
        out[name + "_us"] = microseconds(targets, rounds, cache, msg, below)
        out[name + "_bytes"] = allocated(targets, cache, msg, below)
    out["query_us"] = microseconds(wire.query, rounds, 8, QUESTION)
    out["query_bytes"] = allocated(wire.query, 8, QUESTION)
    print(json.dumps(out))


if __name__ == "__main__":
    main()
