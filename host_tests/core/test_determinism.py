"""One story of everything at once: the same bytes and the same times on every interpreter."""

from sim import guide
from stories import DEFAULT, UNTIL_FAILBACK, current, settle

SHA256 = "0d9cd94d2b5dee493da80ba2fb80f11e4e0919b3fb9564f4db587a51e6d160f4"


def story(seed, tick=0):
    """Two accounts over a bad network, servers that die, refuse, return and are late."""
    scene = guide.scene(seed, tick)
    sim = scene.sim
    sim.keep = 50
    path = sim.path()
    path.delay_ms, path.jitter_ms, path.loss, path.twice = 5, 60, 10, 10
    fields = {"register_expiration_s": 60, "keep_alive": "OPTIONS"}
    scene.start(
        guide.account("SRV", UNTIL_FAILBACK, failback_timeout_s=90, **fields),
        guide.account("NAPTR/SRV", DEFAULT, use_random_retry_wait="Yes", **fields),
        start_jitter_s=10,
        dns_0x20="Yes",
        edns0="Yes",
    )
    settle(scene)
    sim.run(100000)
    scene.primary.fails("silent")
    sim.run(200000)
    scene.dns.fails("SERVFAIL")
    scene.backup.fails(503, headers=["Retry-After: 30"])
    sim.run(300000)
    scene.primary.works()
    scene.primary.fails("late", delay_ms=5000)
    scene.backup.works()
    scene.dns.works()
    sim.run(500000)
    scene.primary.works()
    scene.primary.restart()
    sim.run(1600000)
    return scene


def test_g18_a_seeded_story_ends_well():
    for seed in (1, 2, 3):
        scene = story(seed)
        ends = scene.sim.now + 10000
        while not (current(scene) and current(scene, 1)):
            assert scene.sim.step(ends), scene.phone.status()
        assert scene.primary.complaints == scene.backup.complaints == []


def test_g18_a_seeded_story_is_the_same_on_every_interpreter():
    first = story(1).sim
    assert first.digest() == story(1, 2**30 - 500).sim.digest()
    assert first.digest() != story(2).sim.digest()
    assert first.digest() == SHA256, first.digest()
