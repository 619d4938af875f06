"""Every byte from the network may be wrong: a storm of damaged datagrams, then calm (W1, W5)."""

from cases import CPYTHON
from sim import guide
from stories import MODES, current

SALT = (
    b"\r\n", b",", b";", b'"', b"<", b">", b"\xff", b"=", b":", b" ", b"\0", b"%s", b"401", b"503",
    b"423", b"stale=true", b"Expires: 99999999999", b"Retry-After: 9999999999999\r\n",
    b"Contact: <\r\n", b"\xc0\x0c", b"\xc0\x00",
)  # fmt: skip
FAULTS = ("silent", 503, 401, 403, 423, "trying", "late", "garbage", "twice", 302, 500)
DNS_FAULTS = ("SERVFAIL", "garbage", "truncated", "silent", "wrong ID", "twice", "REFUSED")
METHODS = ("OPTIONS", "INVITE", "BYE", "CANCEL", "ACK", "INFO")
SEEDS = 24 if CPYTHON else 4


def damaged(random, data):
    """The datagram after up to 4 accidents."""
    data = bytearray(data)
    for _ in range(random.below(5)):
        at = random.below(len(data) + 1)
        kind = random.below(4)
        if kind == 0:
            data = data[:at] + SALT[random.below(len(SALT))] + data[at:]
        elif kind == 1:
            data = data[:at] + data[at + random.below(20) :]
        elif at < len(data):
            data[at] = random.below(256) if kind == 2 else data[at] ^ 1 << random.below(8)
    return bytes(data)


def storm(seed, dns_mode):
    """200 s in which every second datagram to the phone is damaged, and servers misbehave."""
    fields = {"register_expiration_s": 20, "keep_alive": "OPTIONS", "keep_alive_interval_s": 5}
    mode = MODES[seed % len(MODES)]
    scene = guide.registration(dns_mode, mode, seed=seed, failback_timeout_s=30, **fields)
    sim = scene.sim
    random = sim.random.split("storm")
    host = sim.hosts[0]
    receive = host.receive

    def changed(frame):
        if random.below(2):
            frame.data = damaged(random, frame.data)
        return receive(frame)

    host.receive = changed
    for ms in range(0, 200000, 10000):
        sim.run(ms)
        if random.below(4) == 0:
            how = FAULTS[random.below(len(FAULTS))]
            headers = ["Retry-After: 5", "Min-Expires: 25"]
            scene.primary.fails(how, times=1 + random.below(3), headers=headers)
        if random.below(3) == 0:
            phone = (host.address, 5060)
            scene.primary.send(damaged(random, sim.frames[-1].data), phone)
            scene.primary.request(METHODS[random.below(len(METHODS))], phone)
        if random.below(8) == 0:
            scene.dns.fails(DNS_FAULTS[random.below(len(DNS_FAULTS))], times=2)
    host.receive = receive
    scene.primary.works()
    scene.dns.works()
    return scene


def test_w5_a_storm_of_damaged_datagrams_is_survived():
    for seed in range(SEEDS):
        for dns_mode in ("SRV", "NAPTR/SRV"):
            scene = storm(seed, dns_mode)
            # at the latest after the longest wait, that of a wrong password
            ends = scene.sim.now + 1300000
            while not current(scene):
                assert scene.sim.step(ends), (seed, dns_mode, scene.phone.status())
            assert len(scene.phone.transactions.table) <= 16
            assert len(scene.phone.resolver.cache.answers) <= 24
            assert not scene.phone.server or len(scene.phone.server.answers) <= 8
