"""Stories: seeded scenarios of the guide's network, told by the trace of the real phone.

    python -m sim.story                 # their names
    python -m sim.story failover        # its trace; also with a MicroPython
    python -m sim.story all 7           # with seed 7, of each the digest alone

The last line is the digest: one story and seed have the same on every interpreter.
"""

import sys

from sim.guide import registration

SAVED = "Saved one until no responses"


def failover(seed, tick):
    """The primary dies for two minutes; Default mode returns to it."""
    scene = registration("SRV", "Default", seed, tick, register_expiration_s=60)
    scene.sim.at(30000, scene.primary.fails, "silent")
    scene.sim.at(150000, scene.primary.works)
    scene.sim.run(300000)
    return scene.sim


def saved(seed, tick):
    """NAPTR and SRV; the backup is kept until it refuses, and then the primary again."""
    scene = registration("NAPTR/SRV", SAVED, seed, tick, register_expiration_s=60)
    scene.sim.at(30000, scene.primary.fails, 503)
    scene.sim.at(90000, scene.primary.works)
    scene.sim.at(200000, scene.backup.fails, "closed")
    scene.sim.run(300000)
    return scene.sim


def outage(seed, tick):
    """All servers die, then DNS too; then everything returns."""
    scene = registration("SRV", "Default", seed, tick, register_expiration_s=60)
    for server in (scene.primary, scene.backup, scene.dns):
        scene.sim.at(30000, server.fails, "silent")
        scene.sim.at(200000, server.works)
    scene.sim.run(400000)
    return scene.sim


def noise(seed, tick):
    """A network that loses, doubles and reorders, and a DNS server that answers badly."""
    scene = registration("NAPTR/SRV", "Default", seed, tick, register_expiration_s=60)
    path = scene.sim.path()
    path.delay_ms, path.jitter_ms, path.loss, path.twice = 20, 80, 20, 10
    for how in ("spoofed first", "wrong ID", "SERVFAIL", "wrong question", "truncated"):
        scene.dns.fails(how, times=2)
    scene.dns.piece = 50
    scene.sim.run(600000)
    return scene.sim


STORIES = (failover, saved, outage, noise)
NAMES = ("failover", "saved", "outage", "noise")


def tell(name, seed=1, tick=0):
    """Run a story -> its Sim."""
    return STORIES[NAMES.index(name)](seed, tick)


def main(name="", seed="1"):
    if name == "all":
        for name in NAMES:
            print(name, tell(name, int(seed)).digest())
    elif name in NAMES:
        sim = tell(name, int(seed))
        for line in sim.lines:
            print(line)
        print(sim.digest())
    else:
        print("the stories are: " + ", ".join(NAMES))


if __name__ == "__main__":
    main(*sys.argv[1:])
