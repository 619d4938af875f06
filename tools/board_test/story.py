"""The part `story`: a phone starts, registers, fails over and comes back; time and heap.

Only what the phone's modules take counts: what the measurement itself holds is measured before
and given back. With an argument, so many bytes are free when the phone starts (on wasm32 GARBAGE
more); the rest is taken by a ballast. On wasm32 the servers then ask for SHA-256: hashlib has no
MD5 there, and ours, whose garbage stays until the end of a turn, would want 40 KB at once.
"""

import gc
import sys
import time

from common import GARBAGE, WASM, folder, free, row, urandom
from responder import BACKUP, PRIMARY, World

SERVERS = 1024  # bytes that World and a response on its way take, which are not the phone's
LIMIT_S = 4000  # of virtual time for each thing to happen: a refresh is due once an hour


def ballast(left):
    """Objects that leave so many bytes free."""
    kept = []
    size = free()
    while size > 256:
        size = min(size, free() - left - 64)
        try:
            kept.append(bytearray(max(size, 0)))
        except MemoryError:  # not in one piece
            size //= 2
    return kept


def started(measured, rooms):
    """What boot.main does up to its loop: a Phone; yields where garbage may be collected."""
    gc.collect()
    begun = time.ticks_us()
    before = free()
    from srvphone.board import boot

    print("srvphone", boot.VERSION)
    own, _ = boot._settings(folder() + "phone.json")
    busy = time.ticks_diff(time.ticks_us(), begun)
    for room in rooms:
        begun = time.ticks_us()
        gc.collect()
        busy += time.ticks_diff(time.ticks_us(), begun)
        yield
        begun = time.ticks_us()
        __import__("srvphone." + room)
        busy += time.ticks_diff(time.ticks_us(), begun)
    gc.collect()
    yield
    measured["import_ms"] = busy // 1000
    measured["import_heap"] = before - free()
    begun = time.ticks_us()
    from srvphone.board.runner import Runner  # noqa: F401
    from srvphone.phone import Phone
    from srvphone.trace import Trace

    phone = Phone(own, urandom, Trace())
    if sys.platform in ("linux", "darwin"):
        from srvphone.hostnet import HostNet as Net
    else:
        from srvphone.net import Net
    measured["net"] = Net(phone)
    gc.collect()
    if not WASM:
        gc.threshold(8192)
    measured["phone"] = phone
    measured["busy"] = busy + time.ticks_diff(time.ticks_us(), begun)
    yield


def until(world, where):
    """Go on until the phone is registered there; yields where garbage may be collected."""
    limit = world.s + LIMIT_S
    world.where = ""
    while world.where != where or world.mail or world.sent:
        for step in world.flows, world.step:
            if step() is False or world.s > limit:
                raise RuntimeError("not registered at " + where)
            if world.phone.starved:  # it would go on, but this much is not enough
                raise MemoryError
            if WASM:
                gc.collect()
                yield
    world.flows()


def steps(free_at_start, left=0):
    left = int(left)
    measured = {}
    for name in ("phone", "net", "busy", "import_ms", "import_heap"):  # its place in the heap
        measured[name] = None
    with open(folder() + "rooms.txt") as source:
        rooms = source.read().split()  # those that boot.py imports, in its order
    gc.collect()
    yield
    ours = free_at_start - free()
    if not left:
        row("free_start", free_at_start)
    spare = bytearray(SERVERS)
    kept = ballast(left + GARBAGE) if left else None
    gc.collect()
    yield
    if left:
        row("small_free", free())
        row("small_grows", int(grows()))
    yield from started(measured, rooms)
    phone = measured["phone"]
    del spare
    world = World(phone, measured["net"].ticks(), b"SHA-256" if WASM and left else b"MD5")
    world.flows = int
    if WASM and left:
        # Reading a message is one turn, and what follows from it another.
        world.flows = phone.run
        phone.run = int
    world.call(phone.start, world.now)
    measured["busy"] += world.busy_us
    world.busy_us = 0
    yield
    yield from until(world, PRIMARY)
    register_us = world.busy_us
    gc.collect()
    yield
    gc.collect()
    if not left:
        row("import_ms", measured["import_ms"])
        row("import_heap", measured["import_heap"])
        row("query_ms", measured["busy"] // 1000)
        row("register_ms", register_us / 1000)
        row("free_registered", free() + ours + SERVERS)
    for dead, where in ([PRIMARY], BACKUP), ([], PRIMARY), ([PRIMARY], BACKUP), ([], PRIMARY):
        world.dead = dead
        yield from until(world, where)
    row("small" if left else "over", "yes")
    gc.collect()
    yield
    gc.collect()
    if left:
        row("small_end", free())
    del kept


def grows():
    """Can more than the free bytes be had? Then the heap is none of a fixed size."""
    try:
        bytearray(free() + 1)
        return True
    except MemoryError:
        return False
