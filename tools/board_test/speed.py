"""The part `speed`: microseconds of hashes, of a DNS answer, of the loop with nothing to do."""

import gc
import hashlib
import time

from common import WASM, row, settings, urandom
from responder import PRIMARY, SRV, World

SIXTY_FOUR = bytes(range(64))


def microseconds(f, rounds, *arguments):
    """The best of 5 runs of `rounds` calls, a call."""
    best = 0
    for _ in range(5):
        gc.collect()
        begun = time.ticks_us()
        for _ in range(rounds):
            f(*arguments)
        took = time.ticks_diff(time.ticks_us(), begun) / rounds
        best = min(best, took) if best else took
    return best


def allocated(f, *arguments):
    """Bytes that one call takes from the heap."""
    f(*arguments)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    f(*arguments)
    after = gc.mem_alloc()
    gc.enable()
    return after - before


def hashed():
    hashlib.md5(SIXTY_FOUR).digest()


def steps(_):
    rounds = 20
    if hasattr(hashlib, "md5"):
        row("md5_hashlib", microseconds(hashed, rounds))
    else:
        row("md5_hashlib", "none")
    yield
    from srvphone.sip.md5 import md5

    row("md5_own", microseconds(md5, 2 if WASM else rounds, SIXTY_FOUR))
    gc.collect()
    yield

    from srvphone.core import Core
    from srvphone.dns.answer import read
    from srvphone.dns.cache import Cache
    from srvphone.locate import srv

    message = b"\0\7" + SRV
    question = message[12:48]
    cache = Cache()
    below = Core(urandom, None).randbelow

    def targets():
        answer = read(message, question, 0)
        cache.put(question, answer)
        srv.order(answer.records, srv.RFC2782, below)

    row("srv_us", microseconds(targets, rounds))
    row("srv_bytes", allocated(targets))
    gc.collect()
    yield
    yield from loop(rounds)


class Parts:
    """A board with everything, of which nothing is there."""

    PORT = "rp2"
    NETWORK = "LAN"
    NETWORK_PINS: "dict" = {}
    LED = BUTTON = 1
    LED_KIND = "pin"
    LED_ON = BUTTON_DOWN = 1
    WATCHDOG_MS = 8300


class Nothing:
    """In place of machine and network, and of all that is in them: does nothing, well."""

    def __getattr__(self, name):
        return self

    def __call__(self, *_, **__):
        return self

    def __getitem__(self, _):
        return ""


def loop(rounds):
    """The loop of boot.main around a phone that is registered and hears nothing. LED, button,
    watchdog and interface are stand-ins, sockets there are none: it is the Python that counts."""
    import sys

    from srvphone.board.runner import Runner
    from srvphone.phone import Phone
    from srvphone.trace import Trace

    if sys.platform in ("linux", "darwin"):
        from srvphone.hostnet import HostNet as Net
    else:
        from srvphone.net import Net

    phone = Phone(settings(), urandom, Trace())
    net = Net(phone)
    runner = Runner(Parts, phone, net, lambda name: Nothing())
    world = World(phone, net.ticks())
    phone.start(world.now)
    while world.where != PRIMARY or world.mail or world.sent:
        world.step()
        if WASM:
            gc.collect()
            yield
    settings_ = phone.settings
    runner.up = settings_.local_address, settings_.dns_servers  # the network that is here

    def empty():
        runner.turn(net.ticks())
        net.turn(0)

    row("loop_us", microseconds(empty, rounds * 5))  # some clocks have milliseconds alone
